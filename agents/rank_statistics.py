"""How well an order, a detection or a grouping matches the truth: one number each."""

import numpy as np
from jaxtyping import Bool, Float64, Int64


def kendall_tau(a: Float64[np.ndarray, " item"], b: Float64[np.ndarray, " item"]) -> float:
    """Share of pairs ordered alike less those ordered otherwise; a tie in either counts 0.

    >>> kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.3333333333333333
    """
    i, j = np.triu_indices(len(a), 1)
    return float((np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])).mean())


def roc_auc(score: Float64[np.ndarray, " case"], positive: Bool[np.ndarray, " case"]) -> float:
    """Probability that a positive case scores above a negative one, a tie counting half.

    nan where there are none of either kind.

    >>> roc_auc(np.array([0.9, 0.2, 0.5]), np.array([True, False, False]))
    1.0
    """
    if positive.all() or not positive.any():
        return float("nan")
    gap = score[positive][:, None] - score[~positive][None, :]
    return float((1 + np.sign(gap)).mean() / 2)


def adjusted_rand(a: Int64[np.ndarray, " member"], b: Int64[np.ndarray, " member"]) -> float:
    """Agreement of two groupings: 1 for the same, about 0 by chance (Hubert & Arabie 1985).

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3]))
    1.0
    """

    def pairs(labels: np.ndarray) -> float:
        count = np.unique(labels, axis=1, return_counts=True)[1]
        return float((count * (count - 1) / 2).sum())

    both, one, other = pairs(np.stack([a, b])), pairs(a[None]), pairs(b[None])
    by_chance = one * other / max(len(a) * (len(a) - 1) / 2, 1)
    most = (one + other) / 2
    return (both - by_chance) / (most - by_chance) if most != by_chance else 1.0
