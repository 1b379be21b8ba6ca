import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.logistic import (
    answer_log_likelihood,
    fit_logistic,
    item_rows,
    sigmoid,
    uphill,
)


def problem(num_answers: int = 80, num_features: int = 4, seed: int = 0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(num_answers, num_features))
    truth = rng.normal(size=num_features)
    return rows, (rng.random(num_answers) < sigmoid(rows @ truth)).astype(float), rng


def test_newton_finds_what_a_general_optimiser_finds():
    rows, preference, rng = problem()
    counts = rng.uniform(0.0, 2.0, (2, len(rows)))
    shift, mean = rng.normal(size=len(rows)), rng.normal(size=4)
    root = rng.normal(size=(4, 4))
    precision = root @ root.T + np.eye(4)
    found = fit_logistic(
        rows,
        preference,
        prior_precision=precision,
        prior_mean=mean,
        counts=counts,
        offset=shift,
    )
    for member, count in enumerate(counts):

        def loss(w, count=count):
            likelihood = answer_log_likelihood(rows @ w + shift, preference)
            return (w - mean) @ precision @ (w - mean) / 2 - count @ likelihood

        best = scipy.optimize.minimize(loss, np.zeros(4), tol=1e-10)
        np.testing.assert_allclose(found.weight[member], best.x, atol=1e-4)
        assert found.value[member] == pytest.approx(-best.fun)
        at, way = found.weight[member], 1e-3 * rng.normal(size=4)
        bend = loss(at + way) - 2 * loss(at) + loss(at - way)
        assert bend == pytest.approx(way @ found.precision[member] @ way, rel=1e-3)


def test_one_comparison_by_hand():
    # the posterior's slope is 0 where 1 - s(2 a) = a: scores of a and -a
    found = fit_logistic(item_rows(*np.array([[0], [1]]), 3), np.ones(1), prior_precision=np.eye(3))
    high, low, never = found.weight[0]
    assert high == pytest.approx(-low)
    assert never == 0.0
    assert 1 / (1 + np.exp(2 * high)) == pytest.approx(high)


def test_items_scores_are_weights_of_one_hot_rows():
    rows = item_rows(np.array([0, 2]), np.array([1, 0]), 3)
    np.testing.assert_array_equal(rows, [[1, -1, 0], [-1, 0, 1]])


def test_counts_repeat_answers():
    rows, preference, rng = problem()
    counts = rng.integers(0, 4, len(rows))
    prior = np.eye(4)
    weighed = fit_logistic(rows, preference, prior_precision=prior, counts=counts[None] * 1.0)
    repeated = fit_logistic(
        rows.repeat(counts, axis=0), preference.repeat(counts), prior_precision=prior
    )
    np.testing.assert_allclose(weighed.weight, repeated.weight, atol=1e-6)


def test_answers_that_no_weights_could_contradict_stay_finite():
    rows = np.full((50, 1), 30.0)
    found = fit_logistic(rows, np.ones(50), prior_precision=np.eye(1) * 1e-6)
    assert np.isfinite(found.weight).all()
    assert found.weight[0, 0] > 0


def test_a_step_too_long_is_halved_until_it_climbs():
    def objective(at):
        return -((at[:, 0] - 1.0) ** 2)

    at, step = np.zeros((2, 1)), np.array([[8.0], [1.0]])
    point, value = uphill(objective, at, step, objective(at))
    np.testing.assert_allclose(point[:, 0], [2.0, 1.0])
    np.testing.assert_allclose(value, [-1.0, 0.0])


@given(st.floats(-800, 800), st.floats(0, 1))
def test_log_likelihoods_are_of_the_sigmoid(logit, preference):
    (value,) = answer_log_likelihood(np.array([logit]), np.array([preference]))
    assert np.isfinite(value)
    if abs(logit) < 30:
        (prob,) = sigmoid(np.array([logit]))
        assert prob == pytest.approx(1 / (1 + np.exp(-logit)))
        with np.errstate(divide="ignore"):
            by_hand = preference * np.log(prob) + (1 - preference) * np.log1p(-prob)
        assert value == pytest.approx(by_hand, rel=1e-4, abs=1e-9)
