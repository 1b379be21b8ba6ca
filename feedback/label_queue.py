"""The queue of queries that people answer: each is lent to a few, and every answer is an event."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.answers import answered_segments, check_answer
from prefgym.feedback.database import clock, lock
from prefgym.feedback.event import UNDO, Answer, Event, canonical_json
from prefgym.feedback.label_records import (
    AssignmentRecord,
    QueueProgress,
    read_progress,
    read_records,
)
from prefgym.feedback.lease import (
    LeaseError,
    Lent,
    count_answer,
    draw,
    free_query,
    lend,
    read_assignment,
    read_lent,
    repeated_comparison,
    require_time,
    shuffled,
    take_back,
)
from prefgym.feedback.posted_query import Assignment, PostedQuery
from prefgym.feedback.posting import post_queries
from prefgym.feedback.rows import (
    EVENT_COLUMNS,
    batches,
    insert_event,
    require_segments,
    row_event,
)
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import ASSIGNMENTS, EVENTS, QUERIES

_ANSWERED = "this question is answered already; take the answer back to give another"


class LabelQueue:
    """Queries of a store, lent to people one at a time.

    Threads and processes may share the store; each call is one transaction. A person holds one
    query at a time. Times are those of the database's clock.
    """

    def __init__(
        self,
        store: FeedbackStore,
        *,
        lease_seconds: float = 60.0,
        repeat_share: float = 0.05,
        rng: np.random.Generator,
    ) -> None:
        """Open the queue; an SQLite file is made ready for many at once.

        Args:
            store: where queries and answers are.
            lease_seconds: how long a query stays with a person without a sign of life [s].
            repeat_share: probability that a person's next query is a comparison that this person
                answered before, sides swapped.
            rng: source of the order shown and of repeats; both then follow from the rater and
                the query alone, whoever comes first.
        """
        if lease_seconds <= 0 or not 0 <= repeat_share < 1:
            raise ValueError(
                "lease_seconds must be positive and repeat_share in [0, 1), "
                f"got {lease_seconds} and {repeat_share}"
            )
        self.store = store
        self.lease_seconds = lease_seconds
        self.repeat_share = repeat_share
        self._salt = rng.bytes(16).hex()
        store.database.share()

    def post(self, queries: Sequence[PostedQuery]) -> int:
        """Ask these, all or none; the number that were not asked before.

        Raises:
            ValueError: if a key is taken by another query, or a segment is not stored.
        """
        database = self.store.database
        with database.write() as connection:
            return post_queries(connection, database.name, queries)

    def claim(self, rater: str) -> Assignment | None:
        """Lend this person the next query, or again the one they hold; None: nothing to ask."""
        with self.store.database.write(durable=False) as connection:
            lock(connection, f"rater {rater}")
            identity = self._held(connection, rater)
            if identity is None:
                identity = self._repeat(connection, rater) or self._next(connection, rater)
            else:
                self._extend(connection, identity)
            lent = None if identity is None else read_assignment(connection, identity)
        return None if lent is None else lent.assignment

    def assignment(self, assignment_id: str, token: str) -> Assignment:
        """What the token's holder was lent, be it answered or lapsed since.

        Raises:
            LeaseError: if they were lent nothing.
        """
        with self.store.database.read() as connection:
            return read_lent(connection, assignment_id, token).assignment

    def renew(self, assignment_id: str, token: str) -> float:
        """Keep a query that is still being answered; the seconds left.

        Raises:
            LeaseError: if the time ran out.
        """
        with self.store.database.write(durable=False) as connection:
            lent = read_lent(connection, assignment_id, token)
            if lent.answered is not None:
                raise LeaseError(_ANSWERED)
            require_time(connection, lent)
            self._extend(connection, assignment_id)
        return self.lease_seconds

    def submit(
        self,
        assignment_id: str,
        token: str,
        answer: Answer,
        *,
        segments: Sequence[str] | None = None,
        seconds: float | None = None,
    ) -> Event:
        """Store the answer to a query that is lent; to say the same again changes nothing.

        Args:
            assignment_id: as `claim` gave it.
            token: as `claim` gave it.
            answer: about the query's segments in the query's order, not in that shown.
            segments: stored segments that the event is about, where the answer made some.
            seconds: how long the person took.

        Raises:
            LeaseError: if the time ran out, or another answer was given.
            ValueError: if this is no answer to such a query, or a segment is not stored.
        """
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"seconds of an answer must be finite and >= 0, got {seconds}")
        database = self.store.database
        with database.write() as connection:
            lent = read_lent(connection, assignment_id, token)
            about = answered_segments(lent.assignment.query, segments)
            check_answer(lent.assignment.query, answer, about)
            if lent.answered is not None:
                return _same_answer(connection, lent, answer, about)
            require_time(connection, lent)
            require_segments(connection, database.name, about)
            event = Event(
                kind=lent.assignment.query.kind,
                key=f"{assignment_id}-{lent.revision}",
                rater=lent.assignment.rater,
                round=lent.assignment.query.round,
                segments=about,
                answer=answer,
                answered_at=_iso_time(clock(connection)),
            )
            values = {"answered": insert_event(connection, event), "seconds": seconds}
            mine = sa.update(ASSIGNMENTS).where(ASSIGNMENTS.c.id == assignment_id)
            connection.execute(mine.values(values))
            if not lent.assignment.repeat:
                count_answer(connection, lent.query, 1)
        return event

    def undo(self, rater: str) -> Assignment | None:
        """Take back this person's latest answer and lend the query again; None: there is none."""
        row = ASSIGNMENTS.c
        latest = sa.select(row.id).where(row.rater == rater, row.answered.is_not(None))
        with self.store.database.write() as connection:
            lock(connection, f"rater {rater}")
            identity = connection.scalar(latest.order_by(row.answered.desc()).limit(1))
            lent = None if identity is None else read_assignment(connection, identity)
            if lent is None:
                return None
            key, now = f"{lent.assignment.id}-{lent.revision}", clock(connection)
            event = Event(
                kind=UNDO,
                key=f"{key}-undo",
                rater=rater,
                round=lent.assignment.query.round,
                answer={"key": key},
                answered_at=_iso_time(now),
            )
            insert_event(connection, event)
            if not lent.assignment.repeat:
                count_answer(connection, lent.query, -1)
            take_back(connection, lent, now + self.lease_seconds)
            lent = read_assignment(connection, lent.assignment.id)
        return None if lent is None else lent.assignment

    def close(self, round: int | None = None) -> None:
        """Ask no longer what is open: all of it, or that of the rounds up to this one."""
        row = QUERIES.c
        closed = sa.update(QUERIES).values(closed=True, open=False).where(~row.closed)
        mine = sa.select(row.seq).where(~row.closed).order_by(row.priority.desc(), row.seq)
        if round is not None:
            closed, mine = closed.where(row.round <= round), mine.where(row.round <= round)
        with self.store.database.write() as connection:
            # in the order of `claim`, lest each wait for the other
            connection.execute(mine.with_for_update(key_share=True))
            connection.execute(closed)

    def answered(self, keys: Sequence[str]) -> int:
        """How many of these queries have all the answers they want."""
        row, count = QUERIES.c, 0
        with self.store.database.read() as connection:
            for batch in batches(keys):
                enough = sa.select(sa.func.count()).where(row.key.in_(batch))
                enough = enough.where(row.answers >= row.overlap)
                count += connection.execute(enough).scalar_one()
        return count

    def progress(self, rater: str | None = None) -> QueueProgress:
        """How far this person has come, and everyone."""
        with self.store.database.read() as connection:
            return read_progress(connection, rater)

    def records(self) -> list[AssignmentRecord]:
        """Every answer in force, in the order given."""
        with self.store.database.read() as connection:
            return read_records(connection)

    def _held(self, connection: sa.Connection, rater: str) -> str | None:
        """The assignment that this person has in hand."""
        row = ASSIGNMENTS.c
        mine = sa.select(row.id).where(row.rater == rater, row.answered.is_(None))
        held = mine.where(row.expires_at > clock(connection)).order_by(row.expires_at.desc())
        return connection.scalar(held.limit(1))

    def _extend(self, connection: sa.Connection, identity: str) -> None:
        expires_at = clock(connection) + self.lease_seconds
        mine = sa.update(ASSIGNMENTS).where(ASSIGNMENTS.c.id == identity)
        connection.execute(mine.values(expires_at=expires_at))

    def _repeat(self, connection: sa.Connection, rater: str) -> str | None:
        """Lend this person an old comparison once in a while, with the sides swapped."""
        row = ASSIGNMENTS.c
        last = connection.scalar(sa.select(sa.func.max(row.answered)).where(row.rater == rater))
        if last is None:
            return None
        chance = int.from_bytes(draw(self._salt, "repeat", rater, str(last))[:8]) / 2**64
        if chance >= self.repeat_share:
            return None
        offer = repeated_comparison(connection, rater, last)
        if offer is None:
            return None
        expires_at = clock(connection) + self.lease_seconds
        return lend(connection, offer, rater, repeat=True, expires_at=expires_at)

    def _next(self, connection: sa.Connection, rater: str) -> str | None:
        """Lend this person the most urgent query."""
        now = clock(connection)
        offer = free_query(connection, rater, now, wait=False)
        if offer is None:
            offer = free_query(connection, rater, now, wait=True)
        if offer is None:
            return None
        shuffled_offer = offer._replace(shown=shuffled(offer.shown, self._salt, rater, offer.key))
        expires_at = clock(connection) + self.lease_seconds
        return lend(connection, shuffled_offer, rater, repeat=False, expires_at=expires_at)


def _same_answer(
    connection: sa.Connection, lent: Lent, answer: Answer, about: tuple[str, ...]
) -> Event:
    """The event that is stored, if it says this."""
    query = sa.select(*EVENT_COLUMNS).where(EVENTS.c.seq == lent.answered)
    event = row_event(*connection.execute(query).one())
    if event.segments != about or canonical_json(event.answer) != canonical_json(answer):
        raise LeaseError(_ANSWERED)
    return event


def _iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
