"""Rows of the feedback store's tables, to and from what they mean."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import sqlalchemy as sa

from prefgym.feedback.database import lock
from prefgym.feedback.event import Event, canonical_json
from prefgym.feedback.posted_query import Environment, PostedQuery, QueryKind
from prefgym.feedback.tables import EVENTS, META, QUERIES, SEGMENTS

EVENT_COLUMNS = [column for column in EVENTS.c if column is not EVENTS.c.seq]
QUERY_COLUMNS = [
    column for column in QUERIES.c if column.name not in ("seq", "answers", "closed", "open")
]
_BATCH = 500  # names per query; SQLite takes no more than 999 in old versions


def event_row(event: Event) -> dict[str, str | int | None]:
    """The row of an event, but for its number."""
    return {
        "kind": event.kind,
        "key": event.key,
        "rater": event.rater,
        "round": event.round,
        "segments": canonical_json(list(event.segments)),
        "answer": canonical_json(event.answer),
        "answered_at": event.answered_at,
    }


def insert_event(connection: sa.Connection, event: Event) -> int:
    """Write an event; its number."""
    inserted = connection.execute(sa.insert(EVENTS).values(event_row(event)))
    primary_key = inserted.inserted_primary_key
    assert primary_key is not None  # of one row, it is known
    return int(primary_key[0])


def row_event(
    kind: str,
    key: str,
    rater: str,
    round_index: int,
    segments: str,
    answer: str,
    answered_at: str | None,
) -> Event:
    """The event of a row of `EVENT_COLUMNS`."""
    shown, said = tuple(json.loads(segments)), json.loads(answer)
    return Event(kind, key, rater, round_index, shown, said, answered_at)


def query_row(query: PostedQuery) -> dict[str, str | int | None]:
    """The row of a query that nobody has answered, but for its number."""
    return {
        "key": query.key,
        "kind": query.kind,
        "segments": canonical_json(list(query.segments)),
        "round": query.round,
        "criteria": canonical_json(list(query.criteria)),
        "overlap": query.overlap,
        "priority": query.priority,
        "gold": None if query.gold is None else canonical_json(query.gold),
        "scene": query.scene,
        "answers": 0,
        "closed": False,
        "open": True,
    }


def row_query(
    key: str,
    kind: QueryKind,
    segments: str,
    round_index: int,
    criteria: str,
    overlap: int,
    priority: int,
    gold: str | None,
    scene: str,
) -> PostedQuery:
    """The query of a row of `QUERY_COLUMNS`."""
    return PostedQuery(
        key=key,
        kind=kind,
        segments=tuple(json.loads(segments)),
        round=round_index,
        criteria=tuple(json.loads(criteria)),
        overlap=overlap,
        priority=priority,
        gold=None if gold is None else json.loads(gold),
        scene=scene,
    )


def read_environment(connection: sa.Connection) -> Environment | None:
    """What the segments were recorded in, if that was said."""
    query = sa.select(META.c.value).where(META.c.key == "environment")
    value = connection.scalar(query)
    if value is None:
        return None
    stored = json.loads(value)
    return Environment(stored["env_id"], stored["env_kwargs"], tuple(stored["criteria"]))


def write_environment(connection: sa.Connection, store_name: str, environment: Environment) -> None:
    """Say what the segments were recorded in, once.

    Raises:
        ValueError: if they were said to be recorded in something else.
    """
    lock(connection, "environment")
    stored = read_environment(connection)
    if stored is None:
        value = json.dumps(asdict(environment), sort_keys=True, allow_nan=False)
        connection.execute(sa.insert(META).values(key="environment", value=value))
    elif stored != environment:
        raise ValueError(
            f"the segments of {store_name} were recorded in {stored}, got {environment}; "
            "use another store"
        )


def known(connection: sa.Connection, column: sa.Column[str], names: Sequence[str]) -> set[str]:
    """Those of the names that the column holds."""
    found: set[str] = set()
    for batch in batches(names):
        found.update(connection.scalars(sa.select(column).where(column.in_(batch))))
    return found


def require_segments(connection: sa.Connection, store_name: str, ids: Sequence[str]) -> None:
    """Refuse segments that are not stored.

    Raises:
        ValueError: if one is not.
    """
    require_known(store_name, "segments", ids, known(connection, SEGMENTS.c.id, ids))


def require_known(
    store_name: str, what: str, names: Sequence[str], known: set[str] | Mapping[str, bytes]
) -> None:
    """Refuse names that are not among the known.

    Raises:
        ValueError: if one is not.
    """
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"{what} must be stored in {store_name} before they are named, "
            f"got {len(missing)} unknown, the first {missing[0]!r}"
        )


def batches(names: Sequence[str]) -> Iterator[list[str]]:
    """Distinct names, a query's worth at a time."""
    distinct = list(dict.fromkeys(names))
    for start in range(0, len(distinct), _BATCH):
        yield distinct[start : start + _BATCH]
