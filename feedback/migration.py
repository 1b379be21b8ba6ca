"""Stores that earlier versions of prefgym wrote, brought up to date."""

from collections.abc import Callable

import sqlalchemy as sa

from prefgym.feedback.tables import (
    ASSIGNMENTS,
    CLIPS,
    META,
    PEOPLE,
    QUERIES,
    SCHEMA,
    SCHEMA_VERSION,
    TOKENS,
)


def _add_queries_and_people(connection: sa.Connection) -> None:
    """Version 2: what people are asked, who they are, and clips of segments."""
    added = [CLIPS, QUERIES, ASSIGNMENTS, PEOPLE, TOKENS]
    SCHEMA.create_all(connection, tables=added, checkfirst=False)


# By the version that a step starts from. When a table changes, the steps before must create it as
# it was in their time.
STEPS: dict[int, Callable[[sa.Connection], None]] = {1: _add_queries_and_people}


def schema_version(connection: sa.Connection, name: str) -> int | None:
    """Version of the tables of the store called `name`; None of an empty database.

    Raises:
        ValueError: if there are tables, but not ours, or those of a newer version.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if not tables:
        return None
    version = None
    if META.name in tables:
        query = sa.select(META.c.value).where(META.c.key == "schema_version")
        version = connection.execute(query).scalar()
    if version is None:
        raise ValueError(
            f"{name} must be a feedback store, got a database with the tables "
            f"{', '.join(sorted(tables))}"
        )
    if int(version) > SCHEMA_VERSION:
        raise ValueError(
            f"feedback store {name} must have schema version {SCHEMA_VERSION} or an older one, "
            f"got {version}; it was written by a newer version of prefgym: use that one"
        )
    return int(version)


def migrate(connection: sa.Connection, name: str) -> None:
    """Create the tables where there are none, else bring them up to date.

    In the caller's transaction: a store that is killed on the way is as it was.
    """
    version = schema_version(connection, name)
    if version is None:
        SCHEMA.create_all(connection, checkfirst=False)
        row = {"key": "schema_version", "value": str(SCHEMA_VERSION)}
        connection.execute(sa.insert(META), [row])
        return
    for step in range(version, SCHEMA_VERSION):
        STEPS[step](connection)
    update = sa.update(META).where(META.c.key == "schema_version")
    connection.execute(update.values(value=str(SCHEMA_VERSION)))
