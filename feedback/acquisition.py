"""How much asking a query would tell: scores of candidates under several reward models.

The models are an ensemble's members or draws from a posterior; `gaps` are their returns of the
first segment less those of the second. Every score is one that the larger is the better to ask.

Volume removal (Sadigh et al. 2017) is left out on purpose: the answer that removes the least
removes the most where both answers are equally likely under every model, so it asks about pairs
of equal segments, from which nothing is learned. On a toy task it needed more queries than random
ones do. Entropy has the same fault in part, and is offered to be compared with.
"""

import numpy as np
from jaxtyping import Float64, Int64


def disagreement(
    probabilities: Float64[np.ndarray, "member query"],
) -> Float64[np.ndarray, " query"]:
    """Standard deviation of the members' probabilities (Christiano et al. 2017)."""
    return probabilities.std(axis=0)


def bald(probabilities: Float64[np.ndarray, "member query"]) -> Float64[np.ndarray, " query"]:
    """Mutual information of answer and model, H(mean p) - mean H(p) [nat] (Houlsby et al. 2011)."""
    return entropy(probabilities) - _entropy(probabilities).mean(axis=0)


def entropy(probabilities: Float64[np.ndarray, "member query"]) -> Float64[np.ndarray, " query"]:
    """Entropy of the answer, H(mean p) [nat]: also what no answer would make surer."""
    return _entropy(probabilities.mean(axis=0))


def d_optimal(
    variance: Float64[np.ndarray, " query"], mean_gap: Float64[np.ndarray, " query"]
) -> Float64[np.ndarray, " query"]:
    """Gain in the log determinant of a linear model's information, to first order.

    A query of features x (first less second) adds p (1 - p) x x^T to the information S^-1, whose
    log determinant grows by log(1 + p (1 - p) x^T S x): it orders queries as p (1 - p) x^T S x.

    Args:
        variance: x^T S x, the posterior variance of the gap.
        mean_gap: the gap under the mean model, which gives p.
    """
    p = (1 + np.tanh(mean_gap / 2)) / 2
    return variance * p * (1 - p)


def thompson(
    returns: Float64[np.ndarray, "member segment"],
    first: Int64[np.ndarray, " query"],
    second: Int64[np.ndarray, " query"],
    num_queries: int,
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " chosen"]:
    """Top-two Thompson sampling: indices of queries between the favourites of two random members.

    For whoever wants the best behaviour rather than the whole reward: pairs that matter to
    nobody's favourite are not asked, however uncertain they are. Each slot draws two members; the
    free candidate that they like best, one member one side and the other the other, is taken.
    """
    mean, sd = returns.mean(axis=1, keepdims=True), returns.std(axis=1, keepdims=True)
    units = (returns - mean) / np.where(sd > 0, sd, 1.0)
    chosen = np.empty(num_queries, np.int64)
    free = np.ones(len(first), np.bool_)
    for slot in range(num_queries):
        one, other = rng.choice(len(units), size=2, replace=len(units) < 2)
        there = units[one, first] + units[other, second]
        back = units[other, first] + units[one, second]
        chosen[slot] = np.where(free, np.maximum(there, back), -np.inf).argmax()
        free[chosen[slot]] = False
    return chosen


def _entropy(p: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log1p(-p))
