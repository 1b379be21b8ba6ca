"""Posted queries and assignments: what is waiting for an answer, and who has been asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from prefgym.feedback.event import Answer

QueryKind = Literal[
    "comparison", "ranking", "rating", "correction", "intervention", "demonstration"
]
KINDS: tuple[QueryKind, ...] = get_args(QueryKind)
MAX_RANKED = 6
_NUM_SEGMENTS = {
    "comparison": (2, 2),
    "ranking": (2, MAX_RANKED),
    "rating": (1, 1),
    "correction": (1, 1),
    "intervention": (1, 1),
    "demonstration": (1, 1),
}


@dataclass(frozen=True, slots=True)
class PostedQuery:
    """Something to ask people.

    Args:
        key: unique in a store: posting a query again changes nothing.
        kind: what is asked.
        segments: ids of the stored segments to show, in no particular order: the order shown is
            drawn for every assignment.
        round: round of the loop that asks.
        criteria: what a rating is of; empty for every other kind.
        overlap: how many people are to answer.
        priority: higher is asked first.
        gold: the answer known to be right, where the query is there to check the rater.
        scene: id of the stored arrays from which the segment can be simulated again; "" if it
            cannot. A correction of driving, an intervention and a demonstration need one.
    """

    key: str
    kind: QueryKind
    segments: tuple[str, ...]
    round: int = 0
    criteria: tuple[str, ...] = ()
    overlap: int = 1
    priority: int = 0
    gold: Answer | None = None
    scene: str = ""

    def __post_init__(self) -> None:
        if not self.key or self.kind not in KINDS:
            raise ValueError(
                f"a posted query needs a key and a kind of {', '.join(KINDS)}, "
                f"got key {self.key!r} and kind {self.kind!r}"
            )
        low, high = _NUM_SEGMENTS[self.kind]
        if not low <= len(self.segments) <= high:
            wanted = f"{low}" if low == high else f"{low} to {high}"
            raise ValueError(
                f"{self.kind} {self.key!r} must show {wanted} segments, got {len(self.segments)}"
            )
        if (self.kind == "rating") != bool(self.criteria):
            raise ValueError(
                f"a rating, and nothing else, names criteria; {self.kind} {self.key!r} names "
                f"{', '.join(self.criteria) or 'none'}"
            )
        if self.overlap < 1 or self.round < 0:
            raise ValueError(
                f"overlap of {self.key!r} must be at least 1 and its round at least 0, "
                f"got {self.overlap} and {self.round}"
            )


@dataclass(frozen=True, slots=True)
class Assignment:
    """A query lent to one person until it is answered or the lease runs out.

    Args:
        id: names the assignment.
        token: proves that this is the person it was lent to.
        query: what is asked.
        rater: who.
        order: the segments as shown: place p shows `query.segments[order[p]]`.
        repeat: whether this person has answered the query before, with the sides swapped.
        expires_at: end of the lease [s since the epoch, by the database's clock].
        previous: what this person said, where the answer was taken back.
    """

    id: str
    token: str
    query: PostedQuery
    rater: str
    order: tuple[int, ...]
    repeat: bool
    expires_at: float
    previous: Answer | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """What the segments of a store were recorded in, as the page must know to show them."""

    env_id: str
    env_kwargs: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    criteria: tuple[str, ...] = ()
