import numpy as np
import pytest

from prefgym.feedback.fit_population import (
    Block,
    PopulationConfig,
    block_posteriors,
    blocks,
    fit_population,
)
from prefgym.feedback.logistic import fit_logistic, sigmoid
from prefgym.feedback.population import (
    Population,
    load_population,
    person_posterior,
    population_from_bytes,
)

SIZE = 6
MEAN = np.array([1.0, -1.0, 0.0, 0.0, 0.5, 0.0])
WAYS = np.array([[2.0, 0, 0, 0, 0, 0], [0, 0, 2.0, 1.0, 0, 0]]).T  # in which people differ
CONFIG = PopulationConfig()


def people(count: int, *, rng: np.random.Generator) -> np.ndarray:
    return MEAN + rng.normal(size=(count, 2)) @ WAYS.T


def ask(weight: np.ndarray, number: int, *, rng: np.random.Generator):
    """Rows, answers and who gave them."""
    rater = np.repeat(np.arange(len(weight)), number)
    rows = rng.normal(size=(len(rater), SIZE))
    prob = sigmoid((rows * weight[rater]).sum(axis=1))
    return rows, (rng.random(len(rater)) < prob).astype(float), rater


def accuracy(found: np.ndarray, true: np.ndarray) -> float:
    """Share of fresh pairs that each person's weights order as the person does, on average."""
    rows = np.random.default_rng(99).normal(size=(500, SIZE))
    return float(((rows @ found.T > 0) == (rows @ true.T > 0)).mean())


@pytest.fixture(scope="module")
def learned() -> Population:
    rng = np.random.default_rng(0)
    return fit_population(*ask(people(300, rng=rng), 12, rng=rng), CONFIG).population


def test_mean_and_spread_of_people_are_recovered(learned):
    assert learned.num_people == 300
    np.testing.assert_allclose(learned.mean, MEAN, atol=0.4)
    values, vectors = np.linalg.eigh(learned.covariance)
    # two directions stand out, and they are those in which people differ
    assert values[-2] > 4 * values[-3]
    among = np.linalg.qr(WAYS)[0]
    assert np.linalg.svd(among.T @ vectors[:, -2:])[1].min() > 0.95


def test_five_answers_place_a_new_person(learned):
    rng = np.random.default_rng(1)
    new = people(100, rng=rng)
    rows, preference, rater = ask(new, 5, rng=rng)
    mine = [rater == person for person in range(100)]
    own = np.stack([person_posterior(learned, rows[i], preference[i]).mean for i in mine])
    wide = np.eye(SIZE) / 4
    alone = np.stack(
        [fit_logistic(rows[i], preference[i], prior_precision=wide).weight[0] for i in mine]
    )
    average = np.tile(learned.mean, (100, 1))
    assert accuracy(own, new) > accuracy(average, new) + 0.05
    assert accuracy(own, new) > accuracy(alone, new) + 0.08


def test_without_answers_a_person_is_the_population(learned):
    found = person_posterior(learned, np.zeros((0, SIZE)), np.zeros(0))
    np.testing.assert_allclose(found.mean, learned.mean)
    np.testing.assert_allclose(found.covariance, learned.covariance, rtol=1e-6)


def test_many_answers_outweigh_the_population(learned):
    rng = np.random.default_rng(2)
    odd = np.array([[-2.0, 3.0, 0.0, 0.0, 0.0, 2.0]])
    rows, preference, _ = ask(odd, 20_000, rng=rng)
    found = person_posterior(learned, rows, preference)
    np.testing.assert_allclose(found.mean, odd[0], atol=0.3)
    assert np.trace(found.covariance) < 0.05 * np.trace(learned.covariance)


def test_everyone_at_once_is_each_alone(learned):
    rng = np.random.default_rng(3)
    numbers = [1, 7, 40]
    parts = [ask(people(1, rng=rng), n, rng=rng) for n in numbers]
    rows, preference = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    rater = np.repeat([4, 1, 9], numbers)
    found = {}
    for block in blocks(rows, preference, rater):
        start = np.zeros((len(block.person), SIZE))
        mode, covariance = block_posteriors(learned, block, start, 30)
        found |= dict(zip(block.person.tolist(), zip(mode, covariance, strict=True), strict=True))
    assert sorted(found) == [1, 4, 9]
    for person, (own_rows, own_preference, _) in zip((4, 1, 9), parts, strict=True):
        alone = person_posterior(learned, own_rows, own_preference)
        np.testing.assert_allclose(found[person][0], alone.mean, atol=1e-4)
        np.testing.assert_allclose(found[person][1], alone.covariance, atol=1e-4)


def test_blocks_hold_every_answer_once_and_little_padding():
    rng = np.random.default_rng(4)
    rater = rng.permutation(np.repeat(np.arange(90), rng.integers(1, 60, 90)))
    rows = np.arange(len(rater), dtype=float)[:, None]
    told = list(blocks(rows, rows[:, 0], rater))
    kept = np.concatenate([block.rows[block.counts > 0][:, 0] for block in told])
    assert sorted(kept) == sorted(rows[:, 0])
    for block in told:
        assert isinstance(block, Block)
        assert (rater[block.preference.astype(int)] == block.person[:, None])[
            block.counts > 0
        ].all()
        assert block.counts.mean() >= 0.5
        assert (block.rows[block.counts == 0] == 0).all()


def test_the_order_of_answers_and_the_names_of_people_do_not_matter():
    rng = np.random.default_rng(5)
    rows, preference, rater = ask(people(30, rng=rng), 6, rng=rng)
    shuffled, name = rng.permutation(len(rater)), rng.permutation(30)
    there = fit_population(rows, preference, rater, CONFIG)
    back = fit_population(rows[shuffled], preference[shuffled], name[rater][shuffled], CONFIG)
    np.testing.assert_allclose(there.population.mean, back.population.mean, atol=1e-6)
    np.testing.assert_allclose(there.weight, back.weight[name], atol=1e-6)


def test_low_rank_leaves_the_other_directions_alike():
    rng = np.random.default_rng(6)
    answers = ask(people(60, rng=rng), 12, rng=rng)
    found = fit_population(*answers, PopulationConfig(rank=2)).population
    values = np.linalg.eigvalsh(found.covariance)
    np.testing.assert_allclose(values[:4], values[0], rtol=1e-6)
    assert values[4] > 2 * values[0]


def test_a_centred_population_has_mean_zero():
    rng = np.random.default_rng(7)
    answers = ask(people(50, rng=rng), 10, rng=rng)
    found = fit_population(*answers, PopulationConfig(centred=True)).population
    assert not found.mean.any()
    # what was the mean is now one of the ways in which people differ from nothing
    along = MEAN / np.linalg.norm(MEAN)
    assert along @ found.covariance @ along > 1.0


def test_people_who_are_all_alike_hardly_differ():
    rng = np.random.default_rng(8)
    alike = np.tile(MEAN, (200, 1))
    found = fit_population(*ask(alike, 20, rng=rng), PopulationConfig(num_rounds=200)).population
    assert np.trace(found.covariance) < 0.6


def test_a_population_survives_a_file(learned, tmp_path):
    path = tmp_path / "population.safetensors"
    path.write_bytes(learned.to_bytes())
    back = load_population(path)
    assert back.to_bytes() == learned.to_bytes()
    np.testing.assert_array_equal(back.covariance, learned.covariance)
    assert back.num_people == 300


@pytest.mark.parametrize("end", [0, 5, 40, -9])
def test_a_damaged_file_is_refused(learned, end, tmp_path):
    path = tmp_path / "population.safetensors"
    path.write_bytes(learned.to_bytes()[:end])
    with pytest.raises(ValueError, match=r"population\.safetensors: not a prefgym population"):
        load_population(path)


def test_a_newer_file_is_refused(learned):
    newer = learned.to_bytes().replace(b'format\\": 1', b'format\\": 2')
    with pytest.raises(ValueError, match="format <= 1, got 2; update"):
        population_from_bytes(newer)


def test_a_population_is_a_normal_distribution():
    with pytest.raises(ValueError, match="symmetric"):
        Population(np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="positive definite"):
        Population(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="finite"):
        Population(np.array([np.nan]), np.eye(1))


def test_settings_are_checked():
    with pytest.raises(ValueError, match="rank must be at least 1"):
        PopulationConfig(rank=0)
    with pytest.raises(ValueError, match="pseudo_people positive"):
        PopulationConfig(pseudo_people=0.0)
    none = np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="at least one answer"):
        fit_population(*none, CONFIG)
