"""The database under a feedback store: its transactions, its errors, what SQLite needs said."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from prefgym.feedback.migration import migrate, schema_version
from prefgym.feedback.tables import SCHEMA_VERSION
from prefgym.feedback.turnstile import Turnstile

_LOCK_TIMEOUT = 30.0  # [s]
# connections of a pool: as many as there are threads at work, which else would wait for one and,
# the pool not being fair, could wait for ever
_UNLIMITED = 0
_CLOCKS = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)",
}


class Database:
    """A database with the tables of a feedback store; threads and processes may share it."""

    def __init__(self, url_or_path: str | Path) -> None:
        """Open it, create the tables where there are none, and bring old ones up to date.

        Raises:
            ValueError: if there is something else, or the store of a newer version.
            OSError: if it cannot be read or created.
        """
        url = database_url(url_or_path)
        self.dialect = url.get_backend_name()
        self.file = _sqlite_file(url)
        self.name = url.render_as_string(hide_password=True)
        if self.file is not None:
            self.name = str(self.file)
            if self.file.is_dir():
                raise IsADirectoryError(
                    f"feedback store must be a file, got the folder {self.name}"
                )
        self._engine = open_engine(url)
        # SQLite has one writer at a time and lets the others sleep: threads had better queue.
        self._writer: AbstractContextManager[object] = (
            Turnstile() if self.dialect == "sqlite" else nullcontext()
        )
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees what is stored."""
        with translated_errors(self.name, "read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """As `read`, and all that is read was stored at one moment."""
        engine = self._engine
        if self.dialect == "postgresql":  # SQLite knows no other way
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated_errors(self.name, "read"), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction: all that is done in it is stored when it ends well, else nothing.

        Args:
            durable: whether it must survive that the machine loses its power, not only that we
                are killed; waiting for the disk is most of what a small transaction takes.
        """
        engine = self._engine.execution_options(immediate=True, durable=durable)
        with self._writer, translated_errors(self.name, "write"), engine.begin() as connection:
            if not durable and self.dialect == "postgresql":
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
            yield connection

    def share(self) -> None:
        """Let many read an SQLite file while one writes; it stays so.

        Only where people answer: such a file needs a writable folder on this machine's own disk
        to be opened at all, which a run's folder need not be.
        """
        if self.file is not None:
            with translated_errors(self.name, "share"), closing(sqlite3.connect(self.file)) as own:
                _journal_ahead(own)

    def compact(self) -> None:
        """Rewrite an SQLite file so that its bytes follow from its content alone."""
        if self.file is not None:
            self._engine.dispose()
            with translated_errors(self.name, "compact"):
                rewrite_sqlite(self.file)

    def _prepare(self) -> None:
        with self.read() as connection:
            version = schema_version(connection, self.name)
        if version != SCHEMA_VERSION:
            with self.write() as connection:
                lock(connection, "schema")
                migrate(connection, self.name)


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


def _sqlite_file(url: sa.URL) -> Path | None:
    """The SQLite file, if that is what holds the store."""
    place = url.database or ":memory:"
    is_file = place != ":memory:" and not place.startswith("file:")
    return Path(place) if is_file and url.get_backend_name() == "sqlite" else None


def open_engine(url: sa.URL) -> sa.Engine:
    """A pool of connections; all that SQLite needs said is said here.

    Raises:
        ValueError: if the database is neither SQLite nor PostgreSQL, or its driver is missing.
    """
    backend = url.get_backend_name()
    if backend not in _CLOCKS:
        raise ValueError(f"feedback store must be in sqlite or postgresql, got {backend}")
    if backend == "postgresql":
        try:
            return sa.create_engine(url, pool_pre_ping=True, pool_size=_UNLIMITED)
        except ModuleNotFoundError as error:
            raise ValueError(
                f"a feedback store in PostgreSQL needs psycopg, got: {error}; "
                "pip install 'psycopg[binary]'"
            ) from error
    # Transactions begin where we say, tables included, and not where sqlite3 guesses.
    options = {"isolation_level": None, "timeout": _LOCK_TIMEOUT}
    if _sqlite_file(url) is None:
        engine = sa.create_engine(url, connect_args=options)
    else:
        engine = sa.create_engine(url, connect_args=options, pool_size=_UNLIMITED)

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer that first reads could be refused the lock when it comes to write.
        options = connection.get_execution_options()
        if options.get("immediate", False):
            # On the disk before a call returns, whatever the library was built with.
            level = "FULL" if options.get("durable", True) else "NORMAL"
            connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def clock(connection: sa.Connection) -> float:
    """The time now by the database's clock, which all who share it go by [s since the epoch]."""
    return float(connection.exec_driver_sql(_CLOCKS[connection.dialect.name]).scalar_one())


def lock(connection: sa.Connection, name: str) -> None:
    """Wait until nobody else holds `name`, and hold it until the transaction ends.

    In SQLite, a transaction that writes holds everything.
    """
    if connection.dialect.name == "postgresql":
        query = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        connection.execute(query, {"name": f"prefgym {name}"})


def _journal_ahead(connection: sqlite3.Connection) -> None:
    """Keep changes in a journal beside an SQLite file until nobody reads what they replace."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # Here, and only here, SQLite does not wait by itself.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


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
