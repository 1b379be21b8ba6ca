"""The feedback store: every answer ever given, append-only, in SQLite or PostgreSQL.

A call writes all it was asked to or nothing, in one transaction. Repeating a call changes nothing,
not even the file: two runs that do the same leave the same bytes, also when one was killed and did
its last step again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.database import Database, insert_missing
from prefgym.feedback.event import UNDO, Event, in_force
from prefgym.feedback.event_log import by_key, check_events
from prefgym.feedback.payload import decode_arrays, encode_arrays
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.rows import (
    EVENT_COLUMNS,
    batches,
    event_row,
    known,
    read_environment,
    require_known,
    require_segments,
    row_event,
    write_environment,
)
from prefgym.feedback.tables import CLIPS, EVENTS, MEDIA_TYPES, SEGMENTS


class FeedbackStore:
    """Segments and what raters said about them.

    A context manager; `close` otherwise. Threads and processes may share a store.

    >>> with FeedbackStore("sqlite://") as store:
    ...     first, second = store.add_segments([{"speed": np.ones(3)}, {"speed": np.zeros(3)}])
    ...     answer = {"preference": 1.0}
    ...     store.append([Event("comparison", "q1", "ann", 0, (first, second), answer)])
    1
    """

    def __init__(self, url_or_path: str | Path) -> None:
        """Open the store, or create it where there is none.

        Args:
            url_or_path: a file, or a database URL such as postgresql://user@host/name.

        Raises:
            ValueError: if there is something else, or the store of a newer version.
            OSError: if it cannot be read or created.
        """
        self.database = Database(url_or_path)

    def __enter__(self) -> "FeedbackStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def add_segments(self, segments: Sequence[Mapping[str, np.ndarray]]) -> list[str]:
        """Store segments that are not stored yet; the ids of all, which follow from content."""
        encoded = [encode_arrays(segment) for segment in segments]
        ids = [identity for identity, _ in encoded]
        with self.database.read() as connection:
            stored = known(connection, SEGMENTS.c.id, ids)
        missing = {identity: payload for identity, payload in encoded if identity not in stored}
        if missing:
            rows = [{"id": identity, "payload": payload} for identity, payload in missing.items()]
            with self.database.write() as connection:
                connection.execute(insert_missing(self.database.dialect, SEGMENTS), rows)
        return ids

    def segments(self, ids: Sequence[str]) -> list[dict[str, np.ndarray]]:
        """The arrays of each segment.

        Raises:
            ValueError: if one is not stored, or is damaged.
        """
        payloads: dict[str, bytes] = {}
        with self.database.read() as connection:
            for batch in batches(ids):
                query = sa.select(SEGMENTS.c.id, SEGMENTS.c.payload)
                rows = connection.execute(query.where(SEGMENTS.c.id.in_(batch)))
                payloads.update((row.id, row.payload) for row in rows)
        require_known(self.database.name, "segments", ids, payloads)
        return [decode_arrays(identity, payloads[identity]) for identity in ids]

    def add_clip(self, segment: str, media_type: str, content: bytes) -> None:
        """Keep a picture or film of a segment; one that is kept already stays.

        Raises:
            ValueError: if the segment is not stored, or browsers would not show this as a picture.
        """
        if media_type not in MEDIA_TYPES:
            raise ValueError(
                f"a clip's media type must be one of {', '.join(MEDIA_TYPES)}, got {media_type!r}"
            )
        row = {"segment": segment, "media_type": media_type, "content": content}
        with self.database.write() as connection:
            require_segments(connection, self.database.name, [segment])
            connection.execute(insert_missing(self.database.dialect, CLIPS), [row])

    def clip(self, segment: str) -> tuple[str, bytes] | None:
        """Media type and content of a segment's clip, if there is one."""
        query = sa.select(CLIPS.c.media_type, CLIPS.c.content).where(CLIPS.c.segment == segment)
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.media_type, bytes(row.content))

    def set_environment(self, environment: Environment) -> None:
        """Say what the segments were recorded in.

        Raises:
            ValueError: if they were said to be recorded in something else.
        """
        if self.environment() != environment:
            with self.database.write() as connection:
                write_environment(connection, self.database.name, environment)

    def environment(self) -> Environment | None:
        """What the segments were recorded in, if that was said."""
        with self.database.read() as connection:
            return read_environment(connection)

    def append(self, events: Sequence[Event]) -> int:
        """Store events, all or none; the number that were not stored before.

        Raises:
            ValueError: if a key is taken by another answer, or a segment or the event that an
                undo names is not stored.
        """
        events_by_key = by_key(events)
        with self.database.read() as connection:
            stored = self._check(connection, events_by_key)
        new = [event for event in events_by_key.values() if event.key not in stored]
        if not new:
            return 0
        with self.database.write() as connection:
            connection.execute(
                insert_missing(self.database.dialect, EVENTS), [event_row(e) for e in new]
            )
            # Someone else may have been faster with another answer to the same question.
            self._check(connection, events_by_key)
        return len(new)

    def events(
        self, *, up_to_round: int | None = None, kinds: Sequence[str] | None = None
    ) -> list[Event]:
        """Events in force, in the order stored: neither undone nor, unless asked for, undos.

        Args:
            up_to_round: the store as it was at the end of this round; None: as it is.
            kinds: only these; None: all but undos.
        """
        query = sa.select(*EVENT_COLUMNS).order_by(EVENTS.c.seq)
        if up_to_round is not None:
            query = query.where(EVENTS.c.round <= up_to_round)
        with self.database.read() as connection:
            events = [row_event(*row) for row in connection.execute(query)]
        return [
            event
            for event in in_force(events)
            if (event.kind != UNDO if kinds is None else event.kind in kinds)
        ]

    def count(self, *, up_to_round: int | None = None, kinds: Sequence[str] | None = None) -> int:
        """Number of `events`."""
        return len(self.events(up_to_round=up_to_round, kinds=kinds))

    def compact(self) -> None:
        """Rewrite an SQLite file so that its bytes follow from its content alone.

        The same rows in the same order then give the same file, however many calls wrote them.
        Nobody else may have the store open meanwhile.
        """
        self.database.compact()

    def _check(self, connection: sa.Connection, events: Mapping[str, Event]) -> set[str]:
        """Keys already stored, after refusing what contradicts the store or is unknown to it."""
        return check_events(connection, self.database.name, events)
