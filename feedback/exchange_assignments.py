"""Assignments that were answered, to and from JSON lines, checked against their events."""

import json
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from prefgym.feedback.answers import check_answer
from prefgym.feedback.event import Event
from prefgym.feedback.exchange_rows import AssignmentRow, parse_assignment, read_lines
from prefgym.feedback.lease import assignment_id, count_answer
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.rows import EVENT_COLUMNS, QUERY_COLUMNS, known, row_event, row_query
from prefgym.feedback.tables import ASSIGNMENTS, EVENTS, QUERIES


def write_assignments(connection: sa.Connection) -> Iterator[AssignmentRow]:
    """Every assignment that was ever answered."""
    row = ASSIGNMENTS.c
    query = (
        sa.select(
            QUERIES.c.key,
            row.rater,
            row.repeat,
            row.shown,
            row.revision,
            EVENTS.c.key.label("event"),
            row.seconds,
        )
        .select_from(ASSIGNMENTS)
        .join(QUERIES, QUERIES.c.seq == row.query)
        .outerjoin(EVENTS, EVENTS.c.seq == row.answered)
        .where(row.answered.is_not(None) | (row.revision > 0))
        .order_by(row.query, row.id)
    )
    for key, rater, repeat, shown, revision, event, seconds in connection.execute(query):
        order = tuple(json.loads(shown))
        yield AssignmentRow(key, rater, repeat, order, revision, event, seconds)


def read_assignments(connection: sa.Connection, path: Path) -> int:
    """Store the assignments that are not stored, in the caller's transaction; their number.

    Raises:
        ValueError: if one does not fit its query and its event, or contradicts the store.
    """
    count = 0
    for number, row in enumerate(read_lines(path, parse_assignment), start=1):
        try:
            count += _add(connection, row)
        except ValueError as error:
            raise ValueError(f"line {number} of {path} is no row of it: {error}") from error
    return count


def _add(connection: sa.Connection, row: AssignmentRow) -> bool:
    """Store an assignment unless it is stored; whether it was not."""
    found = connection.execute(
        sa.select(QUERIES.c.seq, *QUERY_COLUMNS).where(QUERIES.c.key == row.query)
    ).one_or_none()
    if found is None:
        raise ValueError(f"query {row.query!r} is not stored")
    query = row_query(*found[1:])
    identity = assignment_id(row.query, row.rater, repeat=row.repeat)
    event = _event(connection, row, query, identity)
    if len(row.shown) != len(query.segments):
        raise ValueError(f"shown must be an order of {len(query.segments)} places")
    values = {
        "id": identity,
        "query": found.seq,
        "rater": row.rater,
        "repeat": row.repeat,
        "shown": json.dumps(list(row.shown)),
        "revision": row.revision,
        "answered": event,
        "seconds": row.seconds,
    }
    mine = sa.select(*(ASSIGNMENTS.c[name] for name in values)).where(ASSIGNMENTS.c.id == identity)
    stored = connection.execute(mine).mappings().one_or_none()
    if stored is not None:
        if dict(stored) != values:
            raise ValueError(f"{row.rater!r} has answered {row.query!r} otherwise in this store")
        return False
    connection.execute(sa.insert(ASSIGNMENTS), [values | {"token": "", "expires_at": 0.0}])
    if event is not None and not row.repeat:
        count_answer(connection, found.seq, 1)
    return True


def _event(
    connection: sa.Connection, row: AssignmentRow, query: PostedQuery, identity: str
) -> int | None:
    """The number of the event of the answer in force, which must be this person's to this query.

    Raises:
        ValueError: if it is not, or an answer that was taken back is not stored.
    """
    if row.revision == 0 and row.event is None:
        raise ValueError("an assignment that was never answered")
    if row.revision > 0:
        _answer(connection, f"{identity}-{row.revision - 1}", row, query)
    if row.event is None:
        return None
    if row.event != f"{identity}-{row.revision}":
        raise ValueError(f"event must be {identity}-{row.revision}")
    if known(connection, EVENTS.c.key, [f"{row.event}-undo"]):
        raise ValueError(f"event {row.event} was taken back")
    return _answer(connection, row.event, row, query)


def _answer(connection: sa.Connection, key: str, row: AssignmentRow, query: PostedQuery) -> int:
    found = connection.execute(
        sa.select(EVENTS.c.seq, *EVENT_COLUMNS).where(EVENTS.c.key == key)
    ).one_or_none()
    if found is None:
        raise ValueError(f"event {key!r} is not stored")
    event: Event = row_event(*found[1:])
    if (event.kind, event.rater, event.round) != (query.kind, row.rater, query.round):
        raise ValueError(f"event {key!r} is no answer of {row.rater!r} to {query.key!r}")
    check_answer(query, event.answer, event.segments)
    return int(found.seq)
