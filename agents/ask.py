"""One label round: candidates from recorded behaviour, a choice of what to ask, the answers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from prefgym.agents.config import LoopConfig
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.dataset import Told, store_answers
from prefgym.feedback.event import Answer
from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.rater import CrowdRater, Rater
from prefgym.feedback.rating import Rating
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import (
    Segments,
    concatenate,
    cut,
    sample_starts,
    whole_episode_starts,
)
from prefgym.feedback.selection import select
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.trajectory import Trajectories
from prefgym.simulations.answers import Answers, RaterStatistics, rater_statistics
from prefgym.simulations.answers import concatenate as concatenate_answers

MAX_ASKED = 5  # times the labels wanted; a rater who skips everything must not be asked for ever


class Asked(NamedTuple):
    """What a round asked and heard.

    `feedback` speaks of `segments`, skips left out; `shown` and `answers` are what the store
    keeps, skips included, in the order asked. `rates` are known of comparisons only, `raters`
    and `seconds`, of every answer shown, where many people answer.
    """

    kind: str
    segments: Segments
    feedback: Feedback
    shown: list[tuple[int, ...]]
    answers: list[Answer]
    num_labels: int
    rates: RaterStatistics | None
    raters: list[str] | None = None
    seconds: list[float] | None = None


def num_candidates(num_labels: int, loop: LoopConfig) -> int:
    """Candidate queries to draw where `num_labels` answers are wanted."""
    return max(loop.candidates, MAX_ASKED) * num_labels


def candidate_queries(
    pool: Trajectories,
    old: Segments | None,
    num_queries: int,
    loop: LoopConfig,
    *,
    rng: np.random.Generator,
) -> Queries:
    """Random pairs of segments from the pool, some of them beside segments labelled before."""
    new = new_segments(pool, 2 * num_queries, loop, rng=rng)
    segments = new if old is None else concatenate([new, old])
    return random_queries(
        segments, num_queries, num_new=len(new), old_share=loop.old_share, rng=rng
    )


def new_segments(
    pool: Trajectories, num_segments: int, loop: LoopConfig, *, rng: np.random.Generator
) -> Segments:
    """Random segments from the pool, with replacement: windows, or whole episodes."""
    return cut(pool, new_starts(pool, num_segments, loop, rng=rng), loop.segment_length)


def new_starts(
    pool: Trajectories, num_segments: int, loop: LoopConfig, *, rng: np.random.Generator
) -> Int64[np.ndarray, " segment"]:
    """Flat indices of the pool where random segments begin."""
    if loop.whole_episodes:
        return whole_episode_starts(pool, loop.segment_length, num_segments, rng=rng)
    return sample_starts(
        pool, loop.segment_length, num_segments, anchored_share=loop.anchored_share, rng=rng
    )


def ask_round(
    pool: Trajectories,
    labelled: Segments | None,
    model: RewardModel | None,
    rater: Rater,
    num_labels: int,
    loop: LoopConfig,
    *,
    heads: Sequence[str],
    rng: np.random.Generator,
) -> Asked:
    """Ask until `num_labels` answers are given, in the way the loop asks.

    Args:
        pool: recorded behaviour.
        labelled: segments labelled before, which may be partners of new ones.
        model: the reward model that knows the answers so far, None before the first.
        rater: who is asked.
        num_labels: how many answers are wanted.
        loop: how to ask.
        heads: criteria to rate.
        rng: source of candidates and of simulated answers.
    """
    if loop.feedback == "rating":
        return _ask_ratings(pool, rater, num_labels, loop, heads, rng=rng)
    old = labelled if loop.old_share > 0 else None
    return _ask_comparisons(pool, old, model, rater, num_labels, loop, rng=rng)


def _ask_comparisons(
    pool: Trajectories,
    old: Segments | None,
    model: RewardModel | None,
    rater: Rater,
    num_labels: int,
    loop: LoopConfig,
    *,
    rng: np.random.Generator,
) -> Asked:
    """Skips are asked but spend no label."""
    candidates = candidate_queries(pool, old, num_candidates(num_labels, loop), loop, rng=rng)
    rater.prepare(candidates)
    order = select(
        candidates,
        MAX_ASKED * num_labels,
        loop.selection,
        model,
        batch=loop.batch,
        batch_size=num_labels,
        rng=rng,
    )
    answered, end = 0, 0
    parts: list[Answers] = []
    while answered < num_labels and end < len(order):
        batch = order[end : end + num_labels - answered]
        end += len(batch)
        parts.append(rater.answer(candidates.take(batch), rng=rng))
        answered += int((~parts[-1].skipped).sum())
    answers = concatenate_answers(parts)
    queries = candidates.take(order[:end])
    kept = np.flatnonzero(~answers.skipped)
    given = answers.preference.tolist()
    return Asked(
        kind="comparison",
        segments=queries.segments,
        feedback=Comparison(queries.first[kept], queries.second[kept], answers.preference[kept]),
        shown=[(int(a), int(b)) for a, b in queries.pairs],
        answers=[{"preference": None if np.isnan(p) else p} for p in given],
        num_labels=answered,
        rates=rater_statistics(answers),
        raters=None if answers.rater is None else answers.rater.tolist(),
        seconds=None if answers.seconds is None else answers.seconds.tolist(),
    )


def _ask_ratings(
    pool: Trajectories,
    rater: Rater,
    num_labels: int,
    loop: LoopConfig,
    heads: Sequence[str],
    *,
    rng: np.random.Generator,
) -> Asked:
    segments = new_segments(pool, num_labels, loop, rng=rng)
    everything = np.arange(num_labels)
    if isinstance(rater, CrowdRater):
        values, names = rater.rate_each(segments, heads, rng=rng)
        known, who = np.unique(names, return_inverse=True)
        feedback = Rating(everything, values, who.astype(np.int64), num_raters=len(known))
    else:
        values, names = rater.rate(segments, heads, rng=rng), None
        feedback = Rating(everything, values, np.zeros(num_labels, np.int64))
    return Asked(
        kind="rating",
        segments=segments,
        feedback=feedback,
        shown=[(number,) for number in range(num_labels)],
        answers=[dict(zip(heads, row, strict=True)) for row in values.tolist()],
        num_labels=num_labels,
        rates=None,
        raters=None if names is None else names.tolist(),
    )


def store_round(store: FeedbackStore, asked: Asked, rater: Rater, round_number: int) -> None:
    """Write a round's segments and answers, in one transaction each; repeating it is harmless."""
    told = Told(asked.kind, asked.segments, asked.shown, asked.answers)
    store_answers(store, told, asked.raters or rater.name, round_number)
