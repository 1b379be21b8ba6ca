"""`prefgym export` and `prefgym import`: a feedback store as a folder of plain files, and back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from prefgym.agents.label_command import find_store
from prefgym.feedback.exchange import export_store, import_store
from prefgym.feedback.label.viewers import Viewer
from prefgym.feedback.label.views import TextView
from prefgym.feedback.store import FeedbackStore

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class ExportOptions:
    """Write what a feedback store holds into a new folder."""

    store: Annotated[str, tyro.conf.Positional]
    """A run folder, a feedback store (a file), or the URL of a PostgreSQL database."""
    folder: Annotated[Path, tyro.conf.Positional]
    """Where to; it must not exist, or be empty."""
    format: Literal["jsonl", "trl", "parquet"] = "jsonl"
    """jsonl: all of it, for `prefgym import`; trl: rows for Hugging Face's TRL, of answers about
    texts; parquet: the events, for analysis."""


@dataclass(frozen=True)
class ImportOptions:
    """Add what `prefgym export` wrote as jsonl to a feedback store, all or nothing."""

    folder: Annotated[Path, tyro.conf.Positional]
    """What was exported."""
    store: Annotated[str, tyro.conf.Positional]
    """A feedback store (a file, made where there is none) or the URL of a PostgreSQL database."""


def export(words: list[str]) -> None:
    """Export a store.

    Raises:
        ValueError: if there is no store, or the folder is in use.
        OSError: if something cannot be read or written.
    """
    options = tyro.cli(ExportOptions, args=words, prog="prefgym export")
    with FeedbackStore(find_store(options.store)) as store:
        texts = texts_of(store) if options.format == "trl" else None
        manifest = export_store(store, options.folder, format=options.format, texts=texts)
    for name, count in manifest.counts.items():
        console.print(f"{count:>10,}  {name}")
    console.print(f"written to {options.folder}", markup=False)


def import_(words: list[str]) -> None:
    """Import a folder.

    Raises:
        ValueError: if the folder is no export, or contradicts the store.
        OSError: if something cannot be read or written.
    """
    options = tyro.cli(ImportOptions, args=words, prog="prefgym import")
    with FeedbackStore(options.store) as store:
        added = import_store(store, options.folder)
    for name, count in added._asdict().items():
        console.print(f"{count:>10,}  {name} added")


def texts_of(store: FeedbackStore) -> Callable[[str], tuple[str, str]]:
    """From a segment's id to the text that was read and the one that was written.

    Raises:
        ValueError: by the function, if the segment is no text.
    """
    viewer = Viewer(store)
    # what a person wrote stands in the answer; its segment holds only what a reader sees of it
    corrected = {
        event.segments[0]: (event.segments[1], str(event.answer["what"]))
        for event in store.events(kinds=["correction"])
        if len(event.segments) > 1
    }

    def texts(segment: str) -> tuple[str, str]:
        original, text = corrected.get(segment, (segment, ""))
        shown = viewer.view(original, "")
        if not isinstance(shown, TextView):
            raise ValueError(f"TRL's rows are of texts, and segment {segment[:12]}... is none")
        return shown.source, text or shown.text

    return texts
