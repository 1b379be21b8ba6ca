import json
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents import benchmark_people, people_scale
from prefgym.agents.benchmark import BenchmarkOptions, Cell, Result
from prefgym.agents.benchmark_people import PARTS, cells, measure, run
from prefgym.agents.people_page import Gate, Section, over_seeds, page, rows_where, span
from prefgym.agents.people_scale import exponent
from prefgym.agents.person_curves import NUM_ANSWERS, AgreementCurves, curve_section
from prefgym.agents.statistics import Interval

SLOW = (
    "cold",
    "cultures",
    "drivers",
    "on-policy",
    "own",
    "policies",
    "queries",
    "scale",
)
FAST = [name for name in PARTS if name not in SLOW]


def results_of(name: str, num_seeds: int = 2) -> list[Result]:
    return [cell | measure(cell) for cell in PARTS[name].cells(num_seeds)]


@pytest.mark.parametrize("name", FAST)
def test_a_part_measures_what_its_section_tells(name: str) -> None:
    section = PARTS[name].section(results_of(name))
    assert section.title
    for gate in section.gates:
        assert np.isfinite(gate.found).all()
    text = "\n\n".join(section.paragraphs)
    assert "nan" not in text
    for picture, content in section.pictures.items():
        assert f"]({picture})" in text
        assert content.startswith(b"\x89PNG")


def test_the_same_cell_gives_the_same_numbers_and_another_seed_others() -> None:
    for name in ("crowd", "groups", "persons", "dimensions"):
        one, *_ = PARTS[name].cells(1)
        again: Cell = one | {"seed": 1}
        assert measure(one) == measure(one)
        assert measure(one) != measure(again)


def test_cells_name_their_part_and_every_seed() -> None:
    for name, part in PARTS.items():
        found = part.cells(3)
        assert {cell["part"] for cell in found} == {name}
        assert {cell["seed"] for cell in found} == {0, 1, 2}
    assert len(cells(BenchmarkOptions("people", quick=True))) == len(PARTS)
    own = cells(BenchmarkOptions("people"))
    assert {c["seed"] for c in own if c["part"] == "scale"} == set(range(10))
    assert {c["seed"] for c in own if c["part"] == "crowd"} == set(range(20))


def test_finished_cells_make_a_page_without_running_any(tmp_path: Path) -> None:
    for cell in [PARTS["dimensions"].cells(1)[0], *PARTS["groups"].cells(1)[:1]]:
        name = "_".join(f"{key}={value}" for key, value in cell.items())
        path = tmp_path / "cells" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(cell | measure(cell)))
    options = BenchmarkOptions("people", finished=True, seeds=1)
    written = run(tmp_path, options)
    assert [path.name for path in written] == ["people.md", "people.json"]
    text = written[0].read_text()
    assert "7. six dimensions" in text
    assert "3. adjusted Rand index" in text
    assert "1. tau" not in text


def test_parts_can_be_run_one_by_one() -> None:
    wanted = BenchmarkOptions("people", parts=("dimensions", "groups"), seeds=1)
    assert {cell["part"] for cell in cells(wanted)} == {"dimensions", "groups"}


def test_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"parts must be of crowd, .*got birds"):
        run(tmp_path, BenchmarkOptions("people", parts=("birds",)))


def test_a_gate_that_is_missed_says_so() -> None:
    found = Interval(0.5, 0.4, 0.6)
    section = Section("Part", ["Words."], [Gate("this", ">= 1", found, met=False, beside="that")])
    text = "\n".join(page([section], "Introduction."))
    assert "| this | >= 1 | 0.500 [0.400, 0.600] | NOT MET | that |" in text
    assert "## Part\nWords." in text


def test_a_difference_is_taken_seed_by_seed() -> None:
    rows: list[Result] = [{"a": 1.0, "b": 0.0}, {"a": 5.0, "b": 4.0}]
    assert over_seeds(rows, "a", less="b") == (1.0, 1.0, 1.0)
    assert over_seeds(rows, "a").estimate == 3.0
    assert span(over_seeds(rows, "a"), 1) == "3.0 [1.0, 5.0]"
    assert rows_where(rows, a=5.0) == rows[1:]  # type: ignore[arg-type]  # a number, as a name


def test_curves_tell_of_every_model_and_number_of_answers() -> None:
    curves = AgreementCurves(("own", "alone"))
    for count in NUM_ANSWERS:
        for score in (0.9, 0.96):
            curves.add("own", count, score)
            curves.add("alone", count, score - 0.3)
    row = curves.result() | {"pooled": 0.7, "flips": 0.2}
    section = curve_section(
        [row, row],
        title="Someone",
        what="New.",
        models=("own", "alone"),
        picture="a.png",
        gated="4. new",
    )
    assert "| 5 | 0.930 [0.930, 0.930] | 0.630 [0.630, 0.630] |" in section.paragraphs[1]
    assert [gate.met for gate in section.gates] == [True] * 4
    assert "20%" in section.paragraphs[0]


def test_time_that_doubles_with_the_answers_grows_with_power_one() -> None:
    rows: list[Result] = [
        {"seed": seed, "people": people, "answers": answers, "cpu per round": cost}
        for seed in (0, 1)
        for people, answers, cost in ((100, 10, 1.0), (400, 10, 4.0), (100, 40, 99.0))
    ]
    found = exponent(rows)
    assert found is not None
    assert found.estimate == pytest.approx(1.0)
    assert exponent(rows[:1]) is None


def test_a_fit_is_timed_in_a_process_of_its_own() -> None:
    found = people_scale.measure({"part": "scale", "people": 300, "answers": 10, "seed": 0})
    assert float(str(found["agreement"])) > 0.75
    assert float(str(found["memory"])) >= float(str(found["memory before"])) > 10


@pytest.mark.slow
def test_a_new_driver_is_known_better_than_the_average_one() -> None:
    cell: Cell = {"part": "drivers", "population": "the published range", "seed": 0}
    found = cell | measure(cell)
    assert float(str(found["own 40"])) > float(str(found["own 5"])) > float(str(found["pooled"]))
    assert float(str(found["own 5"])) > float(str(found["alone 5"]))
    assert benchmark_people.PARTS["drivers"].section([found]).gates
