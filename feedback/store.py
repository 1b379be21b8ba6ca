"""The feedback store: every answer ever given, append-only, in SQLite or PostgreSQL.

A call writes all it was asked to or nothing, in one transaction. Repeating a call changes nothing,
not even the file: two runs that do the same leave the same bytes, also when one was killed and did
its last step again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.database import (
    EVENTS,
    META,
    SCHEMA,
    SCHEMA_VERSION,
    SEGMENTS,
    database_url,
    insert_missing,
    open_engine,
    rewrite_sqlite,
    translated_errors,
)
from prefgym.feedback.event import UNDO, Event, canonical_json, in_force
from prefgym.feedback.payload import decode_arrays, encode_arrays

_EVENT_COLUMNS = [column for column in EVENTS.c if column is not EVENTS.c.seq]
_BATCH = 500  # names per query; SQLite takes no more than 999 in old versions


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
        self._url = database_url(url_or_path)
        self._name = self._url.render_as_string(hide_password=True)
        if self._file is not None:
            self._name = str(self._file)
            if self._file.is_dir():
                raise IsADirectoryError(
                    f"feedback store must be a file, got the folder {self._name}"
                )
        self._engine = open_engine(self._url)
        with ExitStack() as unless_prepared:
            unless_prepared.callback(self.close)
            self._prepare()
            unless_prepared.pop_all()

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
        self._engine.dispose()

    def add_segments(self, segments: Sequence[Mapping[str, np.ndarray]]) -> list[str]:
        """Store segments that are not stored yet; the ids of all, which follow from content."""
        encoded = [encode_arrays(segment) for segment in segments]
        ids = [identity for identity, _ in encoded]
        with self._read() as connection:
            known = self._known(connection, SEGMENTS.c.id, ids)
        missing = {identity: payload for identity, payload in encoded if identity not in known}
        if missing:
            rows = [{"id": identity, "payload": payload} for identity, payload in missing.items()]
            with self._write() as connection:
                connection.execute(insert_missing(self._engine.dialect.name, SEGMENTS), rows)
        return ids

    def segments(self, ids: Sequence[str]) -> list[dict[str, np.ndarray]]:
        """The arrays of each segment.

        Raises:
            ValueError: if one is not stored, or is damaged.
        """
        payloads: dict[str, bytes] = {}
        with self._read() as connection:
            for batch in _batches(ids):
                query = sa.select(SEGMENTS.c.id, SEGMENTS.c.payload)
                rows = connection.execute(query.where(SEGMENTS.c.id.in_(batch)))
                payloads.update((row.id, row.payload) for row in rows)
        self._require_known("segments", ids, payloads)
        return [decode_arrays(identity, payloads[identity]) for identity in ids]

    def append(self, events: Sequence[Event]) -> int:
        """Store events, all or none; the number that were not stored before.

        Raises:
            ValueError: if a key is taken by another answer, or a segment or the event that an
                undo names is not stored.
        """
        events_by_key: dict[str, Event] = {}
        for event in events:
            _require_same(events_by_key.setdefault(event.key, event), event)
        with self._read() as connection:
            stored = self._check(connection, events_by_key)
        new = [event for event in events_by_key.values() if event.key not in stored]
        if not new:
            return 0
        with self._write() as connection:
            connection.execute(
                insert_missing(self._engine.dialect.name, EVENTS), [_row(e) for e in new]
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
        query = sa.select(*_EVENT_COLUMNS).order_by(EVENTS.c.seq)
        if up_to_round is not None:
            query = query.where(EVENTS.c.round <= up_to_round)
        with self._read() as connection:
            events = [_event(*row) for row in connection.execute(query)]
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
        if self._file is None:
            return
        self._engine.dispose()
        with translated_errors(self._name, "compact"):
            rewrite_sqlite(self._file)

    @property
    def _file(self) -> Path | None:
        """The SQLite file, if that is what holds the store."""
        place = self._url.database or ":memory:"
        is_file = place != ":memory:" and not place.startswith("file:")
        return Path(place) if is_file and self._url.get_backend_name() == "sqlite" else None

    def _prepare(self) -> None:
        """Create the tables where there are none, else check that they are ours."""
        with self._read() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            version = None
            if META.name in tables:
                query = sa.select(META.c.value).where(META.c.key == "schema_version")
                version = connection.execute(query).scalar()
        if not tables:
            with self._write() as connection:
                SCHEMA.create_all(connection)
                row = {"key": "schema_version", "value": str(SCHEMA_VERSION)}
                connection.execute(insert_missing(self._engine.dialect.name, META), [row])
        elif version is None:
            raise ValueError(
                f"{self._name} must be a feedback store, got a database with the tables "
                f"{', '.join(sorted(tables))}"
            )
        elif version != str(SCHEMA_VERSION):
            raise ValueError(
                f"feedback store {self._name} must have schema version {SCHEMA_VERSION}, "
                f"got {version}; it was written by another version of prefgym: use that one"
            )

    def _check(self, connection: sa.Connection, events: Mapping[str, Event]) -> set[str]:
        """Keys already stored, after refusing what contradicts the store or is unknown to it."""
        stored: dict[str, Event] = {}
        for batch in _batches(list(events)):
            query = sa.select(*_EVENT_COLUMNS).where(EVENTS.c.key.in_(batch))
            found = [_event(*row) for row in connection.execute(query)]
            stored.update((event.key, event) for event in found)
        for key, event in stored.items():
            _require_same(event, events[key])
        shown = [identity for event in events.values() for identity in event.segments]
        self._require_known("segments", shown, self._known(connection, SEGMENTS.c.id, shown))
        undone = [e.superseded for e in events.values() if e.superseded is not None]
        known = self._known(connection, EVENTS.c.key, undone) | set(events)
        self._require_known("events", undone, known)
        return set(stored)

    def _known(
        self, connection: sa.Connection, column: sa.Column[str], names: Sequence[str]
    ) -> set[str]:
        known: set[str] = set()
        for batch in _batches(names):
            known.update(connection.scalars(sa.select(column).where(column.in_(batch))))
        return known

    def _require_known(
        self, what: str, names: Sequence[str], known: set[str] | Mapping[str, bytes]
    ) -> None:
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(
                f"{what} must be stored in {self._name} before they are named, "
                f"got {len(missing)} unknown, the first {missing[0]!r}"
            )

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with translated_errors(self._name, "read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        engine = self._engine.execution_options(immediate=True)
        with translated_errors(self._name, "write"), engine.begin() as connection:
            yield connection


def _row(event: Event) -> dict[str, str | int | None]:
    return {
        "kind": event.kind,
        "key": event.key,
        "rater": event.rater,
        "round": event.round,
        "segments": canonical_json(list(event.segments)),
        "answer": canonical_json(event.answer),
        "answered_at": event.answered_at,
    }


def _event(
    kind: str,
    key: str,
    rater: str,
    round_index: int,
    segments: str,
    answer: str,
    answered_at: str | None,
) -> Event:
    """The event of a row of `_EVENT_COLUMNS`."""
    shown, said = tuple(json.loads(segments)), json.loads(answer)
    return Event(kind, key, rater, round_index, shown, said, answered_at)


def _require_same(stored: Event, event: Event) -> None:
    if not stored.says_the_same(event):
        raise ValueError(
            f"key {event.key!r} must always name the same event, got {event} where {stored} "
            "is stored; take an answer back with an undo and give the next one a new key"
        )


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    """Distinct names, a query's worth at a time."""
    distinct = list(dict.fromkeys(names))
    for start in range(0, len(distinct), _BATCH):
        yield distinct[start : start + _BATCH]
