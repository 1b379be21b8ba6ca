"""Events: what raters said and took back, the rows of the feedback store."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

UNDO = "undo"
COMPARISON = "comparison"

JsonScalar = str | int | float | bool | None
Answer = dict[str, JsonScalar | list[JsonScalar]]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a rater did.

    Args:
        kind: "comparison", "undo", or any other kind of feedback.
        key: idempotency key, unique in a store: a repeated request changes nothing.
        rater: who.
        round: round of the loop in which it was asked.
        segments: ids of the segments shown, in the order shown.
        answer: what was said, as JSON, for a comparison {"preference": p}, with None for
            "can't tell"; for an undo {"key": key of the event it supersedes}.
        answered_at: ISO 8601 time; None for simulated answers, so that runs repeat to the byte.
    """

    kind: str
    key: str
    rater: str
    round: int
    segments: tuple[str, ...] = ()
    answer: Answer = field(default_factory=dict)
    answered_at: str | None = None

    def __post_init__(self) -> None:
        if not self.kind or not self.key:
            raise ValueError(
                f"an event needs a kind and a key, got kind {self.kind!r} and key {self.key!r}"
            )
        if self.round < 0:
            raise ValueError(f"round of event {self.key!r} must be >= 0, got {self.round}")
        if self.kind == COMPARISON and len(self.segments) != 2:
            raise ValueError(
                f"comparison {self.key!r} must be of 2 segments, got {len(self.segments)}"
            )
        if self.kind == UNDO and not isinstance(self.answer.get("key"), str):
            raise ValueError(
                f"undo {self.key!r} must name the key it supersedes as answer['key'], "
                f"got {self.answer}"
            )
        try:
            canonical_json(self.answer)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'answer of event {self.key!r} must be finite JSON (None for "can\'t tell"), '
                f"got {self.answer}"
            ) from error

    @property
    def superseded(self) -> str | None:
        """Key of the event that this one takes back, if it is an undo."""
        return str(self.answer["key"]) if self.kind == UNDO else None

    def says_the_same(self, other: "Event") -> bool:
        """Whether both tell the same story; a repeated request may arrive at another time."""
        return self._story() == other._story()

    def _story(self) -> tuple[str, str, str, int, tuple[str, ...], str]:
        answer = canonical_json(self.answer)
        return self.kind, self.key, self.rater, self.round, self.segments, answer


def in_force(events: Sequence[Event]) -> list[Event]:
    """The events that were not taken back, in order; an undo can itself be undone.

    Args:
        events: in the order in which they were stored: an undo after what it supersedes.
    """
    kept: list[Event] = []
    undone: set[str] = set()
    for event in reversed(events):
        if event.key in undone:
            continue
        if event.superseded is not None:
            undone.add(event.superseded)
        kept.append(event)
    return kept[::-1]


def canonical_json(value: Answer | list[str]) -> str:
    """JSON with one spelling per value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
