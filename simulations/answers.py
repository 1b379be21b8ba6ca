"""Answers to a batch of queries, and the rates at which a person errs, ties and skips."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped


class Answers(NamedTuple):
    """What a person said about each query, and the truth beside it."""

    preference: Float64[np.ndarray, " query"]
    """1 if the first is preferred, 0 if the second, 0.5 for a tie, nan for a skip."""
    better: Float64[np.ndarray, " query"]
    """What the returns say: 1, 0, or 0.5 where they are equal."""
    flipped: Bool[np.ndarray, " query"]
    """Decided answers turned over by a mistake."""
    tied: Bool[np.ndarray, " query"]
    skipped: Bool[np.ndarray, " query"]
    rater: Shaped[np.ndarray, " query"] | None = None
    """Name of who answered each; None: all are of one person, whom the caller knows."""
    seconds: Float64[np.ndarray, " query"] | None = None
    """How long each answer took [s], where that is known."""


def concatenate(parts: Sequence[Answers]) -> Answers:
    """Answers one batch after another; what one batch does not know is not known of any."""
    return Answers(
        preference=np.concatenate([part.preference for part in parts]),
        better=np.concatenate([part.better for part in parts]),
        flipped=np.concatenate([part.flipped for part in parts]),
        tied=np.concatenate([part.tied for part in parts]),
        skipped=np.concatenate([part.skipped for part in parts]),
        rater=_if_all_known([part.rater for part in parts]),
        seconds=_if_all_known([part.seconds for part in parts]),
    )


def take(answers: Answers, index: Int64[np.ndarray, " chosen"]) -> Answers:
    """The answers at `index`."""
    return Answers(
        preference=answers.preference[index],
        better=answers.better[index],
        flipped=answers.flipped[index],
        tied=answers.tied[index],
        skipped=answers.skipped[index],
        rater=None if answers.rater is None else answers.rater[index],
        seconds=None if answers.seconds is None else answers.seconds[index],
    )


def _if_all_known(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


class RaterStatistics(NamedTuple):
    """Realised rates of one batch of answers; a rate over nothing is nan."""

    num_queries: int
    num_answers: int
    """Queries not skipped; only these spend a budget of labels."""
    num_decided: int
    """Answers that are not ties."""
    error_rate: float
    """Share of decided answers that name the worse, where there is a worse."""
    mistake_rate: float
    """Share of decided answers turned over by a mistake."""
    tie_rate: float
    """Share of answers that are ties."""
    skip_rate: float
    """Share of queries skipped."""


def rater_statistics(answers: Answers) -> RaterStatistics:
    """Realised numbers and rates of a batch of answers."""
    decided = ~answers.skipped & ~answers.tied
    different = decided & (answers.better != 0.5)
    wrong = different & (answers.preference != answers.better)
    num_queries, num_answers = len(answers.skipped), int((~answers.skipped).sum())
    num_decided = int(decided.sum())
    return RaterStatistics(
        num_queries=num_queries,
        num_answers=num_answers,
        num_decided=num_decided,
        error_rate=_rate(wrong, int(different.sum())),
        mistake_rate=_rate(answers.flipped, num_decided),
        tie_rate=_rate(answers.tied, num_answers),
        skip_rate=_rate(answers.skipped, num_queries),
    )


def _rate(events: Bool[np.ndarray, " query"], num_trials: int) -> float:
    return float(events.sum() / num_trials) if num_trials else math.nan
