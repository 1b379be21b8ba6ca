"""Scores over seeds: the interquartile mean, its bootstrap interval, and normalisation.

With few seeds and heavy tails a plain mean follows the one seed that failed. Agarwal et al. 2021
("Deep Reinforcement Learning at the Edge of the Statistical Precipice") recommend the
interquartile mean over all tasks and seeds with a stratified bootstrap interval.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Reduces the last axis: (..., score) to (...)."""


class Interval(NamedTuple):
    """An estimate and the two ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Interval:
    """Mean, lowest and highest: for too few seeds to say more."""
    return Interval(float(np.mean(values)), float(np.min(values)), float(np.max(values)))


def iqm(scores: NDArray[np.float64] | Sequence[float]) -> NDArray[np.float64]:
    """Interquartile mean over the last axis: the mean of exactly the middle half.

    A score that straddles a quartile counts by the part of it that lies inside. With a multiple
    of four scores this is the 25 % trimmed mean of rliable and scipy's `trim_mean`; otherwise
    those drop whole scores only, and average more than half (the middle three of five, where
    this gives them the weights .75, 1, .75).

    Args:
        scores: (..., score).

    Raises:
        ValueError: if there is no score.

    >>> float(iqm([0.0, 1.0, 3.0, 100.0]))
    2.0
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=-1)
    if ordered.ndim == 0 or ordered.shape[-1] == 0:
        raise ValueError(f"scores must hold at least one score, got shape {ordered.shape}")
    count = ordered.shape[-1]
    edges = np.clip(np.arange(count + 1), count / 4, 3 * count / 4)
    return np.asarray(ordered @ np.diff(edges) / (count / 2))


def stratified_bootstrap(
    scores: NDArray[np.float64] | Sequence[Sequence[float]],
    statistic: Statistic = iqm,
    *,
    num_resamples: int = 2000,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> Interval:
    """Percentile interval of a statistic of all scores, with seeds resampled within each task.

    Tasks are the strata: they are the benchmark, not a sample of one, so every resample holds
    all of them. With fewer than five seeds the interval is too narrow to be believed.

    Args:
        scores: (task, seed), normalised so that tasks can be pooled.
        statistic: a function of (..., score) that reduces the last axis, where all tasks and
            seeds lie in one row.
        confidence: probability that the interval is to cover.

    Raises:
        ValueError: if the scores are no table of finite numbers, or a setting is out of range.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"scores must have the axes (task, seed), got shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError(
            f"scores must be finite, got {np.count_nonzero(~np.isfinite(table))} that are not; "
            "leave out the run or explain it, rather than average over it"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    if num_resamples < 1:
        raise ValueError(f"num_resamples must be at least 1, got {num_resamples}")
    num_tasks, num_seeds = table.shape
    seeds = rng.integers(num_seeds, size=(num_resamples, num_tasks, num_seeds))
    resampled = table[np.arange(num_tasks)[:, None], seeds].reshape(num_resamples, -1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(statistic(resampled), [tail, 1 - tail])
    return Interval(float(statistic(table.reshape(-1))), float(low), float(high))


def normalised_score(
    gold: NDArray[np.float64] | float,
    floor: NDArray[np.float64] | float,
    oracle: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Gold return on the scale where the floor is 0 and the oracle 1; broadcasts.

    (gold - floor) / (oracle - floor). nan where the oracle does not beat the floor: there is no
    scale to measure on, and a number would be read as one.

    >>> float(normalised_score(-20.0, floor=-40.0, oracle=-15.0))
    0.8
    """
    gold_return, low, high = (np.asarray(x, dtype=np.float64) for x in (gold, floor, oracle))
    span = np.where(high > low, high - low, np.nan)
    return np.asarray((gold_return - low) / span)
