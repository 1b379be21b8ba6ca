"""Leases: which query a person may be lent, and the row that says it is.

Everything that decides about a query is done with its row locked, in the caller's transaction, and
times are read after the lock was got: no two people are lent one place.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.database import clock, lock
from prefgym.feedback.event import Answer, canonical_json
from prefgym.feedback.posted_query import Assignment
from prefgym.feedback.rows import QUERY_COLUMNS, row_query
from prefgym.feedback.tables import ASSIGNMENTS, EVENTS, QUERIES

_CANT_TELL = canonical_json({"preference": None})
_UNKNOWN = "this question was never asked of you; load the page again for the next one"
_EXPIRED = "the time for this question ran out; load the page again for the next one"


class LeaseError(Exception):
    """The query is not lent to this person any more; the message says what to do."""


def _free() -> sa.Select[tuple[int, str, str]]:
    """Queries that a person, :rater, may be lent :now."""
    row, mine, theirs = QUERIES.c, ASSIGNMENTS.alias().c, ASSIGNMENTS.alias().c
    rater: sa.BindParameter[str] = sa.bindparam("rater")
    now: sa.BindParameter[float] = sa.bindparam("now")
    has_answered = sa.exists().where(
        mine.query == row.seq, mine.rater == rater, ~mine.repeat, mine.answered.is_not(None)
    )
    lent = (
        sa.select(sa.func.count())
        .where(theirs.query == row.seq, ~theirs.repeat, theirs.answered.is_(None))
        .where(theirs.expires_at > now, theirs.rater != rater)
        .scalar_subquery()
    )
    wanted = row.answers + lent < row.overlap
    return sa.select(row.seq, row.key, row.segments).where(row.open, ~has_answered, wanted)


# Made once: SQLAlchemy takes longer to put a statement together than SQLite to answer it.
_FIRST = _free().order_by(QUERIES.c.priority.desc(), QUERIES.c.seq).limit(1)
FIRST_FREE = _FIRST.with_for_update(key_share=True)
_FIRST_UNLOCKED = _FIRST.with_for_update(skip_locked=True, key_share=True)
_STILL_FREE = _free().where(QUERIES.c.seq == sa.bindparam("seq"))
_ASSIGNMENT = (
    sa.select(*(column.label(f"own_{column.name}") for column in ASSIGNMENTS.c), *QUERY_COLUMNS)
    .join(QUERIES, QUERIES.c.seq == ASSIGNMENTS.c.query)
    .where(ASSIGNMENTS.c.id == sa.bindparam("id"))
    .with_for_update(of=QUERIES, key_share=True)
)


class Lent(NamedTuple):
    """An assignment's rows as they stand."""

    assignment: Assignment
    query: int
    revision: int
    answered: int | None


class Offer(NamedTuple):
    """A query that may be lent, and the order in which its segments are shown."""

    query: int
    key: str
    shown: list[int]


def free_query(connection: sa.Connection, rater: str, now: float, *, wait: bool) -> Offer | None:
    """The first query that this person may be lent, locked.

    Args:
        connection: in a transaction that writes.
        rater: who asks.
        now: by the database's clock.
        wait: for queries that others are just being lent; else they are passed over.
    """
    asked = {"rater": rater, "now": now}
    first = FIRST_FREE if wait else _FIRST_UNLOCKED
    if connection.dialect.name == "sqlite":
        found = connection.execute(first, asked).one_or_none()
        return None if found is None else _offer(found.seq, found.key, found.segments)
    while True:
        with connection.begin_nested() as attempt:
            found = connection.execute(first, asked).one_or_none()
            if found is None:
                return None
            # PostgreSQL counted leases as they were before it waited for the row.
            if connection.execute(_STILL_FREE, {**asked, "seq": found.seq}).first():
                return _offer(found.seq, found.key, found.segments)
            attempt.rollback()  # lets go of the row


def _offer(query: int, key: str, segments: str) -> Offer:
    return Offer(query, key, list(range(len(json.loads(segments)))))


def repeated_comparison(connection: sa.Connection, rater: str, last: int) -> Offer | None:
    """This person's first comparison that can be asked again, with the sides swapped.

    Args:
        connection: in a transaction that writes.
        rater: who asks.
        last: this person's latest event, which is too fresh in mind.
    """
    mine, again = ASSIGNMENTS.c, ASSIGNMENTS.alias().c
    was_repeated = sa.exists().where(
        again.query == mine.query, again.rater == rater, again.repeat, again.answered.is_not(None)
    )
    first = (
        sa.select(QUERIES.c.seq, QUERIES.c.key, mine.shown)
        .select_from(ASSIGNMENTS)
        .join(QUERIES, QUERIES.c.seq == mine.query)
        .join(EVENTS, EVENTS.c.seq == mine.answered)
        .where(mine.rater == rater, mine.answered < last, ~mine.repeat, ~was_repeated)
        .where(QUERIES.c.kind == "comparison", ~QUERIES.c.closed, EVENTS.c.answer != _CANT_TELL)
        .order_by(mine.answered)
        .limit(1)
    )
    found = connection.execute(first).one_or_none()
    return None if found is None else Offer(found.seq, found.key, json.loads(found.shown)[::-1])


def lend(
    connection: sa.Connection, offer: Offer, rater: str, *, repeat: bool, expires_at: float
) -> str:
    """Write that a query is lent; the assignment's id. One that lapsed is shown as before."""
    identity = assignment_id(offer.key, rater, repeat=repeat)
    lease = {"token": secrets.token_urlsafe(16), "expires_at": expires_at}
    lapsed = sa.update(ASSIGNMENTS).where(ASSIGNMENTS.c.id == identity).values(lease)
    if connection.execute(lapsed).rowcount == 0:
        row = {"id": identity, "query": offer.query, "rater": rater, "repeat": repeat}
        row |= {"shown": json.dumps(offer.shown), "revision": 0}
        connection.execute(sa.insert(ASSIGNMENTS), [row | lease])
    return identity


def assignment_id(query_key: str, rater: str, *, repeat: bool) -> str:
    """What the assignment of a query to a person is called, in every store."""
    return draw(query_key, rater, "repeat" if repeat else "").hex()[:32]


def read_assignment(connection: sa.Connection, identity: str) -> Lent | None:
    """An assignment and what it is of, its query locked; None if there is none."""
    row = connection.execute(_ASSIGNMENT, {"id": identity}).one_or_none()
    if row is None:
        return None
    assignment = Assignment(
        id=identity,
        token=row.own_token,
        query=row_query(*row[len(ASSIGNMENTS.c) :]),
        rater=row.own_rater,
        order=tuple(json.loads(row.own_shown)),
        repeat=row.own_repeat,
        expires_at=row.own_expires_at,
        previous=_previous(connection, identity, row.own_revision),
    )
    return Lent(assignment, row.own_query, row.own_revision, row.own_answered)


def read_lent(connection: sa.Connection, identity: str, token: str) -> Lent:
    """What the token's holder was lent, with everything about that person and query locked."""
    whose = sa.select(ASSIGNMENTS.c.rater).where(ASSIGNMENTS.c.id == identity)
    rater = connection.scalar(whose)
    if rater is None:
        raise LeaseError(_UNKNOWN)
    lock(connection, f"rater {rater}")
    lent = read_assignment(connection, identity)
    if lent is None or not secrets.compare_digest(lent.assignment.token.encode(), token.encode()):
        raise LeaseError(_EXPIRED)
    return lent


def require_time(connection: sa.Connection, lent: Lent) -> None:
    """Refuse who is too late."""
    if lent.assignment.expires_at <= clock(connection):
        raise LeaseError(_EXPIRED)


def _previous(connection: sa.Connection, identity: str, revision: int) -> Answer | None:
    """What was said before it was taken back."""
    if revision == 0:
        return None
    query = sa.select(EVENTS.c.answer).where(EVENTS.c.key == f"{identity}-{revision - 1}")
    answer: Answer = json.loads(connection.execute(query).scalar_one())
    return answer


def count_answer(connection: sa.Connection, query: int, change: int) -> None:
    """Note that one person more, or less, has answered; a query with enough is not open."""
    row = QUERIES.c
    answers = row.answers + change
    is_open = sa.and_(~row.closed, answers < row.overlap)
    values = {"answers": answers, "open": is_open}
    connection.execute(sa.update(QUERIES).where(row.seq == query).values(values))


def take_back(connection: sa.Connection, lent: Lent, expires_at: float) -> None:
    """Lend an answered query again to who answered it, instead of what they hold."""
    row = ASSIGNMENTS.c
    held = sa.update(ASSIGNMENTS).where(row.rater == lent.assignment.rater, row.answered.is_(None))
    connection.execute(held.where(row.expires_at > 0).values(expires_at=0.0))
    lease = {"token": secrets.token_urlsafe(16), "expires_at": expires_at}
    again = sa.update(ASSIGNMENTS).where(row.id == lent.assignment.id).values(lease)
    connection.execute(again.values(answered=None, seconds=None, revision=lent.revision + 1))


def draw(*names: str) -> bytes:
    """Bytes that look random and follow from the names alone."""
    return hashlib.sha256(json.dumps(names).encode()).digest()


def shuffled(order: Sequence[int], *names: str) -> list[int]:
    """Another order that looks random and follows from the names alone."""
    return np.random.default_rng(list(draw(*names))).permutation(order).tolist()
