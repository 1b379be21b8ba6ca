"""Which candidate queries are worth asking: uniform, disagreement, BALD, and coverage at first."""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.comparison import preference_prob
from prefgym.feedback.query import Queries
from prefgym.feedback.reward_model import RewardModel

Selection = Literal["uniform", "disagreement", "bald"]
SELECTIONS: tuple[str, ...] = get_args(Selection)


def select(
    candidates: Queries,
    num_queries: int,
    method: Selection,
    model: RewardModel | None,
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " chosen"]:
    """Indices of the `num_queries` candidates to ask, best first.

    "uniform" takes the candidates in their random order: the control for the others. The active
    methods need a fitted model; before there is one they choose for coverage.

    Raises:
        ValueError: if the method is unknown, no query is wanted, or there are too few candidates.
    """
    if method not in SELECTIONS:
        raise ValueError(f"selection must be one of {', '.join(SELECTIONS)}, got {method!r}")
    if not 1 <= num_queries <= len(candidates):
        raise ValueError(
            f"num_queries must be in [1, {len(candidates)} candidates], got {num_queries}"
        )
    if method == "uniform":
        return np.arange(num_queries)
    if model is None or not bool(model.informed):
        return cover(_descriptors(candidates), num_queries, rng=rng)
    probabilities = member_probabilities(model, candidates)
    score = disagreement(probabilities) if method == "disagreement" else bald(probabilities)
    return np.argsort(-score, kind="stable")[:num_queries]


def member_probabilities(
    model: RewardModel, queries: Queries
) -> Float64[np.ndarray, "member query"]:
    """Each member's probability that the first segment is preferred."""
    returns = model.returns(queries.segments).mean(dim=-1)
    return preference_prob(returns[:, queries.first], returns[:, queries.second]).double().numpy()


def disagreement(
    probabilities: Float64[np.ndarray, "member query"],
) -> Float64[np.ndarray, " query"]:
    """Standard deviation of the members' probabilities (Christiano et al. 2017)."""
    return probabilities.std(axis=0)


def bald(probabilities: Float64[np.ndarray, "member query"]) -> Float64[np.ndarray, " query"]:
    """Mutual information of answer and model, H(mean p) - mean H(p) [nat] (Houlsby et al. 2011)."""
    return _entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean(axis=0)


def _entropy(p: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log1p(-p))


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


def _descriptors(queries: Queries) -> Float64[np.ndarray, "query feature"]:
    """What a query shows: the difference of its segments' mean observations and actions."""
    segments = queries.segments
    steps = np.concatenate([segments.next_observations, segments.actions], axis=-1)
    weight = segments.mask[:, :, None] / segments.mask.sum(axis=1)[:, None, None]
    mean = (steps.astype(np.float64) * weight).sum(axis=1)
    mean = (mean - mean.mean(axis=0)) / (mean.std(axis=0) + 1e-6)
    return mean[queries.first] - mean[queries.second]
