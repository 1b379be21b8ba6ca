"""Bradley-Terry on features: logistic regression on feature differences, many fits as one batch.

An answer about a pair is a row x = phi(first) - phi(second), and P(first) = sigmoid(x @ w +
offset). With the identity as phi the weights are the scores of items.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

MAX_ITERATIONS = 50
_HALVINGS = 12
_TOLERANCE = 1e-9


Objective = Callable[[Float64[np.ndarray, "member feature"]], Float64[np.ndarray, " member"]]


class LogisticFit(NamedTuple):
    """Weights of the highest posterior, the curvature there, and the objective's value."""

    weight: Float64[np.ndarray, "member feature"]
    precision: Float64[np.ndarray, "member feature feature"]
    value: Float64[np.ndarray, " member"]


def item_rows(
    first: Int64[np.ndarray, " answer"], second: Int64[np.ndarray, " answer"], num_items: int
) -> Float64[np.ndarray, "answer item"]:
    """Rows whose weights are the items' scores: 1 for the first item, -1 for the second."""
    rows = np.zeros((len(first), num_items))
    answer = np.arange(len(first))
    rows[answer, first] = 1.0
    rows[answer, second] -= 1.0
    return rows


def answer_log_likelihood(
    logit: Float64[np.ndarray, "*#batch"], preference: Float64[np.ndarray, "*#batch"]
) -> Float64[np.ndarray, "..."]:
    """Log-likelihood p log s(logit) + (1 - p) log s(-logit); a tie is half of either answer."""
    return (preference - 1) * logit - np.logaddexp(0.0, -logit)


def sigmoid(logit: Float64[np.ndarray, "*batch"]) -> Float64[np.ndarray, "*batch"]:
    """1 / (1 + exp(-logit)), without overflow."""
    return (1 + np.tanh(logit / 2)) / 2


def fit_logistic(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
    *,
    prior_precision: Float64[np.ndarray, "feature feature"],
    prior_mean: Float64[np.ndarray, " feature"] | None = None,
    counts: Float64[np.ndarray, "member answer"] | None = None,
    offset: Float64[np.ndarray, " answer"] | None = None,
    start: Float64[np.ndarray, "member feature"] | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> LogisticFit:
    """Weights that maximise sum(counts log-likelihood) + log N(w; mean, precision^-1), per member.

    Newton's method, halved where it overshoots; the objective is strictly concave.

    Args:
        rows: differences of features, first less second.
        preference: probability that the first is preferred.
        prior_precision: inverse covariance of the normal prior; positive definite.
        prior_mean: None: zero.
        counts: how much each answer counts to each member; None: one member, and all count 1.
        offset: added to the logits; None: zero.
        start: where to begin; None: at the prior's mean.
        max_iterations: Newton steps; few give a step uphill rather than the summit.
    """
    counts = np.ones((1, len(rows))) if counts is None else counts
    mean = np.zeros(rows.shape[1]) if prior_mean is None else prior_mean
    shift = np.zeros(len(rows)) if offset is None else offset
    weight = np.tile(mean, (len(counts), 1)) if start is None else start

    def objective(at: Float64[np.ndarray, "member feature"]) -> Float64[np.ndarray, " member"]:
        likelihood = answer_log_likelihood(at @ rows.T + shift, preference)
        gap = at - mean
        return (counts * likelihood).sum(axis=1) - quadratic(gap, prior_precision) / 2

    value = objective(weight)
    for _ in range(max_iterations):
        prob = sigmoid(weight @ rows.T + shift)
        gradient = (counts * (preference - prob)) @ rows - (weight - mean) @ prior_precision
        precision = _curvature(rows, counts * prob * (1 - prob)) + prior_precision
        weight, new_value = uphill(objective, weight, newton_step(precision, gradient), value)
        done = (new_value - value <= _TOLERANCE * (1 + np.abs(value))).all()
        value = new_value
        if done:
            break
    prob = sigmoid(weight @ rows.T + shift)
    precision = _curvature(rows, counts * prob * (1 - prob)) + prior_precision
    return LogisticFit(weight, precision, value)


def newton_step(
    precision: Float64[np.ndarray, "member feature feature"],
    gradient: Float64[np.ndarray, "member feature"],
) -> Float64[np.ndarray, "member feature"]:
    """precision^-1 gradient of every member."""
    return np.linalg.solve(precision, gradient[:, :, None])[:, :, 0]


def uphill(
    objective: Objective,
    at: Float64[np.ndarray, "member feature"],
    step: Float64[np.ndarray, "member feature"],
    value: Float64[np.ndarray, " member"],
) -> tuple[Float64[np.ndarray, "member feature"], Float64[np.ndarray, " member"]]:
    """The longest of the steps 1, 1/2, 1/4 ... that does not lower a member's objective."""
    best, best_value = at, value
    pending = np.ones(len(at), np.bool_)
    for power in range(_HALVINGS):
        trial = at + step * 0.5**power
        trial_value = objective(trial)
        good = pending & (trial_value >= value)
        best = np.where(good[:, None], trial, best)
        best_value = np.where(good, trial_value, best_value)
        pending = pending & ~good
        if not pending.any():
            break
    return best, best_value


def quadratic(
    vector: Float64[np.ndarray, "member feature"],
    matrix: Float64[np.ndarray, "feature feature"],
) -> Float64[np.ndarray, " member"]:
    """The form x' M x of every member."""
    return ((vector @ matrix) * vector).sum(axis=1)


def _curvature(
    rows: Float64[np.ndarray, "answer feature"], spread: Float64[np.ndarray, "member answer"]
) -> Float64[np.ndarray, "member feature feature"]:
    """X' diag(spread) X of every member; a loop takes a matrix product, an einsum would not."""
    return np.stack([(rows * each[:, None]).T @ rows for each in spread])
