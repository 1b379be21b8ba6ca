"""Which candidate queries are worth asking, and in what order.

"uniform" is the control. "bald", "d-optimal" and "disagreement" ask what tells most of the reward,
"epig" what tells most of how the other candidates would be answered, "thompson" what tells most of
the best behaviour. "entropy" asks what is nearest to 50:50, however little there is to learn from
it: it is there to be compared with, and should be nobody's default.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.acquisition import bald as bald
from prefgym.feedback.acquisition import d_optimal, entropy, epig, thompson
from prefgym.feedback.acquisition import disagreement as disagreement
from prefgym.feedback.batching import BATCHES, Batch, joint_order, power_order, spread_order
from prefgym.feedback.batching import cover as cover
from prefgym.feedback.comparison import preference_prob
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.query import Queries
from prefgym.feedback.reward_model import RewardModel

Selection = Literal["uniform", "disagreement", "bald", "d-optimal", "epig", "thompson", "entropy"]
SELECTIONS: tuple[str, ...] = get_args(Selection)
MAX_TARGETS = 200  # candidates that "epig" asks about: a mean over more would be no surer


def select(
    candidates: Queries,
    num_queries: int,
    method: Selection,
    model: RewardModel | None,
    *,
    batch: Batch = "top",
    batch_size: int | None = None,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " chosen"]:
    """Indices of the `num_queries` candidates to ask, in this order.

    "uniform" takes the candidates in their random order: the control for the others. The active
    methods need a fitted model; before there is one they choose for coverage.

    Args:
        candidates: what could be asked.
        num_queries: how many to choose.
        method: what makes a query worth asking.
        model: the reward model so far; its members are the opinions that differ.
        batch: "top" takes the best scores, "power" adds noise, "spread" covers the best and
            "joint" foresees what each answer will leave to be asked, so that a batch does not ask
            the same ten times. Thompson's batches differ by themselves.
        batch_size: how many are asked before the model learns; None: all that are chosen.
        rng: source of coverage, noise and draws of members.

    Raises:
        ValueError: if the method or batch is unknown, no query is wanted, or there are too few
            candidates.
    """
    if method not in SELECTIONS:
        raise ValueError(f"selection must be one of {', '.join(SELECTIONS)}, got {method!r}")
    if batch not in BATCHES:
        raise ValueError(f"batch must be one of {', '.join(BATCHES)}, got {batch!r}")
    if not 1 <= num_queries <= len(candidates):
        raise ValueError(
            f"num_queries must be in [1, {len(candidates)} candidates], got {num_queries}"
        )
    if method == "uniform":
        return np.arange(num_queries)
    if model is None or not bool(model.informed):
        return cover(_descriptors(candidates), num_queries, rng=rng)
    if method == "thompson":
        returns = model.returns(candidates.segments).mean(dim=-1).double().numpy()
        return thompson(returns, candidates.first, candidates.second, num_queries, rng=rng)
    size = min(batch_size or num_queries, num_queries)
    return _order(candidates, method, model, batch, size, rng=rng)[:num_queries]


def _order(
    candidates: Queries,
    method: Selection,
    model: RewardModel,
    batch: Batch,
    size: int,
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " candidate"]:
    """All candidates, the first `size` of them a batch."""
    if batch == "joint":
        gaps = _gaps(model, candidates)
        return joint_order(gaps, lambda opinions: _score(method, opinions), size)
    if method in ("d-optimal", "epig"):
        score = _score(method, _gaps(model, candidates))
    else:
        score = _score_probabilities(method, member_probabilities(model, candidates))
    if batch == "power":
        return power_order(score, rng=rng)
    if batch == "spread":
        return spread_order(score, _descriptors(candidates), size, rng=rng)
    return np.argsort(-score, kind="stable")


def _gaps(model: RewardModel, queries: Queries) -> Float64[np.ndarray, "member query"]:
    """Each member's return of the first segment less that of the second."""
    returns = model.returns(queries.segments).mean(dim=-1).double().numpy()
    return returns[:, queries.first] - returns[:, queries.second]


def _score(
    method: Selection, gaps: Float64[np.ndarray, "member query"]
) -> Float64[np.ndarray, " query"]:
    if method == "d-optimal":
        return d_optimal(gaps.var(axis=0), gaps.mean(axis=0))
    if method == "epig":
        return epig(gaps, np.arange(min(MAX_TARGETS, gaps.shape[1])))
    return _score_probabilities(method, sigmoid(gaps))


def _score_probabilities(
    method: Selection, probabilities: Float64[np.ndarray, "member query"]
) -> Float64[np.ndarray, " query"]:
    if method == "disagreement":
        return disagreement(probabilities)
    return bald(probabilities) if method == "bald" else entropy(probabilities)


def member_probabilities(
    model: RewardModel, queries: Queries
) -> Float64[np.ndarray, "member query"]:
    """Each member's probability that the first segment is preferred."""
    returns = model.returns(queries.segments).mean(dim=-1)
    return preference_prob(returns[:, queries.first], returns[:, queries.second]).double().numpy()


def _descriptors(queries: Queries) -> Float64[np.ndarray, "query feature"]:
    """What a query shows: the difference of its segments' mean observations and actions."""
    segments = queries.segments
    steps = np.concatenate([segments.next_observations, segments.actions], axis=-1)
    weight = segments.mask[:, :, None] / segments.mask.sum(axis=1)[:, None, None]
    mean = (steps.astype(np.float64) * weight).sum(axis=1)
    mean = (mean - mean.mean(axis=0)) / (mean.std(axis=0) + 1e-6)
    return mean[queries.first] - mean[queries.second]
