"""The database under the feedback store: its tables, its errors, and what SQLite needs said."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

SCHEMA_VERSION = 1
_LOCK_TIMEOUT = 30.0  # [s]

SCHEMA = sa.MetaData()
META = sa.Table(
    "meta",
    SCHEMA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
SEGMENTS = sa.Table(
    "segments",
    SCHEMA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
EVENTS = sa.Table(
    "events",
    SCHEMA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("segments", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("answered_at", sa.Text),
)


def database_url(url_or_path: str | Path) -> sa.URL:
    """A file's or a database's URL, with the driver that prefgym installs.

    Raises:
        ValueError: if it looks like a URL and is none.
    """
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return sa.URL.create("sqlite", database=str(url_or_path))
    try:
        url = sa.make_url(url_or_path)
    except ArgumentError as error:
        raise ValueError(
            f"feedback store must be a file or a database URL, got {url_or_path!r}"
        ) from error
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def open_engine(url: sa.URL) -> sa.Engine:
    """A pool of connections; all that SQLite needs said is said here.

    Raises:
        ValueError: if the database is neither SQLite nor PostgreSQL, or its driver is missing.
    """
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ValueError(f"feedback store must be in sqlite or postgresql, got {backend}")
    if backend == "postgresql":
        try:
            return sa.create_engine(url)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"a feedback store in PostgreSQL needs psycopg, got: {error}; "
                "pip install 'psycopg[binary]'"
            ) from error
    # Transactions begin where we say, tables included, and not where sqlite3 guesses.
    options = {"isolation_level": None, "timeout": _LOCK_TIMEOUT}
    engine = sa.create_engine(url, connect_args=options)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("immediate", False):
            # On the disk before a call returns, whatever the library was built with; and a writer
            # that first reads could be refused the lock when it comes to write.
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def insert_missing(dialect_name: str, table: sa.Table) -> sqlite.dml.Insert | postgresql.dml.Insert:
    """An insertion that leaves rows alone whose key is there."""
    insert = postgresql.insert if dialect_name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def rewrite_sqlite(path: Path) -> None:
    """Replace an SQLite file by one whose bytes follow from its content alone, or leave it be."""
    fresh = path.with_name(path.name + ".compact")
    fresh.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(fresh),))
        with closing(sqlite3.connect(fresh)) as connection:
            # The number of changes to the schema is all that would tell of former rewriting.
            connection.execute("PRAGMA schema_version = 1")
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def translated_errors(name: str, action: str) -> Iterator[None]:
    """The database's errors as Python's own, with the store's name.

    Raises:
        ValueError: if the file is no database, or a damaged one.
        OSError: if the database refuses or fails.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error)
        if "not a database" in reason or "malformed" in reason:
            raise ValueError(
                f"{name} must be a feedback store, got a file that is none or is damaged ({reason})"
            ) from error
        raise OSError(
            f"cannot {action} feedback store {name}: {reason}; it is as it was before this call"
        ) from error
