"""What the queue of queries tells about its answers: progress, and one record per answer."""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.event import Answer
from prefgym.feedback.tables import ASSIGNMENTS, EVENTS, QUERIES

_PACE_OF = 50  # latest answers by which a person's pace is judged


_IS_MINE = sa.and_(
    ASSIGNMENTS.c.rater == sa.bindparam("rater"), ASSIGNMENTS.c.answered.is_not(None)
)
_EVERYONE = sa.select(
    sa.func.count().filter(QUERIES.c.answers >= QUERIES.c.overlap),
    sa.func.count().filter(QUERIES.c.open),
    sa.func.max(QUERIES.c.round),
)
_GIVEN = sa.select(sa.func.count()).where(ASSIGNMENTS.c.answered.is_not(None))
_MINE = (
    sa.select(sa.func.count(), sa.func.count().filter(QUERIES.c.open, ~ASSIGNMENTS.c.repeat))
    .join_from(ASSIGNMENTS, QUERIES, QUERIES.c.seq == ASSIGNMENTS.c.query)
    .where(_IS_MINE)
)
_LATEST_SECONDS = (
    sa.select(ASSIGNMENTS.c.seconds)
    .where(_IS_MINE)
    .order_by(ASSIGNMENTS.c.answered.desc())
    .limit(_PACE_OF)
)


class QueueProgress(NamedTuple):
    """How far a person, and everyone, has come.

    `mine` counts this person's answers, or everyone's where no person is meant; `answered` the
    queries that have all the answers they want; `total` those and the ones still asked.
    `seconds_left` is what this person needs for all that is still asked of them, at their median
    pace; None until it is known. `round` is that of the latest query.
    """

    mine: int
    answered: int
    total: int
    seconds_left: float | None
    round: int


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """One answer in force.

    Args:
        query: key of the query.
        kind: what was asked.
        rater: who answered.
        order: place p showed segment `order[p]` of the query.
        repeat: whether this person was asked a second time.
        seconds: how long the person took, if known.
        answered_at: ISO 8601 time.
        event: key of the event.
        answer: what was said.
        gold: the answer known to be right, if there is one.
    """

    query: str
    kind: str
    rater: str
    order: tuple[int, ...]
    repeat: bool
    seconds: float | None
    answered_at: str | None
    event: str
    answer: Answer
    gold: Answer | None


def read_progress(connection: sa.Connection, rater: str | None) -> QueueProgress:
    """How far this person has come, and everyone."""
    done, still_open, latest_round = connection.execute(_EVERYONE).one()
    if rater is None:
        given = connection.execute(_GIVEN).scalar_one()
        return QueueProgress(given, done, done + still_open, None, latest_round or 0)
    mine, of_open = connection.execute(_MINE, {"rater": rater}).one()
    seconds = connection.scalars(_LATEST_SECONDS, {"rater": rater}).all()
    known = [value for value in seconds if value is not None]
    left = float(np.median(known)) * (still_open - of_open) if known else None
    return QueueProgress(mine, done, done + still_open, left, latest_round or 0)


def read_records(connection: sa.Connection) -> list[AssignmentRecord]:
    """Every answer in force, in the order given."""
    row, query, event = ASSIGNMENTS.c, QUERIES.c, EVENTS.c
    found = (
        sa.select(
            query.key.label("query"),
            query.kind,
            row.rater,
            row.shown,
            row.repeat,
            row.seconds,
            event.answered_at,
            event.key.label("event"),
            event.answer,
            query.gold,
        )
        .join(QUERIES, query.seq == row.query)
        .join(EVENTS, event.seq == row.answered)
        .order_by(event.seq)
    )
    records = []
    for values in connection.execute(found).mappings():
        fields = dict(values)
        fields["order"] = tuple(json.loads(fields.pop("shown")))
        fields["answer"] = json.loads(fields["answer"])
        fields["gold"] = None if fields["gold"] is None else json.loads(fields["gold"])
        records.append(AssignmentRecord(**fields))
    return records


def read_swapped(connection: sa.Connection) -> set[str]:
    """Keys of the comparisons in force whose second segment was shown first."""
    row, event = ASSIGNMENTS.c, EVENTS.c
    found = sa.select(event.key).join(ASSIGNMENTS, event.seq == row.answered)
    found = found.where(event.kind == "comparison", row.shown == json.dumps([1, 0]))
    return set(connection.scalars(found))
