"""Measured speeds and the bounds they are to keep, as tables."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import Literal

from rich.table import Table

from prefgym.agents.benchmark import markdown_table
from prefgym.agents.run import PACKAGES
from prefgym.agents.speed_jobs import Speed

TARGET_HEADER = ["", "measured", "wanted", ""]
SPEED_HEADER = ["", "per CPU second", "lowest .. highest", "per second of the clock"]


@dataclass(frozen=True, slots=True)
class Target:
    """A measured number and the bound that it is to keep."""

    name: str
    value: float
    relation: Literal["at least", "at most"]
    bound: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the bound is kept."""
        return self.value >= self.bound if self.relation == "at least" else self.value <= self.bound


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured on, and for how long [s].

    `load_before` and `load_after` are the system's mean numbers of running programs.
    """

    load_before: float
    load_after: float
    seconds: float
    quick: bool
    processor: str = field(default_factory=lambda: platform.processor() or platform.machine())
    cores: int | None = field(default_factory=os.cpu_count)
    python: str = field(default_factory=platform.python_version)
    versions: Mapping[str, str] = field(
        default_factory=lambda: {name: version(name) for name in PACKAGES}
    )


def _target_rows(targets: Sequence[Target]) -> list[list[str]]:
    return [
        [
            target.name,
            f"{_digits(target.value)} {target.unit}",
            f"{target.relation} {_digits(target.bound)}",
            "met" if target.met else "MISSED",
        ]
        for target in targets
    ]


def _speed_rows(speeds: Sequence[Speed]) -> list[list[str]]:
    return [
        [
            speed.name,
            f"{_digits(speed.rate)} {speed.unit}",
            f"{_digits(min(speed.cpu_rates))} .. {_digits(max(speed.cpu_rates))}",
            _digits(median(speed.wall_rates)),
        ]
        for speed in speeds
    ]


def _digits(value: float) -> str:
    """Three figures, and whole numbers from 100 on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def rich_tables(speeds: Sequence[Speed], targets: Sequence[Target]) -> list[Table]:
    """The speeds and the targets as tables for a terminal."""
    tables = []
    for header, rows in (
        (SPEED_HEADER, _speed_rows(speeds)),
        (TARGET_HEADER, _target_rows(targets)),
    ):
        table = Table(*header)
        for row in rows:
            table.add_row(*row)
        tables.append(table)
    return tables


def markdown(speeds: Sequence[Speed], targets: Sequence[Target], machine: Machine) -> str:
    """The same as a page, with how it was measured and on what."""
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    text = [
        "# Speed",
        "`prefgym benchmark speed --highway-python PATH --imitation-python PATH`, one run of "
        f"{machine.seconds:.0f} s. Seconds are those of the process's own CPU time (all its "
        "threads; PyTorch has one), because other programs may share the machine; medians of the "
        "turns, and what is compared takes turns: A B A B. The peers run in environments of their "
        "own, on one thread as well; without its interpreter a peer is left out."
        + (
            " **Tiny sizes, to see that it works: the numbers mean nothing.**" * bool(machine.quick)
        ),
        markdown_table(TARGET_HEADER, _target_rows(targets)),
        markdown_table(SPEED_HEADER, _speed_rows(speeds)),
        "A decision is half a second of 30 cars in five sub-steps; highway-fast-v0's is a second "
        "of 21 cars in five. A reader's step is one pick, or the stop. "
        "highway-env's settings: 16 worlds of 48 steps, batch 64, 10 epochs, "
        "two networks of 2x256. A pair visit is one pair of 50-step segments of 16 numbers shown "
        "to one member of three of 2x64, in batches of 32 pairs. `fit` also standardises, scales "
        "and measures agreement; the bare loop takes its gradient steps only. imitation's work "
        "grows in proportion to its comparisons, so it is given fewer.",
        f"{machine.processor}, {machine.cores} cores, load average {machine.load_before:.1f} "
        f"before and {machine.load_after:.1f} after; Python {machine.python}, {versions}.",
    ]
    return "\n\n".join(text) + "\n"
