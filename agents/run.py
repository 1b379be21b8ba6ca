"""A run is a folder: configuration, metrics, answers, and the last finished stage's models.

The manifest is replaced atomically after every stage and holds the hash of every file it names,
so a run that was killed at any moment is the run at its last finished stage.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from prefgym.agents.config import RunConfig, from_json, to_json

FORMAT = 1
PACKAGES = ("prefgym", "gymnasium", "stable-baselines3", "torch", "numpy", "numba")


class RunError(Exception):
    """A run folder that cannot be read or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is finished: `stage` stages, and counts up to there."""

    stage: int
    env_steps: int
    asked: int
    labels: int
    num_fits: int
    metrics_bytes: int
    files: Mapping[str, str]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, never half of either.

    Raises:
        RunError: if the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes private files; a run is meant to be shown
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise RunError(
            f"cannot write {path}: {error.strerror}; free space or choose another folder, "
            "then resume the run"
        ) from error


def create(folder: Path, config: RunConfig, files: Mapping[str, bytes] | None = None) -> None:
    """Begin a run in an empty or new folder.

    Args:
        folder: of the run.
        config: everything that decides it.
        files: what it begins with, by names in the folder; they are there before it is a run.

    Raises:
        RunError: if the folder holds a run already.
    """
    if (folder / "config.json").exists():
        raise RunError(f"{folder} holds a run already; resume it, or choose another folder")
    for name, content in (files or {}).items():
        write_atomically(folder / name, content)
    versions = {name: version(name) for name in PACKAGES}
    document = {"format": FORMAT, "versions": versions, **to_json(config)}
    write_json(folder / "config.json", document)


def take_back(folder: Path, files: Mapping[str, bytes]) -> None:
    """Undo `create`, for a run that turned out to be impossible; whatever else is there stays."""
    written = [folder / name for name in ("config.json", *files)]
    for path in written:
        path.unlink(missing_ok=True)
    for place in sorted({path.parent for path in written}, reverse=True):
        with suppress(OSError):  # not empty
            place.rmdir()


def write_json(path: Path, document: object) -> None:
    """Write JSON atomically."""
    write_atomically(path, (json.dumps(document, indent=2, default=str) + "\n").encode())


def _read_json(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: {path.parent} is not a run folder") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); restore it or start a new run") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise RunError(f"{path} is not a prefgym run file: it has no format number")
    if document["format"] > FORMAT:
        raise RunError(
            f"{path} has format {document['format']}, this version reads up to {FORMAT}; "
            "update prefgym"
        )
    return document


def read_config(folder: Path) -> RunConfig:
    """The configuration of a run.

    Raises:
        RunError: if it is missing, damaged or newer.
    """
    try:
        return from_json(_read_json(folder / "config.json"))
    except (TypeError, ValueError) as error:
        raise RunError(f"{folder / 'config.json'} is damaged: {error}") from error


def read_progress(folder: Path) -> Progress | None:
    """How far a run got, its files checked; None if no stage was finished.

    Raises:
        RunError: if the manifest or a file it names is missing or not as written.
    """
    path = folder / "manifest.json"
    if not path.exists():
        return None
    document = _read_json(path)
    document.pop("format")
    try:
        progress = Progress(**document)  # type: ignore[arg-type]  # JSON's own values
    except TypeError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    for name in progress.files:
        read_file(folder, progress, name)
    return progress


def read_file(folder: Path, progress: Progress, name: str) -> bytes:
    """The bytes of a file that the manifest names.

    Raises:
        RunError: if they are not the bytes that were written.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise RunError(f"{folder / name} is missing; restore it or start a new run") from error
    if hashlib.sha256(content).hexdigest() != progress.files[name]:
        raise RunError(f"{folder / name} is damaged: its hash differs from the manifest's")
    return content


def write_stage(folder: Path, files: Mapping[str, bytes], progress: Progress) -> Progress:
    """Save a finished stage: its files first, then the manifest that makes them count.

    File names carry the stage, so the last stage's files stay whole until the manifest moves on.
    """
    hashes = {}
    for name, content in files.items():
        write_atomically(folder / name, content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    finished = replace(progress, files=hashes)
    write_json(folder / "manifest.json", {"format": FORMAT, **asdict(finished)})
    for kind in {Path(name).parent for name in hashes}:
        for stale in (folder / kind).iterdir():
            if str(stale.relative_to(folder)) not in hashes:
                stale.unlink()
    return finished


def append_metrics(folder: Path, rows: list[dict[str, object]]) -> None:
    """Add lines to the run's metrics.

    Raises:
        RunError: if the disk is full.
    """
    text = "".join(json.dumps(row, default=_number) + "\n" for row in rows)
    path = folder / "metrics.jsonl"
    try:
        with path.open("ab") as file:
            file.write(text.encode())
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}; free space and resume") from error


def _number(value: object) -> object:
    if isinstance(value, np.floating | np.integer | np.ndarray):
        return value.tolist()
    raise TypeError(f"metrics hold numbers, strings and lists, got {type(value).__name__}")


def metrics_size(folder: Path) -> int:
    """Length of the metrics file [byte]."""
    path = folder / "metrics.jsonl"
    return path.stat().st_size if path.exists() else 0


def truncate_metrics(folder: Path, size: int) -> None:
    """Drop the lines of an unfinished stage."""
    path = folder / "metrics.jsonl"
    if path.exists() and path.stat().st_size > size:
        with path.open("rb+") as file:
            file.truncate(size)


def read_metrics(folder: Path) -> list[dict[str, object]]:
    """Every line of the run's metrics.

    Raises:
        RunError: if a line is damaged.
    """
    path = folder / "metrics.jsonl"
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
