from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit_linear import fit_linear
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.personal import (
    PersonalPrior,
    answer_rows,
    fit_person,
    fit_prior,
    load_prior,
    log_evidence,
    redraw,
    save_prior,
    with_weights,
)
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments

BOX = spaces.Box(-99.0, 99.0, (4,))
INPUTS = RewardInputs(InputConfig(action=False), BOX, spaces.Box(-1.0, 1.0, (1,)))
MODEL = RewardModelConfig(inputs=INPUTS.config, num_members=8)
UNITS = np.array([1.0, 10.0, 0.1, 1.0])


def segments(count: int = 150, seed: int = 0) -> Segments:
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(count, 1, 4)) + 0.3 * rng.normal(size=(count, 5, 4))
    seen, done = (steps * UNITS).astype(np.float32), np.zeros((count, 5, 1), np.float32)
    return Segments(seen, done, seen, np.ones((count, 5), bool), steps)


def people(count: int, seed: int) -> np.ndarray:
    """All like the first quantity; they differ on the second and third."""
    rng = np.random.default_rng(seed)
    return np.array([1.0, 0, 0, 0]) + rng.normal(size=(count, 2)) @ [[0, 2, 0, 0], [0, 0, 2.0, 0]]


def compare(some: Segments, weight: np.ndarray, number: int, seed: int) -> Comparison:
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(len(weight)), number)
    first, step = rng.integers([len(some), len(some) - 1], size=(len(rater), 2)).T
    second = (first + 1 + step) % len(some)
    returns = some.criteria.sum(axis=1) @ weight.T
    gap = (returns[first, rater] - returns[second, rater]) / 2
    said = (rng.random(len(rater)) < sigmoid(gap)).astype(float)
    return Comparison(first, second, said, rater, len(weight))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def accuracy(model: RewardModel, weight: np.ndarray) -> float:
    fresh = segments(100, seed=99)
    found = model.returns(fresh).mean(dim=(0, 2)).numpy()
    true = fresh.criteria.sum(axis=1) @ weight
    i, j = np.triu_indices(100, 1)
    return float(((found[i] > found[j]) == (true[i] > true[j])).mean())


@pytest.fixture(scope="module")
def prior() -> PersonalPrior:
    some = segments()
    return fit_prior(
        some,
        compare(some, people(150, seed=1), 12, seed=2),
        model_config=MODEL,
        inputs=INPUTS,
        config=PopulationConfig(),
        generator=generator(),
    )


def persons_model(prior, weight, number, seed=3, *, more=()):
    some = segments(60, seed=7)
    told = compare(some, weight[None], number, seed)
    return fit_person(prior, some, [told, *more], generator=generator())


def test_a_few_answers_on_top_of_the_prior_make_a_model_of_ones_own(prior):
    found = np.array(
        [
            [accuracy(prior.model, weight)]
            + [accuracy(persons_model(prior, weight, number), weight) for number in (5, 40)]
            for weight in people(12, seed=5)
        ]
    )
    average, five, forty = found.mean(axis=0)
    assert five > average + 0.08
    assert forty > max(0.9, five + 0.02)


def test_without_answers_a_model_is_the_average_persons(prior):
    some = segments(60, seed=7)
    none = Comparison(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    for feedback in ([], [none]):
        model = fit_person(prior, some, feedback, generator=generator())
        mean = prior.population.mean[:, None]
        np.testing.assert_allclose(model.net.weight.mean(dim=0), mean, rtol=1e-5)
        assert bool(model.informed)


def test_ratings_tell_of_a_person_too(prior):
    weight = people(1, seed=11)[0]
    some = segments(60, seed=7)
    index = np.arange(30)
    value = some.criteria.sum(axis=1)[index] @ weight
    rating = Rating(index, value[:, None], np.zeros(30, np.int64))
    with_ratings = persons_model(prior, weight, 3, more=[rating])
    assert accuracy(with_ratings, weight) > accuracy(persons_model(prior, weight, 3), weight) + 0.02


def test_members_of_the_prior_are_people(prior):
    weight = prior.model.net.weight[:, :, 0].double().numpy()
    np.testing.assert_allclose(weight.mean(axis=0), prior.population.mean, atol=1e-4)
    # they differ where people differ
    spread = weight.std(axis=0, ddof=1)
    assert min(spread[1], spread[2]) > 2 * spread[3]


def test_a_cautious_model_is_what_all_but_a_few_are_content_with(prior):
    base = prior.model
    wary = replace(base.config, pessimism=1.0)
    rows = np.array([[0.0, 0, 0, 0], [1.0, 0, 0, 0], [1.0, 20.0, 0, 0]], np.float32)
    action, done = np.zeros((3, 1), np.float32), np.zeros(3, bool)
    bold = base.reward(rows, action, rows, done)
    cautious = RewardModel(wary, base.inputs, base.net)
    cautious.load_state_dict(base.state_dict())
    loss = bold - cautious.reward(rows, action, rows, done)
    assert (loss >= 0).all()
    assert loss[2] > 2 * loss[1]  # people disagree about the second quantity


def test_rows_are_what_weights_multiply(prior):
    some = segments(20, seed=8)
    told = compare(some, people(2, seed=1), 5, seed=1)
    rows = answer_rows(prior.model, some, told)
    weight = np.random.default_rng(0).normal(size=(1, rows.shape[1]))
    model = with_weights(prior.model, torch.from_numpy(weight), some, [told])
    returns = model.returns(some)[0, :, 0].numpy()
    np.testing.assert_allclose(
        rows @ weight[0], returns[told.first] - returns[told.second], atol=1e-4
    )


def test_a_prior_survives_a_folder(prior, tmp_path):
    save_prior(prior, tmp_path / "prior")
    back = load_prior(tmp_path / "prior", BOX, spaces.Box(-1.0, 1.0, (1,)))
    assert back.model.to_bytes() == prior.model.to_bytes()
    assert back.population.to_bytes() == prior.population.to_bytes()
    assert sorted(path.suffix for path in (tmp_path / "prior").iterdir()) == [".safetensors"] * 2


def test_files_that_do_not_belong_together_are_refused(prior, tmp_path):
    size = len(prior.population.mean) - 1
    smaller = replace(
        prior.population,
        mean=prior.population.mean[:size],
        covariance=prior.population.covariance[:size, :size],
    )
    save_prior(prior._replace(population=smaller), tmp_path)
    with pytest.raises(ValueError, match=f"a population of {size} weights"):
        load_prior(tmp_path, BOX, spaces.Box(-1.0, 1.0, (1,)))


def test_a_person_has_one_head():
    some = segments(10)
    with pytest.raises(ValueError, match="1 head, got 2"):
        fit_prior(
            some,
            compare(some, people(1, seed=0), 3, seed=0),
            model_config=replace(MODEL, heads=("a", "b")),
            inputs=INPUTS,
            config=PopulationConfig(),
            generator=generator(),
        )


def test_redrawn_members_are_other_people_of_the_same_population(prior):
    wide = redraw(prior, replace(MODEL, num_members=300, pessimism=0.5), generator=generator())
    assert wide.population is prior.population
    assert wide.model.config.num_members == 300
    weight = wide.model.net.weight[:, :, 0].double().numpy()
    np.testing.assert_allclose(weight.mean(axis=0), prior.population.mean, atol=1e-4)
    ratio = np.trace(np.cov(weight.T)) / np.trace(prior.population.covariance)
    assert 0.8 < ratio < 1.25
    for name in ("input_mean", "input_sd", "output_scale", "output_offset"):
        assert torch.equal(getattr(wide.model, name), getattr(prior.model, name))


def test_a_model_that_reads_something_else_takes_no_prior(prior):
    for other in (replace(MODEL, heads=("a", "b")), replace(MODEL, inputs=InputConfig())):
        with pytest.raises(ValueError, match="1 head and read what the prior's model reads"):
            redraw(prior, other, generator=generator())


def test_a_person_unlike_the_others_is_heard(prior):
    """Whoever wants what nobody wants needs a prior that gives way; the average person does not."""
    spreads = (1.0, 3.0, 10.0, 30.0)
    some = segments(60, seed=7)

    def accuracies(weight):
        told = compare(some, weight[None], 60, 3)
        return [
            accuracy(fit_person(prior, some, [told], spreads=s, generator=generator()), weight)
            for s in ((1.0,), spreads)
        ]

    alike, open_minded = accuracies(np.array([-1.0, 0, 0, 4.0]))
    assert open_minded > alike + 0.02
    alike, open_minded = accuracies(np.array([1.0, 1.0, -1.0, 0]))
    assert open_minded > alike - 0.02


def test_evidence_is_the_integral_over_what_a_person_may_want():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=12)
    said = (rng.random(12) < sigmoid(2 * gap)).astype(float)
    count = np.arange(12)
    told = Comparison(count, count + 12, said)
    column = torch.from_numpy(np.concatenate([gap, np.zeros(12)]))
    white = torch.stack([column, torch.zeros(24)], dim=1)
    offset = torch.from_numpy(np.concatenate([0.3 * np.ones(12), np.zeros(12)]))
    precision = torch.tensor([2.0, 0.5, 0.1], dtype=torch.float64)
    tried = fit_linear(white, [told], precision, offset=offset)
    found = log_evidence(tried, white, offset, [told], precision)
    weight = np.linspace(-30, 30, 60_001)
    prob = sigmoid(np.where(said == 1, 1, -1)[:, None] * (gap[:, None] * weight + 0.3))
    for one, evidence in zip(precision.numpy(), found.numpy(), strict=True):
        density = np.exp(-one * weight**2 / 2) * np.sqrt(one / (2 * np.pi))
        exact = np.log((prob.prod(axis=0) * density).sum() * (weight[1] - weight[0]))
        assert evidence == pytest.approx(exact, abs=0.15)
