"""Worked examples of the literature, laws, and other people's programs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from prefgym.feedback.agreement_statistics import (
    bootstrap,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    trust,
    wilson,
)

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section D: 4 observers,
# 12 units, 5 levels, missing values.
OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
# Fleiss 1971's example as in Wikipedia, "Fleiss' kappa": 14 people, 10 units, 5 levels.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def rng():
    return np.random.default_rng(0)


def counted(rows, num_levels):
    counts = np.zeros((len(rows[0]), num_levels), np.int64)
    for row in rows:
        for unit, level in enumerate(row):
            if level is not None:
                counts[unit, level] += 1
    return counts


def krippendorffs_own():
    rows = [[None if v == "." else int(v) - 1 for v in row.split()] for row in OBSERVERS]
    return counted(rows, 5)


@pytest.mark.parametrize(("ordinal", "alpha"), [(False, 0.743), (True, 0.815)])
def test_alpha_is_that_of_krippendorffs_own_example(ordinal, alpha):
    found = krippendorff_alpha(krippendorffs_own(), ordinal=ordinal, rng=rng())
    assert found.value == pytest.approx(alpha, abs=5e-4)
    assert found.low < alpha < found.high


def test_kappa_is_that_of_fleiss():
    found = fleiss_kappa(np.array(FLEISS), rng=rng())
    assert found.value == pytest.approx(0.210, abs=5e-4)


def test_kappa_is_that_of_cohen():
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_nominal_alpha_is_that_of_crowd_kit():
    pandas = pytest.importorskip("pandas")
    metrics = pytest.importorskip("crowdkit.metrics.data")
    draws = rng()
    rows = [[int(v) for v in draws.integers(0, 3, 20)] for _ in range(4)]
    table = pandas.DataFrame(
        [(unit, f"r{k}", row[unit]) for k, row in enumerate(rows) for unit in range(20)],
        columns=["task", "worker", "label"],
    )
    found = krippendorff_alpha(counted(rows, 3), ordinal=False, rng=rng())
    assert found.value == pytest.approx(metrics.alpha_krippendorff(table), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=50))
def test_cohens_kappa_is_that_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    first, second = zip(*pairs, strict=True)
    table = np.zeros((3, 3), np.int64)
    np.add.at(table, (first, second), 1)
    if len({*first, *second}) > 1:
        expected = metrics.cohen_kappa_score(first, second)
        assert cohen_kappa(table) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_is_that_of_scipy(drawn):
    successes, trials = drawn
    found = wilson(successes, trials)
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_people_who_always_agree_agree_perfectly():
    counts = np.array([[3, 0, 0], [0, 2, 0], [0, 0, 4]])
    for found in (krippendorff_alpha(counts, rng=rng()), fleiss_kappa(counts, rng=rng())):
        assert found.value == pytest.approx(1.0)
        assert found.low == pytest.approx(1.0)


@pytest.mark.parametrize("statistic", [krippendorff_alpha, fleiss_kappa])
def test_answers_by_chance_agree_by_chance(statistic):
    counts = rng().multinomial(3, [0.4, 0.2, 0.4], size=4000)
    found = statistic(counts, rng=rng())
    assert found.low < 0 < found.high
    assert found.high - found.low < 0.1


@pytest.mark.parametrize("statistic", [krippendorff_alpha, fleiss_kappa])
def test_what_one_person_answered_tells_nothing_of_agreement(statistic):
    alone = np.array([[1, 0, 0], [0, 0, 1]])
    assert np.isnan(statistic(alone, rng=rng()).value)
    shared = np.array([[2, 0, 0], [1, 1, 0], [0, 0, 2]])
    expected = statistic(shared, rng=rng()).value
    assert statistic(np.concatenate([shared, alone]), rng=rng()).value == expected


@pytest.mark.parametrize("statistic", [krippendorff_alpha, fleiss_kappa])
def test_agreement_is_unknown_where_all_say_the_same(statistic):
    assert np.isnan(statistic(np.array([[2, 0, 0], [3, 0, 0]]), rng=rng()).value)


@pytest.mark.parametrize("statistic", [krippendorff_alpha, fleiss_kappa])
@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_which_segment_a_query_calls_first_does_not_matter(statistic, swaps):
    counts = rng().multinomial(3, [0.6, 0.1, 0.3], size=12)
    swapped = np.where(np.array(swaps)[:, None], counts[:, ::-1], counts)
    found = statistic(counts, mirrored=True, rng=rng())
    assert statistic(swapped, mirrored=True, rng=rng()).value == pytest.approx(found.value)


def test_the_same_seed_gives_the_same_interval():
    counts = krippendorffs_own()
    assert krippendorff_alpha(counts, rng=rng()) == krippendorff_alpha(counts, rng=rng())


def test_the_bootstrap_covers_a_mean_about_as_often_as_it_says():
    draws = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        sample = np.column_stack([draws.normal(3.0, 1.0, 60), np.ones(60)])
        found = bootstrap(sample, lambda s: s[:, 0] / s[:, 1], num_samples=300, rng=draws)
        covered += found.low <= 3.0 <= found.high
    assert 0.90 <= covered / 300 <= 0.98


def test_many_units_are_drawn_block_by_block():
    counts = rng().multinomial(2, [0.7, 0.1, 0.2], size=30_000)
    found = krippendorff_alpha(counts, rng=rng())
    assert found.low < found.value < found.high


def simulated(skills, num_units, per_unit, draws):
    """Answers of people who are right with the given probabilities."""
    truth = draws.random(num_units) < 0.5
    raters = np.concatenate(
        [draws.permutation(len(skills))[:per_unit] for _ in range(num_units)]
    ).astype(np.int64)
    units = np.repeat(np.arange(num_units), per_unit)
    right = draws.random(len(raters)) < np.array(skills)[raters]
    return raters, units, truth[units] == right, truth


def test_trust_finds_who_is_right_without_being_told():
    skills = [0.95, 0.9, 0.9, 0.85, 0.9, 0.5, 0.1]
    raters, units, firsts, _ = simulated(skills, 1200, 4, rng())
    found = trust(raters, units, firsts, np.full(1200, np.nan), len(skills))
    assert found == pytest.approx(np.array(skills), abs=0.05)


@pytest.mark.filterwarnings("ignore::Warning:crowdkit")  # uses what pandas deprecates
def test_trust_is_that_of_crowd_kit_where_the_prior_weighs_little():
    pandas = pytest.importorskip("pandas")
    classification = pytest.importorskip("crowdkit.aggregation.classification")
    skills = [0.9, 0.8, 0.7, 0.6, 0.85]
    raters, units, firsts, _ = simulated(skills, 6000, 5, rng())
    table = pandas.DataFrame({"task": units, "worker": raters, "label": firsts.astype(int)})
    model = classification.OneCoinDawidSkene(n_iter=100).fit(table)
    found = trust(raters, units, firsts, np.full(6000, np.nan), 5)
    assert found == pytest.approx(model.skills_.sort_index().to_numpy(), abs=0.003)


def test_trust_follows_what_is_known_to_be_right():
    units = np.arange(40)
    firsts = np.ones(40, bool)
    found = trust(np.repeat([0, 1], 20), units, firsts, np.repeat([1.0, 0.0], 20), 3)
    assert found[:2] == pytest.approx([28 / 30, 8 / 30])
    assert np.isnan(found[2])


def test_a_question_nobody_else_answered_changes_no_trust():
    found = trust(np.zeros(9, np.int64), np.arange(9), np.ones(9, bool), np.full(9, np.nan), 1)
    assert np.isnan(found[0])
