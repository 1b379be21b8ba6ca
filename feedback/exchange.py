"""Stores as folders of plain files: JSON lines of everything, TRL's rows, or Parquet.

A folder appears whole or not at all. The same store gives the same bytes, and so does a store that
was filled from them.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from prefgym.feedback.event import Event, in_force
from prefgym.feedback.exchange_jsonl import Counts, read_jsonl, write_jsonl
from prefgym.feedback.parquet import write_parquet
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.rows import EVENT_COLUMNS, read_environment, row_event
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import EVENTS
from prefgym.feedback.trl import write_trl

FORMATS = ("jsonl", "trl", "parquet")
VERSION = 1
_MANIFEST = "manifest.json"
_MAX_MANIFEST = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in an exported folder.

    Args:
        format: of `FORMATS`.
        version: of the format.
        environment: what the segments were recorded in, if that is known.
        counts: how many of what.
        files: SHA-256 of each file but the manifest, by name.
    """

    format: str
    version: int
    environment: Environment | None
    counts: Mapping[str, int]
    files: Mapping[str, str]


def export_store(
    store: FeedbackStore,
    folder: Path,
    *,
    format: str,
    texts: Callable[[str], tuple[str, str]] | None = None,
) -> Manifest:
    """Write what a store holds into a new folder.

    Args:
        store: what to write, as it is at one moment.
        folder: a folder that does not exist, or is empty.
        format: "jsonl": everything but people and leases, for `import_store`; "trl": the answers
            in force about texts; "parquet": the events, for analysis.
        texts: for "trl", the source of a segment's text and the text.

    Raises:
        ValueError: if the folder is in use, there is no such format, or something it needs is
            missing.
        OSError: if the folder cannot be written.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if format == "trl" and texts is None:
        raise ValueError("TRL's rows are of texts: say how to get them from a segment's id")
    with store.database.snapshot() as connection, _new_folder(folder) as partial:
        if format == "jsonl":
            counts = write_jsonl(connection, partial)._asdict()
        else:
            query = sa.select(*EVENT_COLUMNS).order_by(EVENTS.c.seq)
            events = [row_event(*row) for row in connection.execute(query)]
            counts = _write_events(events, partial, texts)
        manifest = Manifest(
            format=format,
            version=VERSION,
            environment=read_environment(connection),
            counts=counts,
            files={path.name: _sha256(path) for path in sorted(partial.iterdir())},
        )
        text = json.dumps(asdict(manifest), indent=2, sort_keys=True)
        (partial / _MANIFEST).write_text(text + "\n")
    return manifest


def import_store(store: FeedbackStore, folder: Path) -> Counts:
    """Add to a store what was exported as "jsonl", all or nothing; how much of it was new.

    Nothing in the folder is trusted: every line is checked, and nothing is unpickled.

    Raises:
        ValueError: if anything is wrong with the folder, or contradicts the store.
        OSError: if it cannot be read, or the store not written.
    """
    manifest = read_manifest(folder)
    if manifest.format != "jsonl":
        raise ValueError(
            f"{folder} must be an export of format jsonl, which holds all of a store, "
            f"got {manifest.format}"
        )
    for name, expected in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ValueError(f"{path} must be a file of the export, and is missing")
        if _sha256(path) != expected:
            raise ValueError(f"{path} is damaged: its content has another hash than when written")
    with store.database.write() as connection:
        return read_jsonl(
            connection, store.database.name, folder, set(manifest.files), manifest.environment
        )


def read_manifest(folder: Path) -> Manifest:
    """What an exported folder says it holds.

    Raises:
        ValueError: if it is no such folder, or one of a newer version.
    """
    path = folder / _MANIFEST
    if not path.is_file() or path.stat().st_size > _MAX_MANIFEST:
        raise ValueError(f"{folder} must be an export of a feedback store, with a {_MANIFEST}")
    try:
        return _manifest(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} must be the manifest of an export, got: {error}") from error


def _manifest(row: dict[str, object]) -> Manifest:
    version, files, counts, recorded = (
        row[name] for name in ("version", "files", "counts", "environment")
    )
    if version != VERSION:
        raise ValueError(f"version {version}; this prefgym reads {VERSION}: use a newer one")
    environment = None
    if recorded is not None:
        if not isinstance(recorded, dict):
            raise ValueError("an environment that is no object")
        environment = _environment(recorded)
    if not isinstance(files, dict) or not isinstance(counts, dict):
        raise ValueError("no files or no counts")
    if not all(isinstance(count, int) for count in counts.values()):
        raise ValueError("counts that are no numbers")
    for name in files:
        if name != Path(name).name or name.startswith("."):
            raise ValueError(f"a file {name!r} outside the folder")
    return Manifest(
        format=str(row["format"]),
        version=VERSION,
        environment=environment,
        counts=counts,
        files={str(name): str(digest) for name, digest in files.items()},
    )


def _environment(recorded: dict[str, object]) -> Environment:
    env_id, options, criteria = (recorded[n] for n in ("env_id", "env_kwargs", "criteria"))
    if not isinstance(env_id, str) or not isinstance(options, dict):
        raise ValueError("an environment without id and options")
    if not isinstance(criteria, list) or not all(isinstance(name, str) for name in criteria):
        raise ValueError("an environment without criteria")
    if not all(isinstance(v, str | int | float | bool | None) for v in options.values()):
        raise ValueError("an environment with options that are no plain values")
    return Environment(env_id, options, tuple(criteria))


def _write_events(
    events: list[Event], folder: Path, texts: Callable[[str], tuple[str, str]] | None
) -> dict[str, int]:
    if texts is None:
        return write_parquet(events, folder)
    return write_trl(in_force(events), folder, texts)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder that gets its name when all is written, and is removed if that fails."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} must be a new or empty folder to export to")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in [*partial.iterdir(), partial]:
            _to_disk(path)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
        _to_disk(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
