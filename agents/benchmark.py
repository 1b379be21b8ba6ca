"""`prefgym benchmark NAME`: long measurements as a resumable grid of cells, two at a time."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch
import tyro
from rich.console import Console
from rich.progress import track

from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.statistics import spread

console = Console()
NAMES = (
    "driving",
    "control",
    "speed",
    "resume",
    "teachers",
    "judges",
    "text",
    "mixed",
    "people",
)
Cell = dict[str, str | int | float]
Result = dict[str, object]


@dataclass(frozen=True)
class BenchmarkOptions:
    """Run one benchmark. Finished cells stay in OUT: stop it and go on as you like."""

    name: Annotated[str, tyro.conf.Positional]
    """driving, control, speed, resume, teachers, judges, text, mixed or people."""
    out: Path | None = None
    """Folder for cells, tables and plots; default: results-cache/NAME."""
    seeds: int = 0
    """Seeds per condition; 0: the benchmark's own number."""
    parts: tuple[str, ...] = ()
    """Parts of the benchmark on people to run, such as crowd or drivers; default: all of them."""
    workers: int = 2
    """Processes at once, of one thread each."""
    finished: bool = False
    """Run nothing; write the tables from the cells that are finished."""
    highway_python: Path | None = None
    """Interpreter of an environment with highway-env, for the speed benchmark."""
    imitation_python: Path | None = None
    """Interpreter of an environment with imitation, for the speed benchmark."""
    quick: bool = False
    """A few tiny cells, to see that everything works."""


def main(words: list[str]) -> None:
    """Run the benchmark that the words name.

    Raises:
        ValueError: if there is none of that name.
    """
    options = tyro.cli(BenchmarkOptions, args=words, prog="prefgym benchmark")
    if options.name not in NAMES:
        raise ValueError(f"benchmark must be one of {', '.join(NAMES)}, got {options.name!r}")
    out = options.out or Path("results-cache") / options.name
    module = import_module(f"prefgym.agents.benchmark_{options.name}")
    for path in module.run(out, options):
        console.print(f"written: {path}")


def run_cells(
    cells: Iterable[Cell], work: Callable[[Cell], Result], out: Path, options: BenchmarkOptions
) -> list[Result]:
    """Results of all cells, each `cell | work(cell)`, in the order of the cells.

    A finished cell is a file under `out/cells`; a cell whose file exists is not run again. With
    `options.finished` nothing is run, and only the finished cells are returned.
    """
    paths = {_path(out, cell): cell for cell in cells}
    missing = {path: cell for path, cell in paths.items() if not path.exists()}
    if options.finished:
        paths = {path: cell for path, cell in paths.items() if path.exists()}
    elif missing:
        console.print(f"{len(paths) - len(missing)} cells done, {len(missing)} to run")
        context = get_context("spawn")
        pools = ProcessPoolExecutor(options.workers, context, _one_thread)
        with pools as pool:
            running = {pool.submit(work, cell): path for path, cell in missing.items()}
            for done in track(as_completed(running), "cells", len(running), console=console):
                path = running[done]
                write_json(path, missing[path] | done.result())
    return [json.loads(path.read_text()) for path in paths]


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def _path(out: Path, cell: Cell) -> Path:
    name = "_".join(f"{key}={value}" for key, value in cell.items()).replace("/", "-")
    return out / "cells" / f"{name}.json"


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A GitHub table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_range(values: Sequence[float], digits: int = 3) -> str:
    """Mean [lowest, highest], or the mean alone where there is nothing between them.

    >>> with_range([1.0, 2.0, 6.0], 1)
    '3.0 [1.0, 6.0]'
    """
    mean, low, high = spread(values)
    if low == high:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def write_page(path: Path, paragraphs: list[str]) -> None:
    """Write a Markdown page."""
    write_atomically(path, ("\n\n".join(paragraphs) + "\n").encode())
