"""One label round: candidates from recorded behaviour, a choice of queries, answers, the store."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prefgym.agents.config import LoopConfig
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.event import Event
from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.rater import Rater
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments, concatenate, cut, sample_starts, stack
from prefgym.feedback.selection import select
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.trajectory import Trajectories
from prefgym.simulations.raters import Answers

MAX_ASKED = 5  # times the labels wanted; a rater who skips everything must not be asked for ever


@dataclass(frozen=True, slots=True)
class Dataset:
    """Every labelled segment, and the answers that are not skips."""

    segments: Segments
    comparison: Comparison


class Asked(NamedTuple):
    """What a round asked and heard, and its reference candidates."""

    candidates: Queries
    queries: Queries
    answers: Answers


def read_dataset(store: FeedbackStore, *, before_round: int) -> Dataset | None:
    """What the rounds before `before_round` answered, in that order; None if nothing."""
    events = store.events(kinds=("comparison",), up_to_round=before_round - 1)
    ids: dict[str, int] = {}
    pairs, preferences = [], []
    for event in events:
        preference = event.answer["preference"]
        if isinstance(preference, float):
            pairs.append([ids.setdefault(name, len(ids)) for name in event.segments])
            preferences.append(preference)
    if not pairs:
        return None
    first, second = np.array(pairs, np.int64).T
    comparison = Comparison(first, second, np.array(preferences, np.float64))
    return Dataset(stack(store.segments(list(ids))), comparison)


def candidate_queries(
    pool: Trajectories,
    old: Segments | None,
    num_queries: int,
    loop: LoopConfig,
    *,
    rng: np.random.Generator,
) -> Queries:
    """Random pairs of segments from the pool, some of them beside segments labelled before."""
    starts = sample_starts(
        pool, loop.segment_length, 2 * num_queries, anchored_share=loop.anchored_share, rng=rng
    )
    new = cut(pool, starts, loop.segment_length)
    segments = new if old is None else concatenate([new, old])
    return random_queries(
        segments, num_queries, num_new=len(new), old_share=loop.old_share, rng=rng
    )


def ask_round(
    pool: Trajectories,
    dataset: Dataset | None,
    model: RewardModel | None,
    rater: Rater,
    num_labels: int,
    loop: LoopConfig,
    *,
    rng: np.random.Generator,
) -> Asked:
    """Ask until `num_labels` queries are answered; skips are asked but spend no label."""
    old = dataset.segments if dataset is not None and loop.old_share > 0 else None
    num_candidates = max(loop.candidates * num_labels, MAX_ASKED * num_labels)
    candidates = candidate_queries(pool, old, num_candidates, loop, rng=rng)
    rater.prepare(candidates)
    order = select(candidates, MAX_ASKED * num_labels, loop.selection, model, rng=rng)
    answered, end = 0, 0
    parts: list[Answers] = []
    while answered < num_labels and end < len(order):
        batch = order[end : end + num_labels - answered]
        end += len(batch)
        parts.append(rater.answer(candidates.take(batch), rng=rng))
        answered += int((~parts[-1].skipped).sum())
    answers = Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Asked(candidates, candidates.take(order[:end]), answers)


def store_round(store: FeedbackStore, asked: Asked, rater: Rater, round_number: int) -> None:
    """Write a round's segments and answers, in one transaction each; repeating it is harmless."""
    queries = asked.queries
    used, local = np.unique(queries.pairs, return_inverse=True)
    ids = store.add_segments([queries.segments.arrays(int(index)) for index in used])
    events = [
        Event(
            kind="comparison",
            key=f"round-{round_number}-query-{number}",
            rater=rater.name,
            round=round_number,
            segments=(ids[first], ids[second]),
            answer={"preference": None if np.isnan(preference) else float(preference)},
        )
        for number, ((first, second), preference) in enumerate(
            zip(local.reshape(-1, 2), asked.answers.preference, strict=True)
        )
    ]
    store.append(events)
