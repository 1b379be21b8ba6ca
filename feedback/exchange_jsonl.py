"""All of a store as JSON lines and .npz: what `exchange` writes and reads as "jsonl"."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.database import insert_missing, lock
from prefgym.feedback.event import Event
from prefgym.feedback.event_log import by_key, check_events
from prefgym.feedback.exchange_assignments import read_assignments, write_assignments
from prefgym.feedback.exchange_clips import read_clips, write_clips
from prefgym.feedback.exchange_rows import (
    event_json,
    parse_event,
    parse_query,
    query_json,
    read_lines,
    to_line,
)
from prefgym.feedback.npz import read_npz, write_npz
from prefgym.feedback.payload import decode_arrays, encode_arrays
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.posting import post_queries
from prefgym.feedback.rows import (
    EVENT_COLUMNS,
    QUERY_COLUMNS,
    event_row,
    known,
    row_event,
    row_query,
    write_environment,
)
from prefgym.feedback.tables import EVENTS, QUERIES, SEGMENTS

FILES = ("segments.npz", "clips.npz", "events.jsonl", "queries.jsonl", "assignments.jsonl")
_BATCH = 200


class Counts(NamedTuple):
    """How many of each."""

    segments: int
    clips: int
    events: int
    queries: int
    assignments: int


def write_jsonl(connection: sa.Connection, folder: Path) -> Counts:
    """Write everything but people, tokens and leases."""
    ids = list(connection.scalars(sa.select(SEGMENTS.c.id).order_by(SEGMENTS.c.id)))
    write_npz(folder / "segments.npz", _arrays(connection, ids))
    num_clips = write_clips(connection, folder / "clips.npz")
    events = connection.execute(sa.select(*EVENT_COLUMNS).order_by(EVENTS.c.seq))
    lines = (to_line(event_json(row_event(*row))) for row in events)
    num_events = _write_lines(folder / "events.jsonl", lines)
    queries = connection.execute(
        sa.select(*QUERY_COLUMNS, QUERIES.c.closed).order_by(QUERIES.c.seq)
    )
    lines = (to_line(query_json(row_query(*row[:-1]), closed=row.closed)) for row in queries)
    num_queries = _write_lines(folder / "queries.jsonl", lines)
    rows = write_assignments(connection)
    lines = (to_line(asdict(row)) for row in rows)
    num_assignments = _write_lines(folder / "assignments.jsonl", lines)
    return Counts(len(ids), num_clips, num_events, num_queries, num_assignments)


def read_jsonl(
    connection: sa.Connection,
    store_name: str,
    folder: Path,
    files: set[str],
    environment: Environment | None,
) -> Counts:
    """Add what is in the folder, in the caller's transaction; how much of it was new.

    Raises:
        ValueError: if anything is wrong with it, or contradicts the store.
    """
    if files != set(FILES):
        raise ValueError(f"{folder} must hold {', '.join(FILES)}, got {', '.join(sorted(files))}")
    lock(connection, "post")
    if environment is not None:
        write_environment(connection, store_name, environment)
    num_segments = _read_segments(connection, folder / "segments.npz")
    num_clips = read_clips(connection, store_name, folder / "clips.npz")
    events = list(read_lines(folder / "events.jsonl", parse_event))
    num_events = _add_events(connection, store_name, events)
    queries = list(read_lines(folder / "queries.jsonl", parse_query))
    num_queries = post_queries(connection, store_name, [query for query, _ in queries])
    for query, closed in queries:
        if closed:
            shut = sa.update(QUERIES).where(QUERIES.c.key == query.key)
            connection.execute(shut.values(closed=True, open=False))
    num_assignments = read_assignments(connection, folder / "assignments.jsonl")
    return Counts(num_segments, num_clips, num_events, num_queries, num_assignments)


def _write_lines(path: Path, lines: Iterable[str]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line)
            count += 1
    return count


def _arrays(connection: sa.Connection, ids: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of all segments, as id/name."""
    for start in range(0, len(ids), _BATCH):
        query = sa.select(SEGMENTS.c.id, SEGMENTS.c.payload).order_by(SEGMENTS.c.id)
        batch = query.where(SEGMENTS.c.id.in_(ids[start : start + _BATCH]))
        for identity, payload in connection.execute(batch).all():
            for name, array in sorted(decode_arrays(identity, payload).items()):
                yield f"{identity}/{name}", array


def _read_segments(connection: sa.Connection, path: Path) -> int:
    """Store the segments that are not stored; their number."""
    count, rows = 0, _segment_rows(path)
    while batch := list(islice(rows, _BATCH)):
        stored = known(connection, SEGMENTS.c.id, [identity for identity, _ in batch])
        new = [{"id": name, "payload": payload} for name, payload in batch if name not in stored]
        if new:
            connection.execute(insert_missing(connection.dialect.name, SEGMENTS), new)
        count += len(new)
    return count


def _segment_rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Ids and payloads of the segments, whose ids must be those of their content."""
    for claimed, group in groupby(read_npz(path), key=lambda item: item[0].partition("/")[0]):
        arrays = {name.partition("/")[2]: array for name, array in group}
        identity, payload = encode_arrays(arrays)
        if identity != claimed:
            raise ValueError(f"{path} must hold segments under the hash of their content")
        yield identity, payload


def _add_events(connection: sa.Connection, store_name: str, events: list[Event]) -> int:
    """Store the events that are not stored; their number.

    Raises:
        ValueError: if one contradicts the store, or is taken back before it was given.
    """
    events_by_key, seen = by_key(events), set[str]()
    for event in events:
        if event.superseded in events_by_key and event.superseded not in seen:
            raise ValueError(f"undo {event.key!r} must come after what it takes back")
        seen.add(event.key)
    stored = check_events(connection, store_name, events_by_key)
    rows = [event_row(event) for key, event in events_by_key.items() if key not in stored]
    if rows:
        connection.execute(sa.insert(EVENTS), rows)
    return len(rows)
