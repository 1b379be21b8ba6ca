import math
from statistics import NormalDist

import numpy as np
import pytest

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.opinion import (
    Disagreement,
    Opinion,
    fit_opinion,
    population_disagreement,
    population_opinion,
    repeated_disagreement,
)
from prefgym.feedback.population import Population

POPULATION = Population(np.array([1.0, 0.0]), np.diag([0.01, 4.0]))


def test_a_low_quantile_by_hand() -> None:
    opinion = Opinion(np.array([1.0, 2.0]), np.array([0.0, 3.0]))
    # a tenth of a normal distribution lies 1.2816 standard deviations below its mean
    np.testing.assert_allclose(opinion.quantile(0.1), [1.0, 2.0 - 3 * 1.2815516], rtol=1e-6)
    np.testing.assert_allclose(opinion.quantile(0.5), opinion.mean)


def test_explained_is_the_share_of_variance_between_things() -> None:
    opinion = Opinion(np.array([-1.0, 1.0]), np.array([1.0, math.sqrt(5.0)]))
    assert opinion.explained == pytest.approx(1 / (1 + 3))


def divided(num_answers: int, *, rng: np.random.Generator) -> tuple[np.ndarray, Comparison]:
    """Twelve items; people agree about the first six and differ by 3 about the others."""
    sd = np.where(np.arange(12) < 6, 0.3, 3.0)
    mean = np.tile([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], 2)
    first, shift = rng.integers([12, 11], size=(num_answers, 2)).T
    second = (first + 1 + shift) % 12
    worth = rng.normal(mean[[first, second]], sd[[first, second]])
    return mean, Comparison(first, second, (worth[0] > worth[1]).astype(float))


def test_what_divides_people_is_seen_without_knowing_who_answered() -> None:
    mean, comparison = divided(20_000, rng=np.random.default_rng(0))
    opinion, value = fit_opinion(np.eye(12), comparison)
    assert opinion.sd[6:].min() > 1.5 * opinion.sd[:6].max()
    assert np.corrcoef(opinion.mean, mean)[0, 1] > 0.95
    assert opinion.mean.mean() == pytest.approx(0.0, abs=1e-9)
    # the cautious choice is one on which people agree, the daring one another
    assert opinion.quantile(0.1).argmax() == 5
    alike, flat = fit_opinion(np.eye(12), comparison, spread_l2=1e6)
    np.testing.assert_allclose(alike.sd, 1.0, atol=1e-3)
    assert value > flat + 0.005


def test_means_are_in_units_of_the_spread() -> None:
    mean, comparison = divided(20_000, rng=np.random.default_rng(2))
    truly = Opinion(mean, np.where(np.arange(12) < 6, 0.3, 3.0))
    opinion, value = fit_opinion(np.eye(12), comparison)
    assert opinion.explained == pytest.approx(truly.explained, abs=0.03)
    # the log-likelihood of the very process that answered: Phi(gap / spread), by its integral
    first, second = comparison.first, comparison.second
    gap = (mean[first] - mean[second]) / np.hypot(truly.sd[first], truly.sd[second])
    prob = np.array([NormalDist().cdf(one) for one in gap])
    assert value == pytest.approx(
        np.log(np.where(comparison.preference > 0.5, prob, 1 - prob)).mean(), abs=0.003
    )


def test_a_fit_is_where_nothing_nearby_is_better() -> None:
    _, comparison = divided(300, rng=np.random.default_rng(1))
    _, best = fit_opinion(np.eye(12), comparison)
    _, again = fit_opinion(np.eye(12), comparison, num_steps=1000)
    assert best == pytest.approx(again, abs=1e-6)


def test_the_order_of_a_pair_does_not_matter() -> None:
    _, there = divided(300, rng=np.random.default_rng(2))
    back = Comparison(there.second, there.first, 1 - there.preference)
    one, other = fit_opinion(np.eye(12), there)[0], fit_opinion(np.eye(12), back)[0]
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-3)
    np.testing.assert_allclose(one.sd, other.sd, atol=1e-3)


def test_a_populations_opinion_by_hand() -> None:
    opinion = population_opinion(POPULATION, np.array([[1.0, 0.0], [2.0, 1.5]]))
    np.testing.assert_allclose(opinion.mean, [1.0, 2.0])
    np.testing.assert_allclose(opinion.sd, [0.1, math.sqrt(0.04 + 9.0)])


def test_disagreement_is_split_as_simulated_people_disagree() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 3.0]])
    found = population_disagreement(POPULATION, rows)
    rng = np.random.default_rng(0)
    people = rng.multivariate_normal(POPULATION.mean, POPULATION.covariance, size=200_000)
    prob = sigmoid(people @ rows.T)
    np.testing.assert_allclose(found.between, prob.var(axis=0), atol=0.002)
    np.testing.assert_allclose(found.within, (prob * (1 - prob)).mean(axis=0), atol=0.002)
    total = prob.mean(axis=0) * (1 - prob.mean(axis=0))
    np.testing.assert_allclose(found.between + found.within, total, atol=0.002)
    assert found.real_share == pytest.approx(found.between.sum() / total.sum(), abs=0.01)


def test_people_who_want_the_same_disagree_by_noise_alone() -> None:
    alike = Population(np.array([1.0]), np.array([[1e-12]]))
    assert population_disagreement(alike, np.ones((1, 1))).real_share < 1e-6
    assert Disagreement(np.array([0.3]), np.array([0.1])).real_share == pytest.approx(0.75)


def test_repeats_tell_opinion_from_noise_by_hand() -> None:
    # ann says 1, 1 and 0 of one pair (once with the sides swapped), bob 0 and 0
    first = np.array([4, 4, 2, 4, 4])
    second = np.array([2, 2, 4, 2, 2])
    preference = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    rater = np.array([0, 0, 0, 1, 1])
    comparison = Comparison(first, second, preference, rater, 2)
    # own: 2 of 4 pairs of answers differ; of two people: 4 of 6
    assert repeated_disagreement(comparison) == pytest.approx(1 - (2 / 4) / (4 / 6))


def test_repeats_agree_with_the_model_on_simulated_people() -> None:
    rng = np.random.default_rng(3)
    people = rng.multivariate_normal(POPULATION.mean, POPULATION.covariance, size=400)
    things = rng.normal(size=(40, 2))
    rater = np.repeat(np.arange(400), 80)
    first = np.tile(np.repeat(np.arange(0, 40, 2), 4), 400)
    rows = things[first] - things[first + 1]
    said = rng.random(len(rater)) < sigmoid((rows * people[rater]).sum(axis=1))
    comparison = Comparison(first, first + 1, said.astype(float), rater, 400)
    expected = population_disagreement(POPULATION, things[::2] - things[1::2]).real_share
    assert repeated_disagreement(comparison) == pytest.approx(expected, abs=0.05)


def test_without_repeats_nothing_is_known() -> None:
    one = Comparison(np.array([0, 2]), np.array([1, 3]), np.array([1.0, 0.0]), np.arange(2), 2)
    assert math.isnan(repeated_disagreement(one))
    ties = Comparison(np.zeros(2, np.int64), np.ones(2, np.int64), np.array([0.5, 0.5]))
    assert math.isnan(repeated_disagreement(ties))
