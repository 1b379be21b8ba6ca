"""Scores by hand, and the toy task on which active choice has to pay.

Ten features, pairs whose features differ, half of them by next to nothing: a person's answers to
those are coin flips. Rewards are linear, answers Bradley-Terry, and the posterior is Laplace's.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.agents.config import LoopConfig
from prefgym.feedback.acquisition import (
    bald,
    d_optimal,
    disagreement,
    entropy,
    epig,
    narrowed,
    thompson,
)
from prefgym.feedback.batching import power_order, spread_order

NUM_FEATURES, NUM_PAIRS, NUM_DRAWS, CAP = 10, 400, 64, 150
SEEDS = range(8)


def sigmoid(x):
    return (1 + np.tanh(x / 2)) / 2


def laplace(x, y):
    """Mean and covariance of the posterior of a logistic regression under a standard prior."""
    w = np.zeros(NUM_FEATURES)
    for _ in range(30):
        p = sigmoid(x @ w)
        precision = (x * (p * (1 - p))[:, None]).T @ x + np.eye(NUM_FEATURES)
        step = np.linalg.solve(precision, x.T @ (y - p) - w)
        w = w + step
        if np.abs(step).max() < 1e-8:
            break
    return w, np.linalg.inv(precision)


def score(method, x, mean, covariance, draws, rng):
    gaps = draws @ x.T
    if method == "uniform":
        return rng.random(len(x))
    if method == "d-optimal":
        return d_optimal(np.einsum("qi,ij,qj->q", x, covariance, x), x @ mean)
    return {"bald": bald, "disagreement": disagreement, "entropy": entropy}[method](sigmoid(gaps))


def order(how, scores, x, size, rng):
    if how == "power":
        return power_order(scores, rng=rng)
    if how == "spread":
        return spread_order(scores, x, size, rng=rng)
    return np.argsort(-scores)


def learn(method, seed, *, how="top", size=1, cap=CAP):
    """Cosine of the mean weights with the true ones after each batch."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=NUM_FEATURES)
    truth *= 4 / np.linalg.norm(truth)
    x = rng.normal(size=(NUM_PAIRS, NUM_FEATURES))
    x[: NUM_PAIRS // 2] *= 0.05
    asked, answers, cosines = [], [], []
    mean, covariance = np.zeros(NUM_FEATURES), np.eye(NUM_FEATURES)
    while len(asked) < cap:
        root = np.linalg.cholesky(covariance)
        draws = mean + rng.normal(size=(NUM_DRAWS, NUM_FEATURES)) @ root.T
        free = np.setdiff1d(np.arange(NUM_PAIRS), asked)
        scores = score(method, x[free], mean, covariance, draws, rng)
        batch = free[order(how, scores, x[free], size, rng)[:size]]
        asked += batch.tolist()
        answers += (rng.random(size) < sigmoid(x[batch] @ truth)).tolist()
        mean, covariance = laplace(x[asked], np.array(answers, float))
        cosines.append(float(mean @ truth / np.linalg.norm(mean) / np.linalg.norm(truth)))
        if size == 1 and cosines[-1] >= 0.95:
            break
    return cosines


def queries_needed(method):
    """Mean number of answers to a cosine of 0.95, `CAP` at most."""
    return float(np.mean([len(learn(method, seed)) for seed in SEEDS]))


@pytest.fixture(scope="module")
def uniform_needs():
    return queries_needed("uniform")


@pytest.mark.parametrize(
    ("method", "share"), [("bald", 0.5), ("d-optimal", 0.5), ("disagreement", 0.75)]
)
def test_active_choice_needs_a_fraction_of_the_queries(method, share, uniform_needs):
    assert queries_needed(method) <= share * uniform_needs


def test_asking_what_is_nearest_to_a_coin_flip_is_worse_than_asking_anything(uniform_needs):
    assert queries_needed("entropy") > uniform_needs
    assert LoopConfig().selection != "entropy"


def after_three_batches(method, how):
    """Mean cosine after three batches of twenty."""
    return float(np.mean([learn(method, seed, how=how, size=20, cap=60)[-1] for seed in range(20)]))


@pytest.mark.parametrize("how", ["top", "power", "spread"])
@pytest.mark.parametrize("method", ["bald", "d-optimal"])
def test_batches_of_twenty_still_learn(method, how):
    found = after_three_batches(method, how)
    assert found >= 0.90
    assert found >= after_three_batches("uniform", "top") + 0.03


def test_thompson_finds_the_best_sooner():
    """Of 60 clips; after 30 answers the favourite is better than where pairs were drawn."""

    def regret(method, seed):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=NUM_FEATURES)
        clips = rng.normal(size=(60, NUM_FEATURES))
        first, second = np.triu_indices(60, 1)
        value = clips @ truth
        mean, covariance, asked, answers = np.zeros(10), np.eye(10), [], []
        for _ in range(6):
            draws = rng.multivariate_normal(mean, covariance, size=NUM_DRAWS)
            if method == "thompson":
                batch = thompson(draws @ clips.T, first, second, 5, rng=rng)
            else:
                batch = rng.choice(len(first), 5, replace=False)
            asked += batch.tolist()
            gap = value[first[batch]] - value[second[batch]]
            answers += (rng.random(5) < sigmoid(2 * gap)).tolist()
            x = clips[first[asked]] - clips[second[asked]]
            mean, covariance = laplace(x, np.array(answers, float))
        return float(value.max() - value[(clips @ mean).argmax()])

    found = {name: np.mean([regret(name, seed) for seed in range(20)]) for name in ("thompson", "")}
    assert found["thompson"] < 0.6 * found[""]


# --- by hand


def test_d_optimal_by_hand():
    # x = (3, 0): variance 9 x 2 = 18, gap log 3: p (1 - p) = 3/16
    found = d_optimal(np.array([18.0, 18.0, 0.0]), np.array([math.log(3), 0.0, 0.0]))
    np.testing.assert_allclose(found, [18 * 3 / 16, 18 / 4, 0.0])


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=4), st.floats(-3, 3), st.integers(0, 99))
def test_d_optimal_orders_by_the_gain_in_information(features, mean, seed):
    """log det(P + p(1-p) x x^T) - log det P = log(1 + p(1-p) x^T S x), for any precision P."""
    rng = np.random.default_rng(seed)
    x = np.array(features)
    root = rng.normal(size=(len(x), len(x)))
    precision = root @ root.T + np.eye(len(x))
    variance = x @ np.linalg.solve(precision, x)
    p = sigmoid(mean)
    gained = np.linalg.slogdet(precision + p * (1 - p) * np.outer(x, x))[1]
    gained -= np.linalg.slogdet(precision)[1]
    (found,) = d_optimal(np.array([variance]), np.array([mean]))
    assert math.log1p(found) == pytest.approx(gained, abs=1e-9)


def test_entropy_is_highest_at_a_coin_flip_whether_or_not_members_agree():
    probabilities = np.array([[0.5, 0.0, 0.9], [0.5, 1.0, 0.9]])
    found = entropy(probabilities)
    np.testing.assert_allclose(found[:2], math.log(2))
    assert found[2] == pytest.approx(-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))
    assert bald(probabilities)[0] == pytest.approx(0.0)


def test_thompson_asks_between_the_favourites_of_two_members():
    """The first member likes the clips 0, 1, 2, 3 ever more, the second ever less."""
    returns = np.array([[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]])
    first, second = np.array([0, 1, 0, 2]), np.array([1, 2, 3, 1])
    for seed in range(5):
        chosen = thompson(returns, first, second, 4, rng=np.random.default_rng(seed))
        assert chosen[0] == 2
        assert sorted(chosen.tolist()) == [0, 1, 2, 3]
    alone = thompson(returns[:1], first, second, 4, rng=np.random.default_rng(0))
    assert sorted(alone.tolist()) == [0, 1, 2, 3]
    equal = thompson(np.zeros((2, 4)), first, second, 4, rng=np.random.default_rng(0))
    assert sorted(equal.tolist()) == [0, 1, 2, 3]


def test_members_of_other_scales_have_the_same_say_with_thompson():
    returns = np.random.default_rng(0).normal(size=(3, 20))
    first, second = np.arange(0, 20, 2), np.arange(1, 20, 2)
    scaled = returns * [[1.0], [100.0], [0.01]] + [[5.0], [0.0], [-3.0]]
    one = thompson(returns, first, second, 10, rng=np.random.default_rng(1))
    other = thompson(scaled, first, second, 10, rng=np.random.default_rng(1))
    assert one.tolist() == other.tolist()


def test_an_answer_narrows_the_members_as_the_posterior_would_be():
    """Of a linear model: (S^-1 + p (1 - p) x x^T)^-1, whatever the answer."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4)
    x = rng.normal(size=(9, 4))
    gaps = weights @ x.T
    found = narrowed(gaps, 3)
    np.testing.assert_allclose(found.mean(axis=0), gaps.mean(axis=0))
    p = sigmoid(gaps[:, 3].mean())
    covariance = np.cov(weights.T, ddof=0)
    left = np.linalg.inv(np.linalg.inv(covariance) + p * (1 - p) * np.outer(x[3], x[3]))
    np.testing.assert_allclose(np.cov(found.T, ddof=0), x @ left @ x.T, atol=1e-9)


def test_predictive_gain_by_hand():
    # gaps of mean 0: noise 4; the first two of variance 4 and equal, the third apart from them
    gaps = np.array([[2.0, 2.0, 1.0], [2.0, 2.0, -1.0], [-2.0, -2.0, 1.0], [-2.0, -2.0, -1.0]])
    one = -math.log(1 - (4 / 8) ** 2) / 2
    np.testing.assert_allclose(epig(gaps, np.array([1])), [one, 0.0, 0.0])
    np.testing.assert_allclose(epig(gaps, np.arange(3)), [one / 3, one / 3, 0.0])


def test_predictive_gain_passes_over_what_tells_of_nothing_else():
    """The last query is the most disputed, and of a kind of its own."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=(200, 1)), 3 * rng.normal(size=(200, 1))
    gaps = np.concatenate([shared * np.linspace(0.5, 1.5, 9), own], axis=1)
    assert d_optimal(gaps.var(axis=0), gaps.mean(axis=0)).argmax() == 9
    assert epig(gaps, np.arange(10)).argmax() == 8
