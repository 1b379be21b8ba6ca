"""Judges fitted to people's ratings, by the probabilities of their levels rather than by draws."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prefgym.agents.agreement import (
    agreement_with,
    copied,
    level_shares,
    rater_agreement,
    within_item_sd,
)
from prefgym.simulations.judges import LEVELS, Judge, level_prob

AGREEMENT_WEIGHT = 4.0  # an error of agreement counts twice as much as one of spread or usage


class Truth(NamedTuple):
    """Distinct criteria, and how many items and pairs of an article's items have them."""

    criteria: NDArray[np.float64]
    counts: NDArray[np.float64]
    """(value, criterion)."""
    pairs: NDArray[np.float64]
    """(criterion, value, value)."""


def truth_of(criteria: NDArray[np.float64]) -> Truth:
    """The distinct criteria of items (article, item, criterion)."""
    values, flat = np.unique(criteria.round(6), return_inverse=True)
    index = flat.reshape(criteria.shape)
    first, second = np.triu_indices(criteria.shape[1], 1)
    num_criteria = criteria.shape[2]
    counts = np.zeros((len(values), num_criteria))
    pairs = np.zeros((num_criteria, len(values), len(values)))
    for k in range(num_criteria):
        np.add.at(counts[:, k], index[:, :, k], 1)
        np.add.at(pairs[k], (index[:, first, k], index[:, second, k]), 1)
    return Truth(values, counts, pairs)


def expected_usage(judge: Judge, truth: Truth) -> NDArray[np.float64]:
    """Share of each level: (criterion, level)."""
    return np.asarray(truth.counts.T @ _levels(judge, truth) / truth.counts.sum(axis=0)[:, None])


def expected_agreement(judge: Judge, truth: Truth) -> NDArray[np.float64]:
    """Pair agreement of two such judges, of each criterion."""
    above, below = _orders(judge, truth)
    decided = above + below
    alike = above**2 + below**2 + decided * (1 - decided) / 2
    return np.asarray(
        (truth.pairs * alike).sum(axis=(1, 2)) / (truth.pairs * decided).sum(axis=(1, 2))
    )


def expected_truth_agreement(judge: Judge, truth: Truth) -> NDArray[np.float64]:
    """Pair agreement of such a judge with the truth, of each criterion."""
    above, below = _orders(judge, truth)
    right = np.sign(truth.criteria[:, None] - truth.criteria[None, :])
    pairs = truth.pairs * (right != 0)
    alike = (1 + right * (above - below)) / 2
    return np.asarray((pairs * alike).sum(axis=(1, 2)) / pairs.sum(axis=(1, 2)))


def expected_sd(judge: Judge, truth: Truth, num_raters: int) -> NDArray[np.float64]:
    """Mean standard deviation of so many such judges' ratings of an item, of each criterion."""
    low, high = LEVELS
    answers = np.array(list(product(range(high - low + 1), repeat=num_raters)))
    each = _levels(judge, truth)[:, answers].prod(axis=-1) @ answers.std(axis=1, ddof=1)
    return np.asarray(each @ truth.counts / truth.counts.sum(axis=0))


def fit_expert(ratings: NDArray[np.float64], criteria: NDArray[np.float64]) -> Judge:
    """Noise and thresholds nearest to experts' agreement, within-item SD and level usage."""
    truth, usage, num_experts = truth_of(criteria), level_shares(ratings), ratings.shape[2]
    agreement, spread = rater_agreement(ratings).value, within_item_sd(ratings).value

    def loss(judge: Judge) -> float:
        return float(
            AGREEMENT_WEIGHT * ((expected_agreement(judge, truth) - agreement) ** 2).mean()
            + ((expected_sd(judge, truth, num_experts) - spread) ** 2).mean()
            + ((expected_usage(judge, truth) - usage) ** 2).mean()
        )

    def person(x: NDArray[np.float64]) -> Judge:
        return Judge("expert", noise=float(x[0]), thresholds=(*map(float, x[1:5]),))  # type: ignore[arg-type]  # four

    return person(_search(lambda x: loss(person(x)), [0.7, 1.5, 2.5, 3.5, 4.5]))


def fit_crowd(ratings: NDArray[np.float64], criteria: NDArray[np.float64]) -> Judge:
    """Noise, bias and insight nearest to workers' agreement with the truth, SD and level usage.

    The SD is that of items where not all workers gave the same ratings throughout.
    """
    truth, usage, num_workers = truth_of(criteria), level_shares(ratings), ratings.shape[2]
    agreement = agreement_with(criteria, ratings).value
    spread = within_item_sd(ratings, ~copied(ratings)).value

    def person(x: NDArray[np.float64]) -> Judge:
        return Judge("crowd", noise=float(x[0]), bias=float(x[1]), insight=float(x[2]))

    def loss(x: NDArray[np.float64]) -> float:
        judge = person(x)
        error = expected_truth_agreement(judge, truth) - agreement
        return float(
            AGREEMENT_WEIGHT * (error**2).mean()
            + ((expected_sd(judge, truth, num_workers) - spread) ** 2).mean()
            + ((expected_usage(judge, truth) - usage) ** 2).mean()
        )

    return person(_search(loss, [1.0, 0.0, 0.1]))


def _levels(judge: Judge, truth: Truth) -> NDArray[np.float64]:
    """(value, level)."""
    return level_prob(judge, truth.criteria[:, None])[:, 0]


def _orders(judge: Judge, truth: Truth) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probability that an item of the row's value is rated above, below one of the column's."""
    prob = _levels(judge, truth)
    lower = np.cumsum(prob, axis=1) - prob
    above = prob @ lower.T
    return above, above.T


def _search(
    loss: Callable[[NDArray[np.float64]], float], start: Sequence[float]
) -> NDArray[np.float64]:
    """Pattern search (Hooke and Jeeves 1961): single steps, halved where none is an improvement.

    A point that no judge can have is not tried.
    """
    best, step = np.array(start), 0.2
    lowest = loss(best)
    while step > 1e-3:
        moved = False
        for move in np.concatenate([np.eye(len(best)), -np.eye(len(best))]) * step:
            try:
                found = loss(best + move)
            except ValueError:
                continue
            if found < lowest:
                best, lowest, moved = best + move, found, True
        if not moved:
            step /= 2
    return best
