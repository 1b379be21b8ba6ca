"""People differ: crowds, groups, persons, dimensions and opinions, part by part."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from prefgym.agents import (
    people_cold,
    people_crowd,
    people_cultures,
    people_dimensions,
    people_drivers,
    people_groups,
    people_newest,
    people_opinion,
    people_own,
    people_persons,
    people_policies_page,
    people_queries,
    people_scale,
)
from prefgym.agents.benchmark import BenchmarkOptions, Cell, Result, run_cells, write_page
from prefgym.agents.people_page import Part, page
from prefgym.agents.run import write_atomically, write_json

PARTS: Mapping[str, Part] = {
    "crowd": people_crowd.PART,
    "groups": people_groups.PART,
    "persons": people_persons.PART,
    "drivers": people_drivers.PART,
    "queries": people_queries.PART,
    "on-policy": people_newest.PART,
    "cold": people_cold.PART,
    "dimensions": people_dimensions.PART,
    "opinion": people_opinion.PART,
    "policies": people_policies_page.PART,
    "cultures": people_cultures.PART,
    "own": people_own.PART,
    "scale": people_scale.PART,
}
"""In the order of the page. The last is timed, and best run alone: `--workers 1`."""


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Run the cells of the wanted parts; write one page of all that is finished.

    Raises:
        ValueError: if there is no part of a wanted name.
    """
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        raise ValueError(f"parts must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    run_cells(cells(options), measure, out, options)
    everything = replace(options, parts=(), finished=True)
    results = run_cells(cells(everything), measure, out, everything)
    sections = [
        part.section([row for row in results if row["part"] == name])
        for name, part in PARTS.items()
    ]
    introduction = (
        "`prefgym benchmark people`. Simulated people who are unreliable, of several minds, or "
        "each of their own, and what can be learned of them from comparisons. Figures are means "
        "over seeds with a 95 % bootstrap interval; every cell is resumable, and every part runs "
        "by itself."
    )
    write_page(out / "people.md", [text for text in page(sections, introduction) if text])
    write_json(out / "people.json", results)
    pictures = {name: data for section in sections for name, data in section.pictures.items()}
    for name, picture in pictures.items():
        write_atomically(out / name, picture)
    return [out / "people.md", out / "people.json", *(out / name for name in pictures)]


def cells(options: BenchmarkOptions) -> list[Cell]:
    """Every cell of every wanted part; quickly: the first of each."""
    parts = [PARTS[name] for name in options.parts or PARTS]
    if options.quick:
        return [part.cells(1)[0] for part in parts]
    return [cell for part in parts for cell in part.cells(options.seeds or part.num_seeds)]


def measure(cell: Cell) -> Result:
    """One cell, by its part."""
    return PARTS[str(cell["part"])].measure(cell)
