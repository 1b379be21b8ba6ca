"""What a run's report shows of two policies from the same starts, read from the run's folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from prefgym.agents.beside import FOLDER, FORMAT
from prefgym.agents.json_row import JsonRow, read_json_object
from prefgym.agents.plots import Line, histograms, line_plot
from prefgym.agents.report_panels import Panel
from prefgym.agents.roads import DECISION_TIME

REMEDY = "make it again: prefgym report RUN --beside OTHER_RUN"


class Measured(NamedTuple):
    """One quantity of both policies, and the mean of its differences start by start."""

    name: str
    first: float | None
    second: float | None
    difference: float | None
    standard_error: float | None

    @property
    def clear(self) -> bool:
        """Whether the difference is more than two of its standard errors."""
        if self.difference is None or self.standard_error is None:
            return False
        return abs(self.difference) > 2 * self.standard_error


class Beside(NamedTuple):
    """Two policies: what they are called, where they were trained, and how they differ."""

    labels: tuple[str, str]
    runs: tuple[str, str]
    num_roads: int
    rows: tuple[Measured, ...]
    panels: tuple[Panel, ...]


def read_beside(run: Path) -> Beside | None:
    """What `write_beside` wrote; None where no run was set beside this one.

    Raises:
        ValueError: if it is damaged.
    """
    path = run / FOLDER / "beside.json"
    if not path.exists():
        return None
    document = read_json_object(path, remedy=REMEDY)
    if document.integer("format") != FORMAT:
        raise document.fail("format", f"{FORMAT}; {REMEDY}")
    labels = _pair(document, "labels")
    return Beside(
        labels,
        _pair(document, "runs"),
        document.integer("roads"),
        tuple(_measured(row) for row in _rows(document, "rows")),
        (*_road_panels(document, labels), *_sample_panels(document, labels)),
    )


def _measured(row: JsonRow) -> Measured:
    keys = ("first", "second", "difference", "standard_error")
    return Measured(row.text("name"), *(row.optional_number(key) for key in keys))


def _road_panels(document: JsonRow, labels: Sequence[str]) -> list[Panel]:
    """What was measured in the filmed episode, over time."""
    panels = []
    for number, row in enumerate(_rows(document, "road")):
        sides = [row.optional_numbers(key) for key in ("first", "second")]
        lines = [
            Line(label, [DECISION_TIME * (step + 1) for step in range(len(values))], values)
            for label, values in zip(labels, sides, strict=True)
        ]
        name = row.text("name")
        svg = line_plot(f"beside-road-{number}", lines, xlabel="time [s]", ylabel=name)
        panels.append(Panel(_titled(name), "In the filmed episode.", svg))
    return panels


def _sample_panels(document: JsonRow, labels: Sequence[str]) -> list[Panel]:
    """What was measured at every step of all episodes."""
    panels = []
    for number, row in enumerate(_rows(document, "samples")):
        samples = dict(zip(labels, (row.numbers("first"), row.numbers("second")), strict=True))
        if not all(samples.values()):
            continue
        name = row.text("name")
        svg = histograms(f"beside-all-{number}", samples, xlabel=name)
        note = "At every step of all episodes: densities over the middle 99 % of the values."
        panels.append(Panel(_titled(name), note, svg))
    return panels


def _titled(name: str) -> str:
    return name.partition(" [")[0].capitalize()


def _pair(document: JsonRow, key: str) -> tuple[str, str]:
    value = document.values.get(key)
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(v, str) for v in value):
        raise document.fail(key, "two texts")
    return value[0], value[1]


def _rows(document: JsonRow, key: str) -> list[JsonRow]:
    value = document.values.get(key)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise document.fail(key, "a list of objects")
    return [JsonRow(f"{document.place}, {key} {i}", row) for i, row in enumerate(value, start=1)]
