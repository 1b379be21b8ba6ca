import math
from itertools import permutations
from statistics import NormalDist

import numpy as np
import pytest

from prefgym.simulations.choices import (
    NOTHING,
    correct,
    pick,
    pick_prob,
    rank,
    take_over,
    temperature,
)
from prefgym.simulations.raters import Calibration, Teacher, answer, calibrate

NUM_DRAWS = 20_000
Z = NormalDist().inv_cdf(0.995)  # two-sided 99 %
UNIT = Calibration(return_sd=1.0, equal_gap=0.0, skip_return=-math.inf)
BEST = Teacher("best")
NOISY = Teacher("noisy", rationality=2.0)


def rng(seed=0):
    return np.random.default_rng(seed)


def assert_frequencies(counts, probabilities):
    """All counts within a 99 % interval of their binomials (Bonferroni's, for all at once)."""
    counts, probabilities = np.asarray(counts), np.asarray(probabilities)
    num = counts.sum()
    sd = np.sqrt(num * probabilities * (1 - probabilities))
    wide = NormalDist().inv_cdf(1 - 0.005 / len(counts))
    assert (np.abs(counts - num * probabilities) <= wide * sd + 1e-9).all()


# --- picking


def test_pick_probabilities_by_hand():
    # values 0 and log 3 at temperature 1, then at 1/2: 3^2
    values = np.array([[0.0, math.log(3)]])
    assert pick_prob(values, 1.0)[0].tolist() == pytest.approx([0.25, 0.75])
    assert pick_prob(values, 0.5)[0].tolist() == pytest.approx([0.1, 0.9])
    assert pick_prob(values, 0.0)[0].tolist() == [0.0, 1.0]
    assert pick_prob(values, math.inf)[0].tolist() == [0.5, 0.5]
    absent = np.array([[0.0, -math.inf, 0.0]])
    for heat in (0.0, 1.0, math.inf):
        assert pick_prob(absent, heat)[0, 1] == 0.0


@pytest.mark.parametrize("heat", [0.0, 0.5, 2.0, math.inf])
def test_picks_are_as_frequent_as_their_probabilities(heat):
    values = np.array([[0.3, -1.0, 1.2, -math.inf]])
    picks = pick(np.repeat(values, NUM_DRAWS, axis=0), heat, rng=rng())
    assert_frequencies(np.bincount(picks, minlength=4), pick_prob(values, heat)[0])


# --- ranking


def test_rankings_are_as_frequent_as_plackett_luce_says():
    returns = np.array([0.0, 0.4, -0.3])
    ranks, skipped = rank(NOISY, np.tile(returns, (NUM_DRAWS, 1)), UNIT, rng=rng())
    assert not skipped.any()
    orders = list(permutations(range(3)))
    counts = [(ranks.argsort(axis=1) == order).all(axis=1).sum() for order in orders]
    worth = np.exp(2.0 * returns)
    expected = [worth[a] / worth.sum() * worth[b] / (worth[b] + worth[c]) for a, b, c in orders]
    assert sum(expected) == pytest.approx(1.0)
    assert_frequencies(counts, expected)


def test_a_ranking_of_two_is_answered_as_a_comparison():
    returns = rng(1).normal(size=(NUM_DRAWS, 2))
    teacher = Teacher("all", rationality=1.5, mistake=0.1, equal=0.2, skip=0.1)
    thresholds = calibrate(teacher, returns)
    ranks, skipped = rank(teacher, returns, thresholds, rng=rng(2))
    told = answer(teacher, returns, returns, thresholds, rng=rng(3))
    np.testing.assert_array_equal(skipped, told.skipped)
    tied = (ranks[:, 0] == ranks[:, 1]) & ~skipped
    np.testing.assert_array_equal(tied, told.tied)
    first = (ranks[:, 0] < ranks[:, 1])[~skipped & ~tied].mean()
    expected = told.preference[~told.skipped & ~told.tied].mean()
    assert first == pytest.approx(expected, abs=Z * math.sqrt(0.5 / (0.7 * NUM_DRAWS)))


def test_one_who_never_errs_ranks_by_returns_and_ties_equals():
    ranks, _ = rank(BEST, np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 7.0]]), UNIT, rng=rng())
    assert ranks.tolist() == [[2, 0, 1], [1, 1, 0]]


def test_who_knows_nothing_ranks_at_random():
    ranks, _ = rank(
        Teacher("x", rationality=0.0), np.tile([0.0, 9.0], (NUM_DRAWS, 1)), UNIT, rng=rng()
    )
    assert_frequencies(np.bincount(ranks[:, 0]), [0.5, 0.5])


def test_neighbours_closer_than_the_threshold_share_a_rank():
    close = Calibration(return_sd=1.0, equal_gap=0.5, skip_return=0.0)
    returns = np.array([[3.0, 2.8, 1.0, 0.9], [-1.0, -2.0, -3.0, -4.0]])
    ranks, skipped = rank(BEST, returns, close, rng=rng())
    assert ranks[0].tolist() == [0, 0, 1, 1]
    assert skipped.tolist() == [False, True]


def test_a_mistake_turns_the_whole_order_over():
    ranks, _ = rank(Teacher("m", mistake=1.0), np.array([[1.0, 3.0, 2.0]]), UNIT, rng=rng())
    assert ranks.tolist() == [[0, 2, 1]]


# --- correcting


def test_corrections_are_a_softmax_of_their_gains():
    gains = np.array([[0.5, -0.2, 0.1]])
    chosen = correct(NOISY, np.repeat(gains, NUM_DRAWS, axis=0), UNIT, rng=rng())
    assert_frequencies(np.bincount(chosen), pick_prob(gains, 0.5)[0])


def test_nothing_is_corrected_that_gains_too_little():
    wide = Calibration(return_sd=4.0, equal_gap=0.0, skip_return=-math.inf)
    gains = np.array([[0.9, 0.0], [1.1, 0.0], [-2.0, -1.0], [-math.inf, -math.inf]])
    chosen = correct(BEST, gains, wide, least_gain=0.25, rng=rng())
    assert chosen.tolist() == [NOTHING, 0, NOTHING, NOTHING]


# --- taking over


def test_the_first_decision_worth_it_is_taken_and_its_best_option():
    gains = np.array([[0.1, 0.2, -1.0], [0.4, 0.9, 0.8], [5.0, 0.0, 0.0]])
    assert take_over(gains, UNIT, least_gain=0.5) == (1, 1)
    assert take_over(gains, UNIT, least_gain=2.0) == (2, 0)
    assert take_over(gains, UNIT, least_gain=9.0) == (NOTHING, NOTHING)
    wide = Calibration(return_sd=10.0, equal_gap=0.0, skip_return=-math.inf)
    assert take_over(gains, wide, least_gain=0.25) == (2, 0)
    assert take_over(np.zeros((0, 3)), UNIT) == (NOTHING, NOTHING)


def test_temperature_is_in_units_of_return():
    wide = Calibration(return_sd=4.0, equal_gap=0.0, skip_return=-math.inf)
    assert temperature(NOISY, wide) == 2.0
    assert temperature(BEST, wide) == 0.0
    assert temperature(Teacher("x", rationality=0.0), wide) == math.inf


@pytest.mark.parametrize("act", [lambda *args, **named: rank(*args, **named).rank, correct])
def test_answers_follow_from_the_seed(act):
    values = rng(5).normal(size=(50, 4))
    first, second, other = (act(NOISY, values, UNIT, rng=rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
