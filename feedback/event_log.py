"""Events on their way into the store, checked against what is there."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prefgym.feedback.event import Event
from prefgym.feedback.rows import (
    EVENT_COLUMNS,
    batches,
    known,
    require_known,
    require_segments,
    row_event,
)
from prefgym.feedback.tables import EVENTS


def by_key(events: Sequence[Event]) -> dict[str, Event]:
    """The events by key, in order.

    Raises:
        ValueError: if two have one key and say different things.
    """
    found: dict[str, Event] = {}
    for event in events:
        _require_same(found.setdefault(event.key, event), event)
    return found


def check_events(
    connection: sa.Connection, store_name: str, events: Mapping[str, Event]
) -> set[str]:
    """Keys already stored, after refusing what contradicts the store or is unknown to it.

    Raises:
        ValueError: if a key is taken by another answer, or a segment or the event that an undo
            names is not stored.
    """
    stored: dict[str, Event] = {}
    for batch in batches(list(events)):
        query = sa.select(*EVENT_COLUMNS).where(EVENTS.c.key.in_(batch))
        found = [row_event(*row) for row in connection.execute(query)]
        stored.update((event.key, event) for event in found)
    for key, event in stored.items():
        _require_same(event, events[key])
    shown = [identity for event in events.values() for identity in event.segments]
    require_segments(connection, store_name, shown)
    undone = [event.superseded for event in events.values() if event.superseded is not None]
    stored_or_given = known(connection, EVENTS.c.key, undone) | set(events)
    require_known(store_name, "events", undone, stored_or_given)
    return set(stored)


def _require_same(stored: Event, event: Event) -> None:
    if not stored.says_the_same(event):
        raise ValueError(
            f"key {event.key!r} must always name the same event, got {event} where {stored} "
            "is stored; take an answer back with an undo and give the next one a new key"
        )
