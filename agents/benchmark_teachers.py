"""Realised mistake, tie and skip rates of every teacher, round by round, in real runs."""

from dataclasses import replace
from math import exp, lgamma, log
from pathlib import Path

import numpy as np

from prefgym.agents.ask import candidate_queries
from prefgym.agents.benchmark import (
    BenchmarkOptions,
    Cell,
    Result,
    markdown_table,
    run_cells,
    write_page,
)
from prefgym.agents.benchmark_run import benchmark_run
from prefgym.agents.explore import explore
from prefgym.agents.presets import preset
from prefgym.agents.run import write_json
from prefgym.agents.teacher_pieces import (
    NUM_DRAWS,
    NUM_RATERS,
    PIECES,
    SCALE,
    Clips,
    latency_rows,
    outside,
    piece_rows,
)
from prefgym.agents.vec_env import describe
from prefgym.feedback.query import Queries
from prefgym.simulations.raters import TEACHERS, Teacher, answer, calibrate, segment_returns

ENV_ID = "prefgym/Driving-v0"
LABELS = 1200
STEPS = 60_000
CONFIDENCE = 0.99
SCALES = ((0.001, 5.0), (3.0, -100.0), (1000.0, 12.5))


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Run every teacher in a driving loop and compare realised with requested rates."""
    names = ("mistake",) if options.quick else tuple(TEACHERS)
    cells: list[Cell] = [{"teacher": name, "seed": 0} for name in names]
    results = run_cells(cells, measure, out, options)
    rows = [row for result in results for row in _rows(result)]
    bad = sum("OUTSIDE" in cell for row in rows for cell in row)
    invariance = [[name, *_unchanged(TEACHERS[name])] for name in names]
    text = [
        "# Teacher statistics",
        f"`prefgym benchmark teachers`. {LABELS} answers in six rounds of the driving loop for "
        "each teacher; realised rates, with the central 99 % of the binomial distribution of the "
        "requested rate.",
        markdown_table(["teacher", "round", "asked", "mistakes", "ties", "skips"], rows),
        f"{bad} rates outside their interval.",
        *_pieces(),
        "Answers to 5,000 queries that stay the same when every reward r becomes a r + b:",
        markdown_table(["teacher", *(f"a = {a:g}, b = {b:g}" for a, b in SCALES)], invariance),
    ]
    write_page(out / "teachers.md", text)
    write_json(out / "teachers.json", results)
    return [out / "teachers.md", out / "teachers.json"]


def measure(cell: Cell) -> Result:
    """The label rounds of one run."""
    config = preset(ENV_ID)
    config = replace(config, loop=replace(config.loop, steps=STEPS, held_out=0))
    rater, seed = str(cell["teacher"]), int(cell["seed"])
    asked = benchmark_run(config, rater=rater, labels=LABELS, seed=seed)
    return {"rounds": asked.of_kind("round")}


def _rows(result: Result) -> list[list[str]]:
    teacher = TEACHERS[str(result["teacher"])]
    rounds = result["rounds"]
    assert isinstance(rounds, list)
    table, asked_before, answered_before = [], 0, 0
    for row in rounds:
        asked, answered = row["asked"] - asked_before, row["labels"] - answered_before
        asked_before, answered_before = row["asked"], row["labels"]
        decided = round(answered * (1 - row["tie_rate"]))
        table.append(
            [
                teacher.name,
                str(row["round"]),
                str(asked),
                _verdict(row["mistake_rate"] or 0.0, decided, teacher.mistake),
                _verdict(row["tie_rate"], answered, teacher.equal),
                _verdict(row["skip_rate"], asked, teacher.skip),
            ]
        )
    return table


def _verdict(realised: float, num_trials: int, requested: float) -> str:
    low, high = binomial_interval(num_trials, requested)
    inside = low <= round(realised * num_trials) <= high
    span = f"{low / num_trials:.3f}..{high / num_trials:.3f}"
    return f"{realised:.3f} in {span}" if inside else f"{realised:.3f} OUTSIDE {span}"


def binomial_interval(num_trials: int, p: float) -> tuple[int, int]:
    """Smallest and largest count inside the central `CONFIDENCE` of Binomial(num_trials, p).

    >>> binomial_interval(100, 0.1)
    (3, 18)
    """
    if p in (0.0, 1.0):
        return (round(p * num_trials),) * 2
    count = np.arange(num_trials + 1)
    log_pmf = [
        lgamma(num_trials + 1) - lgamma(k + 1) - lgamma(num_trials - k + 1)
        + k * log(p) + (num_trials - k) * log(1 - p)
        for k in count.tolist()
    ]  # fmt: skip
    cumulative = np.cumsum([exp(value) for value in log_pmf])
    tail = (1 - CONFIDENCE) / 2
    low = int(np.searchsorted(cumulative, tail, side="right"))
    high = int(np.searchsorted(cumulative, 1 - tail))
    return low, high


def _unchanged(teacher: Teacher) -> list[str]:
    """Share of equal answers for each change of scale, on clips of diverse drivers."""
    queries, weights = _queries()
    segments, cells = queries.segments, []

    def answers(a: float, b: float) -> np.ndarray:
        reward = (segments.criteria @ weights * a + b)[:, :, None]
        one = np.ones(1)
        full = segment_returns(reward, segments.mask, one)[queries.pairs]
        late = segment_returns(reward, segments.mask, one, discount=teacher.discount)[queries.pairs]
        rng = np.random.default_rng(0)
        return answer(teacher, full, late, calibrate(teacher, full), rng=rng).preference

    plain = answers(1.0, 0.0)
    for a, b in SCALES:
        same = (answers(a, b) == plain) | (np.isnan(plain) & np.isnan(answers(a, b)))
        cells.append(f"{int(same.sum())} / {len(same)}")
    return cells


def _pieces() -> list[str]:
    """Paragraphs on the pieces that people are put together of."""
    queries, weights = _queries()
    segments, one = queries.segments, np.ones(1)
    criteria = {}
    for discount in sorted({1.0, *(person.teacher.discount for person in PIECES.values())}):
        columns = [
            segment_returns(segments.criteria[:, :, [k]], segments.mask, one, discount=discount)
            for k in range(len(weights))
        ]
        criteria[discount] = np.stack(columns, axis=-1)[queries.pairs]
    rows, latency = piece_rows(Clips(criteria, weights)), latency_rows()
    a, b = SCALE
    return [
        "## Pieces",
        f"{NUM_DRAWS:,} answers to each, of {NUM_RATERS} people of one kind who share "
        f"{len(queries):,} queries about clips of diverse drivers. A piece is added to the noisy "
        "teacher unless it is a kind of person by itself. Realised shares, with the central 99 % "
        "that the closed form leaves; and answers that stay when every sum of rewards r becomes "
        "a r + b.",
        markdown_table(
            ["piece", "for the better", "for the first", f"same at a = {a:g}, b = {b:g}"], rows
        ),
        "Seconds per answer of the noisy teacher: median 4 s where sure, up to half as much more "
        "where undecided, log-normal with a spread of 0.5.",
        markdown_table(["gap [SD]", "median", "realised", "faster than the median"], latency),
        f"{outside([*rows, *latency])} shares of pieces outside their interval.",
        "## Scale",
    ]


def _queries() -> tuple[Queries, np.ndarray]:
    rng = np.random.default_rng(0)
    config, info = preset(ENV_ID), describe(ENV_ID, {})
    queries = candidate_queries(explore(config, seed=0, rng=rng), None, 5000, config.loop, rng=rng)
    return queries, info.weights
