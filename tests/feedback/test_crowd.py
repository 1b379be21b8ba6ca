import numpy as np
import pytest

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.crowd import (
    Crowd,
    CrowdConfig,
    crowd_log_likelihood,
    crowd_log_prior,
    fit_item_crowd,
    honest_prob,
    learn_crowd,
    new_crowd,
)
from prefgym.feedback.logistic import fit_logistic, item_rows, sigmoid

NUM_ITEMS, NUM_RATERS = 30, 20
HONESTY, TRUST = CrowdConfig(), CrowdConfig(reliability="trust")


def world(
    *,
    sign: np.ndarray | None = None,
    bias: np.ndarray | None = None,
    flips: float = 0.0,
    per_rater: int = 150,
    seed: int = 0,
) -> tuple[np.ndarray, Comparison]:
    """True scores, and answers of raters who follow them and favour a side so much."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0.0, 1.5, NUM_ITEMS)
    rater = np.repeat(np.arange(NUM_RATERS), per_rater)
    first, shift = rng.integers([NUM_ITEMS, NUM_ITEMS - 1], size=(len(rater), 2)).T
    second = (first + 1 + shift) % NUM_ITEMS
    follow = np.ones(NUM_RATERS) if sign is None else sign
    favour = np.zeros(NUM_RATERS) if bias is None else bias
    prob = sigmoid(follow[rater] * (score[first] - score[second]) + favour[rater])
    said = (rng.random(len(rater)) < prob) ^ (rng.random(len(rater)) < flips)
    return score, Comparison(first, second, said.astype(float), rater, NUM_RATERS)


def adversaries(count: int) -> np.ndarray:
    return np.where(np.arange(NUM_RATERS) < count, -1.0, 1.0)


def plain_scores(comparison: Comparison) -> np.ndarray:
    rows = item_rows(comparison.first, comparison.second, NUM_ITEMS)
    prior = np.eye(NUM_ITEMS) * 0.5
    return fit_logistic(rows, comparison.preference, prior_precision=prior).weight[0]


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    i, j = np.triu_indices(len(a), 1)
    return float((np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])).mean())


def three(preference: list[float], rater: list[int], num_raters: int = 2) -> Comparison:
    """Answers about the same pair."""
    count = len(preference)
    pair = np.zeros(count, np.int64), np.ones(count, np.int64)
    return Comparison(*pair, np.array(preference), np.array(rater), num_raters)


def test_honest_and_dishonest_answers_by_hand():
    # e^gap = 3: the first is preferred with 3/4 by the reward, with 1/4 against it
    gap = np.full(3, np.log(3.0))
    crowd = Crowd(np.array([0.5, 0.8]), np.ones(2), np.zeros(2))
    comparison = three([1.0, 0.0, 1.0], [0, 0, 1])
    likelihood = crowd_log_likelihood(comparison, gap, crowd)
    np.testing.assert_allclose(np.exp(likelihood), [0.5, 0.5, 0.8 * 0.75 + 0.2 * 0.25])
    honest = honest_prob(comparison, gap, crowd)
    np.testing.assert_allclose(honest, [0.75, 0.25, 0.6 / 0.65])


def test_a_side_is_favoured_whether_one_is_honest_or_not():
    crowd = Crowd(np.array([0.5, 1.0]), np.ones(2), np.array([np.log(2.0), 0.0]))
    gap = np.full(2, np.log(3.0))
    likelihood = crowd_log_likelihood(three([1.0, 0.0], [0, 1]), gap, crowd)
    # logits log 3 + log 2 and -log 3 + log 2
    np.testing.assert_allclose(np.exp(likelihood), [(6 / 7 + 2 / 5) / 2, 0.25])


def test_ties_tell_nothing_about_honesty():
    comparison = three([0.5, 0.5], [0, 1])
    crowd = Crowd(np.array([0.7, 0.2]), np.ones(2), np.zeros(2))
    np.testing.assert_allclose(honest_prob(comparison, np.array([3.0, -5.0]), crowd), [0.7, 0.2])


def test_honesty_is_counted_with_the_prior():
    comparison = three([1.0, 1.0, 0.0], [1, 1, 1])
    honest = np.array([1.0, 0.5, 0.0])
    start = new_crowd(2, HONESTY)
    np.testing.assert_allclose(start.honesty, [0.8, 0.8])
    found = learn_crowd(comparison, np.ones(3), honest, start, HONESTY)
    np.testing.assert_allclose(found.honesty, [7 / 8, (1.5 + 7) / (3 + 8)])
    np.testing.assert_allclose(found.trust, 1.0, atol=1e-9)


@pytest.mark.parametrize("config", [HONESTY, TRUST], ids=["honesty", "trust"])
def test_no_round_lowers_the_posterior(config):
    bias = np.random.default_rng(1).normal(size=NUM_RATERS)
    _, comparison = world(sign=adversaries(6), bias=bias, flips=0.1, per_rater=40)
    found = fit_item_crowd(comparison, NUM_ITEMS, config)
    assert len(found.log_posterior) > 5
    assert (np.diff(found.log_posterior) > -1e-8).all()
    gap = found.score[comparison.first] - found.score[comparison.second]
    value = crowd_log_likelihood(comparison, gap, found.crowd).sum()
    value += crowd_log_prior(found.crowd, config) - 0.25 * (found.score**2).sum()
    assert found.log_posterior[-1] == pytest.approx(value)


@pytest.mark.parametrize("config", [HONESTY, TRUST], ids=["honesty", "trust"])
@pytest.mark.parametrize("seed", range(3))
def test_adversaries_are_found_and_turned_round(config, seed):
    score, comparison = world(sign=adversaries(6), seed=seed)
    found = fit_item_crowd(comparison, NUM_ITEMS, config)
    assert kendall(found.score, score) > max(0.87, kendall(plain_scores(comparison), score) + 0.05)
    reliability = found.crowd.reliability
    assert reliability[:6].max() < 0 < reliability[6:].min()


@pytest.mark.parametrize("config", [HONESTY, TRUST], ids=["honesty", "trust"])
def test_raters_who_all_err_alike_lose_nothing(config):
    # the negative control: nobody is to be trusted more, so there is nothing to gain
    gains = []
    for seed in range(5):
        score, comparison = world(flips=0.3, seed=seed)
        crowd = fit_item_crowd(comparison, NUM_ITEMS, config).score
        gains.append(kendall(crowd, score) - kendall(plain_scores(comparison), score))
    assert abs(np.mean(gains)) < 0.03
    assert max(np.abs(gains)) < 0.08


def test_side_biases_are_found():
    bias = np.linspace(-1.5, 1.5, NUM_RATERS)
    score, comparison = world(bias=bias)
    found = fit_item_crowd(comparison, NUM_ITEMS, CrowdConfig(side_bias_sd=1.0))
    assert np.corrcoef(found.crowd.side_bias, bias)[0, 1] > 0.9
    assert found.crowd.side_bias[-1] > 0.8
    none = fit_item_crowd(comparison, NUM_ITEMS, CrowdConfig(side_bias_sd=0.0))
    np.testing.assert_allclose(none.crowd.side_bias, 0.0, atol=1e-6)
    assert kendall(found.score, score) > kendall(none.score, score)


def test_few_answers_leave_a_rater_near_the_prior():
    _, comparison = world(sign=adversaries(6), per_rater=150)
    few = np.concatenate([np.flatnonzero(comparison.raters != 0), np.arange(3)])
    found = fit_item_crowd(comparison.take(few), NUM_ITEMS, HONESTY)
    assert 0.5 < found.crowd.honesty[0] < 0.85
    assert found.crowd.honesty[1] < 0.25


def test_swapping_the_sides_changes_the_side_alone():
    bias = np.linspace(-1.0, 1.0, NUM_RATERS)
    _, there = world(bias=bias, sign=adversaries(4), per_rater=50)
    back = Comparison(there.second, there.first, 1 - there.preference, there.rater, NUM_RATERS)
    one, other = (fit_item_crowd(each, NUM_ITEMS, HONESTY) for each in (there, back))
    np.testing.assert_allclose(one.score, other.score, atol=1e-6)
    np.testing.assert_allclose(one.crowd.side_bias, -other.crowd.side_bias, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reliability": "faith"}, "reliability"),
        ({"dishonest": 0.5}, "must be at least 1"),
        ({"trust_sd": 0.0}, "must be positive"),
        ({"side_bias_sd": -1.0}, "must be positive"),
    ],
)
def test_settings_are_checked(wrong, words):
    with pytest.raises(Exception, match=words):  # a checker of types may come first
        CrowdConfig(**wrong)
