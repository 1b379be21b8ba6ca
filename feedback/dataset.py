"""Stored answers as a data set: what every kind of feedback says, in indices into segments."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from prefgym.feedback.choice import Choice, ChoiceKind
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.event import COMPARISON, Answer, Event
from prefgym.feedback.label_records import read_swapped
from prefgym.feedback.posted_query import KINDS
from prefgym.feedback.ranking import Ranking
from prefgym.feedback.rating import Rating
from prefgym.feedback.segment import Segments, stack
from prefgym.feedback.store import FeedbackStore

Numbers = Mapping[str, int]
"""Every segment's number by its id."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Every labelled segment, and the answers that are not skips, kind by kind.

    Segments of different lengths stand in one batch: the shorter are padded at the end, with
    `mask` False, so that the padding counts nothing. `num_steps` is how long each was stored,
    `raters` the names of those who compared, by the numbers that comparisons call them.
    """

    segments: Segments
    feedback: tuple[Feedback, ...]
    num_steps: Int64[np.ndarray, " segment"]
    raters: tuple[str, ...] = ()

    def clips(self, length: int) -> Segments | None:
        """The segments that were stored with `length` steps; None if there is none."""
        index = np.flatnonzero(self.num_steps == length)
        return self.segments.take(index).steps(0, length) if len(index) else None


class Told(NamedTuple):
    """Answers of one kind: what each speaks of, in indices into segments, and what was said."""

    kind: str
    segments: Segments
    shown: Sequence[tuple[int, ...]]
    answers: Sequence[Answer]


def read_dataset(
    store: FeedbackStore,
    heads: Sequence[str],
    *,
    before_round: int | None = None,
    from_round: int = 0,
) -> Dataset | None:
    """What the rounds from `from_round` to before `before_round` answered; None if nothing.

    Args:
        store: all answers.
        heads: the criteria of a rating, in the order of the reward model.
        before_round: the first round that is left out; None: none is.
        from_round: the first that is not.
    """
    last = None if before_round is None else before_round - 1
    events = [e for e in store.events(kinds=KINDS, up_to_round=last) if e.round >= from_round]
    with store.database.read() as connection:
        swapped = read_swapped(connection)
    names, feedback = read_feedback(events, heads, swapped=swapped)
    if not feedback:
        return None
    parts = store.segments(names)
    num_steps = np.array([len(part["mask"]) for part in parts], np.int64)
    compared = {e.rater for e in events if e.kind == COMPARISON and _TELLS[COMPARISON](e, heads)}
    return Dataset(stack(parts), feedback, num_steps, tuple(sorted(compared)))


def read_feedback(
    events: Sequence[Event], heads: Sequence[str], *, swapped: Set[str] = frozenset()
) -> tuple[list[str], tuple[Feedback, ...]]:
    """The ids of the segments that events tell something of, and what, in indices into those.

    "Can't tell" is nowhere in it. Neither is a correction or takeover that was not needed: it
    says that the person could do no better, but not than what.

    Args:
        events: what was answered.
        heads: the criteria of a rating, in the order of the reward model.
        swapped: keys of comparisons whose second segment was shown first.

    Raises:
        ValueError: if an answer does not fit its segments.
    """
    numbers: dict[str, int] = {}
    told: dict[str, list[Event]] = {}
    for event in events:
        if _TELLS[event.kind](event, heads):
            told.setdefault(event.kind, []).append(event)
            for name in event.segments:
                numbers.setdefault(name, len(numbers))
    feedback: list[Feedback] = []
    if "comparison" in told:
        feedback.append(_comparison(told["comparison"], numbers, swapped))
    if "rating" in told:
        feedback.append(_rating(told["rating"], numbers, heads))
    if "ranking" in told:
        feedback.append(_ranking(told["ranking"], numbers))
    kinds: tuple[ChoiceKind, ...] = ("correction", "intervention", "demonstration")
    feedback += [_choice(kind, told[kind], numbers) for kind in kinds if kind in told]
    return list(numbers), tuple(feedback)


def store_answers(
    store: FeedbackStore,
    told: Told,
    rater: str | Sequence[str],
    round_number: int,
    *,
    name: str = "query",
) -> None:
    """Write answers and what they speak of, in one transaction each; repeating it is harmless.

    Args:
        store: where to.
        told: the answers.
        rater: who gave them: one person, or the name for each.
        round_number: the round of the loop that asked.
        name: begins the keys of these answers, different for each kind asked in a round.
    """
    used = sorted({index for shown in told.shown for index in shown})
    ids = dict(
        zip(used, store.add_segments([told.segments.arrays(index) for index in used]), strict=True)
    )
    raters = [rater] * len(told.answers) if isinstance(rater, str) else rater
    store.append(
        [
            Event(
                kind=told.kind,
                key=f"round-{round_number}-{name}-{number}",
                rater=who,
                round=round_number,
                segments=tuple(ids[index] for index in shown),
                answer=answer,
            )
            for number, (shown, answer, who) in enumerate(
                zip(told.shown, told.answers, raters, strict=True)
            )
        ]
    )


def _number(value: object) -> float:
    """A number of an answer; nan for anything else."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else float("nan")  # type: ignore[arg-type]  # known: a number


# Whether an event of a kind says anything to learn from.
_TELLS: Mapping[str, Callable[[Event, Sequence[str]], bool]] = {
    "comparison": lambda event, _: not np.isnan(_number(event.answer.get("preference"))),
    "rating": lambda event, heads: not all(np.isnan(_number(event.answer.get(h))) for h in heads),
    "ranking": lambda event, _: isinstance(event.answer.get("ranks"), list),
    "correction": lambda event, _: len(event.segments) > 1,
    "intervention": lambda event, _: len(event.segments) > 0,
    "demonstration": lambda event, _: len(event.segments) > 1,
}


def _comparison(events: Sequence[Event], numbers: Numbers, swapped: Set[str]) -> Comparison:
    """The segment shown first is the first of its pair, whatever the query called it."""
    first, second = np.array([[numbers[name] for name in e.segments] for e in events], np.int64).T
    preference = np.array([_number(event.answer["preference"]) for event in events])
    rater, num_raters = _raters(events)
    turned = np.array([event.key in swapped for event in events])
    return Comparison(
        np.where(turned, second, first),
        np.where(turned, first, second),
        np.where(turned, 1 - preference, preference),
        rater,
        num_raters,
    )


def _rating(events: Sequence[Event], numbers: Numbers, heads: Sequence[str]) -> Rating:
    rater, num_raters = _raters(events)
    return Rating(
        np.array([numbers[event.segments[0]] for event in events], np.int64),
        np.array([[_number(event.answer.get(head)) for head in heads] for event in events]),
        rater,
        num_raters=num_raters,
    )


def _raters(events: Sequence[Event]) -> tuple[Int64[np.ndarray, " answer"], int]:
    """Who answered each, by their place among the sorted names, and how many there are."""
    names, rater = np.unique([event.rater for event in events], return_inverse=True)
    return rater.astype(np.int64), len(names)


def _ranking(events: Sequence[Event], numbers: Numbers) -> Ranking:
    rows = [[numbers[name] for name in event.segments] for event in events]
    ranks: list[list[int]] = []
    for event in events:
        said = event.answer["ranks"]
        if not isinstance(said, list) or len(said) != len(event.segments):
            raise ValueError(
                f"ranks of event {event.key!r} must be one for each of its "
                f"{len(event.segments)} segments, got {said}"
            )
        ranks.append([int(_number(rank)) for rank in said])
    return Ranking(_places(rows), _places(ranks))


def _choice(kind: ChoiceKind, events: Sequence[Event], numbers: Numbers) -> Choice:
    """An intervention may hold several takeovers: pairs of segments, one after the other."""
    rows: list[list[int]] = []
    for event in events:
        shown = [numbers[name] for name in event.segments]
        size = 2 if kind == "intervention" else len(shown)
        rows += [shown[begin : begin + size] for begin in range(0, len(shown), size)]
    return Choice(kind, _places(rows))


def _places(rows: Sequence[Sequence[int]]) -> Int64[np.ndarray, "answer place"]:
    """Rows of different lengths as one array, filled with -1."""
    places = np.full((len(rows), max(len(row) for row in rows)), -1, np.int64)
    for number, row in enumerate(rows):
        places[number, : len(row)] = row
    return places
