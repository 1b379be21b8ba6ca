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


def epig(
    gaps: Float64[np.ndarray, "member query"], targets: Int64[np.ndarray, " target"]
) -> Float64[np.ndarray, " query"]:
    """What an answer tells of the answers to other queries [nat], averaged over those.

    Expected predictive information gain (Bickford Smith et al. 2023) with gaps normal over the
    members and an answer as a measurement of its gap with variance 1 / p (1 - p):
    -log(1 - rho^2) / 2, rho the correlation of the two measurements. Where candidates are many,
    BALD and D-optimality go for the strangest, from which little follows for the others.

    Args:
        gaps: the members' returns of the first segment less those of the second.
        targets: indices of the queries whose answers one would like to know: such as come up. A
            query's own answer does not count.
    """
    noise = 1 / _information(gaps.mean(axis=0))
    deviation = gaps - gaps.mean(axis=0)
    covariance = deviation.T @ deviation[:, targets] / len(gaps)
    spread = gaps.var(axis=0) + noise
    shared = covariance**2 / (spread[:, None] * spread[targets])
    shared[targets, np.arange(len(targets))] = 0.0
    return -np.log1p(-shared).mean(axis=1) / 2


def narrowed(
    gaps: Float64[np.ndarray, "member query"], asked: int
) -> Float64[np.ndarray, "member query"]:
    """The members once a query is answered, as far as that is known before the answer is.

    Which answer comes is open, so the mean stays; deviations shrink by the square root of a
    Kalman update (Potter), to the covariance that D-optimality counts on.

    Args:
        gaps: the members' returns of the first segment less those of the second.
        asked: index of the query.
    """
    mean = gaps.mean(axis=0)
    deviation = gaps - mean
    noise = 1 / float(_information(mean[asked : asked + 1])[0])
    own = deviation[:, asked]
    spread = float(own.var()) + noise
    gain = own @ deviation / len(gaps) / spread
    return gaps - np.outer(own, gain) / (1 + (noise / spread) ** 0.5)


def _information(mean_gap: Float64[np.ndarray, " query"]) -> Float64[np.ndarray, " query"]:
    """What an answer tells of its gap, as the inverse of a variance: p (1 - p)."""
    p = (1 + np.tanh(mean_gap / 2)) / 2
    return np.maximum(p * (1 - p), 1e-12)


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
