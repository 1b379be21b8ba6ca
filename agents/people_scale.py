"""Time and memory of learning a population, over the number of people and of their answers."""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_page import Gate, Part, Section, number, over_seeds, rows_where, span
from prefgym.agents.people_persons import NUM_FEATURES, ask, draw_world
from prefgym.agents.statistics import Interval, stratified_bootstrap
from prefgym.feedback.fit_population import PopulationConfig, fit_population

SIZES = ((12_500, 10), (25_000, 10), (50_000, 10), (100_000, 10), (25_000, 20), (25_000, 40))
LARGEST = (100_000, 10)
MAX_SECONDS = 120.0


def cells(num_seeds: int) -> list[Cell]:
    """Every size, seed by seed."""
    return [
        {"part": "scale", "people": people, "answers": answers, "seed": seed}
        for seed in range(num_seeds)
        for people, answers in SIZES
    ]


def measure(cell: Cell) -> Result:
    """Seconds, rounds and peak memory, in a process of its own."""
    size = int(cell["people"]), int(cell["answers"]), int(cell["seed"])
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(timed, *size).result()


def timed(num_people: int, num_answers: int, seed: int) -> Result:
    """What one fit takes, and how well it knows the people."""
    rng = np.random.default_rng([6, seed])
    weight = draw_world(rng=rng).people(num_people, rng=rng)
    told = ask(weight, num_answers, rng=rng)
    before, wall, cpu = _peak_mb(), time.perf_counter(), time.process_time()
    found = fit_population(*told, PopulationConfig())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tests = rng.normal(size=(500, NUM_FEATURES))
    some = rng.integers(num_people, size=500)
    right = (tests @ found.weight[some].T > 0) == (tests @ weight[some].T > 0)
    return {
        "wall": wall,
        "cpu": cpu,
        "rounds": found.num_rounds,
        "cpu per round": cpu / found.num_rounds,
        "memory": _peak_mb(),
        "memory before": before,
        "agreement": float(right.mean()),
    }


def _peak_mb() -> float:
    """Most memory that this process has held so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def section(results: list[Result]) -> Section:
    """Table and gates."""
    rows = []
    for people, answers in SIZES:
        mine = rows_where(results, people=people, answers=answers)
        if mine:
            line = [f"{people:,}", str(answers), span(over_seeds(mine, "wall"), 1)]
            line += [span(over_seeds(mine, "cpu"), 1), span(over_seeds(mine, "rounds"), 0)]
            per_million = 1e6 / (people * answers)
            each = np.mean([number(row, "cpu per round") for row in mine]) * per_million
            memory = max(number(row, "memory") for row in mine)
            base = max(number(row, "memory before") for row in mine)
            line += [f"{each:.2f}", f"{memory:,.0f} ({base:,.0f})"]
            rows.append([*line, span(over_seeds(mine, "agreement")), str(len(mine))])
    header = ["people", "answers each", "wall [s]", "CPU [s]", "rounds"]
    header += ["CPU per round and million answers [s]", "peak memory (before the fit) [MB]"]
    return Section(
        "How many people",
        [
            f"`fit_population` on {NUM_FEATURES} features, one process on one thread; other work "
            "may have run beside it, which the CPU time does not show. Peak memory is that of the "
            "whole process, libraries and answers included. Agreement is with 500 of the people "
            "themselves, on fresh pairs.",
            markdown_table([*header, "agreement", "seeds"], rows),
        ],
        _gates(results),
    )


def _gates(results: list[Result]) -> list[Gate]:
    largest = rows_where(results, people=LARGEST[0], answers=LARGEST[1])
    if not largest:
        return []
    wall = over_seeds(largest, "wall")
    memory = max(number(row, "memory") for row in largest)
    name = f"6. {LARGEST[0]:,} raters x {LARGEST[1]} answers [s]"
    gates = [Gate(name, "< 120", wall, wall.estimate < MAX_SECONDS, f"peak {memory:,.0f} MB")]
    slope = exponent(results)
    if slope is not None:
        what = "6. time per round grows with answers to the power"
        gates.append(Gate(what, "1 ± 0.1", slope, abs(slope.estimate - 1) <= 0.1))
    return gates


def exponent(results: list[Result]) -> Interval | None:
    """Slope of log CPU time per round over log answers, seed by seed, ten answers each."""
    slopes = []
    for seed in sorted({number(row, "seed") for row in results}):
        mine = rows_where(results, seed=int(seed), answers=10)
        if len(mine) > 1:
            size = np.log([number(row, "people") for row in mine])
            cost = np.log([number(row, "cpu per round") for row in mine])
            slopes.append(float(np.polyfit(size, cost, 1)[0]))
    if not slopes:
        return None
    rng = np.random.default_rng(0)
    return stratified_bootstrap([slopes], lambda values: values.mean(axis=-1), rng=rng)


PART = Part(cells, measure, section, num_seeds=10)
