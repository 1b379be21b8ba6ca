"""What a part of the benchmark on people hands to the page: a section, and its gates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.statistics import Interval, stratified_bootstrap


class Gate(NamedTuple):
    """A figure that was asked for, and what was found."""

    what: str
    wanted: str
    found: Interval
    met: bool
    beside: str = ""
    """Baselines, in words."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; `pictures` by the names that the paragraphs call them."""

    title: str
    paragraphs: list[str]
    gates: list[Gate] = field(default_factory=list)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


class Part(NamedTuple):
    """One part of the benchmark: its cells for so many seeds, how to run one, and its section.

    A cell names its part under "part"; the section is given the results of these cells alone.
    `num_seeds` is how many there are unless the command says otherwise.
    """

    cells: Callable[[int], list[Cell]]
    measure: Callable[[Cell], Result]
    section: Callable[[list[Result]], Section]
    num_seeds: int = 20


def number(row: Result, key: str) -> float:
    """A number of a result."""
    value = row[key]
    assert isinstance(value, int | float)  # written by `measure`
    return float(value)


def rows_where(results: Sequence[Result], **wanted: str | int) -> list[Result]:
    """The results of the cells with these values."""
    return [row for row in results if all(row[key] == value for key, value in wanted.items())]


def over_seeds(rows: Sequence[Result], key: str, less: str | None = None) -> Interval:
    """Mean over the rows, which are seeds, with its 95 % bootstrap interval.

    Args:
        rows: results of one condition.
        key: of the figure.
        less: of another, from which it is taken seed by seed; None: none is.
    """
    scores = [number(row, key) - (number(row, less) if less else 0.0) for row in rows]
    rng = np.random.default_rng(0)
    return stratified_bootstrap([scores], lambda values: values.mean(axis=-1), rng=rng)


def span(found: Interval, digits: int = 3) -> str:
    """An estimate and its interval, as text."""
    low, high = (f"{end:.{digits}f}" for end in (found.low, found.high))
    return f"{found.estimate:.{digits}f} [{low}, {high}]"


def page(sections: Sequence[Section], introduction: str) -> list[str]:
    """Paragraphs of the whole page: what was asked for and found, then part by part."""
    gates = [
        [gate.what, gate.wanted, span(gate.found), "met" if gate.met else "NOT MET", gate.beside]
        for section in sections
        for gate in section.gates
    ]
    text = ["# People differ", introduction]
    if gates:
        header = ["asked for", "wanted", "found", "", "beside it"]
        text += ["## What was asked for", markdown_table(header, gates)]
    for section in sections:
        text += [f"## {section.title}", *section.paragraphs]
    return text
