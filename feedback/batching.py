"""Batches of queries that do not all ask the same: noise on the scores, coverage, or foresight."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.acquisition import narrowed

Batch = Literal["top", "power", "spread", "joint"]
BATCHES: tuple[str, ...] = get_args(Batch)
SHORTLIST = 10  # times the batch: what coverage may choose among


def power_order(
    score: Float64[np.ndarray, " query"], *, rng: np.random.Generator
) -> Int64[np.ndarray, " query"]:
    """All queries in a random order that favours high scores (Kirsch et al. 2021, PowerBALD).

    log(score) + Gumbel noise: draws without replacement, each in proportion to the score.
    """
    noisy = np.log(np.maximum(score, 1e-12)) + rng.gumbel(size=len(score))
    return np.argsort(-noisy, kind="stable")


def spread_order(
    score: Float64[np.ndarray, " query"],
    points: Float64[np.ndarray, "query feature"],
    batch_size: int,
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " query"]:
    """All queries: first a batch that covers the best ones, then the rest by score.

    The best are ten times the batch, but no more than half of the queries, or the score would
    decide nothing.
    """
    order = np.argsort(-score, kind="stable")
    num_best = max(batch_size, min(SHORTLIST * batch_size, len(score) // 2))
    best = order[:num_best]
    batch = best[cover(points[best], min(batch_size, len(best)), rng=rng)]
    return np.concatenate([batch, order[~np.isin(order, batch)]])


def joint_order(
    gaps: Float64[np.ndarray, "member query"],
    score_fn: Callable[[Float64[np.ndarray, "member query"]], Float64[np.ndarray, " query"]],
    batch_size: int,
) -> Int64[np.ndarray, " query"]:
    """All queries: first a batch chosen one by one, then the rest by score.

    After each choice the members are narrowed as its answer will narrow them, and every query is
    scored anew: one that asks the same has then little left to tell.

    Args:
        gaps: the members' returns of the first segment less those of the second.
        score_fn: what makes a query worth asking.
        batch_size: how many are chosen one by one.
    """
    rest = np.argsort(-score_fn(gaps), kind="stable")
    free = np.ones(gaps.shape[1], np.bool_)
    batch = np.empty(min(batch_size, len(free)), np.int64)
    for place in range(len(batch)):
        batch[place] = np.where(free, score_fn(gaps), -np.inf).argmax()
        free[batch[place]] = False
        gaps = narrowed(gaps, int(batch[place]))
    return np.concatenate([batch, rest[free[rest]]])


def cover(
    points: Float64[np.ndarray, "point feature"], num_points: int, *, rng: np.random.Generator
) -> Int64[np.ndarray, " chosen"]:
    """Farthest-first traversal: a 2-approximation of the k-centre problem (Gonzalez 1985).

    A point and its negative count as one: a query asks the same the other way round.
    """
    chosen = np.empty(num_points, np.int64)
    chosen[0] = rng.integers(len(points))
    distance = np.full(len(points), np.inf)
    for i in range(1, num_points):
        centre = points[chosen[i - 1]]
        gap = np.minimum(((points - centre) ** 2).sum(axis=1), ((points + centre) ** 2).sum(axis=1))
        distance = np.minimum(distance, gap)
        distance[chosen[i - 1]] = -1.0  # never again, even where all others coincide with centres
        chosen[i] = distance.argmax()
    return chosen
