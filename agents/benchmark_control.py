"""Classic control with one set of reward-model settings: gold return against comparisons."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from prefgym.agents.benchmark import (
    BenchmarkOptions,
    Cell,
    Result,
    markdown_table,
    run_cells,
    write_page,
)
from prefgym.agents.benchmark_run import benchmark_run
from prefgym.agents.evaluate import evaluate
from prefgym.agents.plots import Curve, curve_with_interval
from prefgym.agents.policies import random_policy, trained_policy
from prefgym.agents.presets import preset
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.statistics import Interval, iqm, stratified_bootstrap
from prefgym.agents.train import train_on_gold
from prefgym.agents.vec_env import describe

TASKS = ("Pendulum-v1", "CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0")
LABELS = (25, 50, 100, 200)
STEPS = 100_000
NUM_SEEDS = 10
EPISODES = 50
FLOOR = {  # a seed below it has failed, and is looked at by hand
    "Pendulum-v1": -300.0,
    "CartPole-v1": 475.0,
    "Acrobot-v1": -120.0,
    "MountainCarContinuous-v0": 85.0,
}
COLUMNS = {  # of the log, kept in a cell: the kind and the key of their lines
    "families": ("round", "family"),
    "correlations": ("round", "correlation"),
    "agreements": ("round", "heldout_agreement"),
    "training_returns": ("stage", "gold_return"),
}


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Run all cells and write the table, the curves and every number."""
    seeds = options.seeds or (2 if options.quick else NUM_SEEDS)
    tasks = ("CartPole-v1",) if options.quick else TASKS
    labels = (25,) if options.quick else LABELS
    cells: list[Cell] = [
        {"task": task, "method": method, "labels": number, "seed": seed}
        for number in sorted(labels, reverse=True)
        for seed in range(seeds)
        for task in tasks
        for method in ("learned", *(("gold", "random") if number == max(labels) else ()))
    ]
    results = run_cells(cells, measure, out, options)
    return _write(out, results, tasks)


def measure(cell: Cell) -> Result:
    """Train one policy and measure its gold return."""
    task, seed = str(cell["task"]), int(cell["seed"])
    config = preset(task)
    config = replace(config, loop=replace(config.loop, steps=STEPS))
    info = describe(task, {})
    begin = time.perf_counter()
    extra: Result = {"steps": 0}
    if cell["method"] == "random":
        policy = random_policy(info.action_space, 10, rng=np.random.default_rng(seed))
    elif cell["method"] == "gold":
        oracle = train_on_gold(config, steps=STEPS, seed=seed)
        policy, extra = trained_policy(oracle), {"steps": oracle.num_timesteps}
    else:
        learned = benchmark_run(config, labels=int(cell["labels"]), seed=seed)
        policy, extra = learned.policy, learned.extra(COLUMNS)
    seconds = time.perf_counter() - begin
    found = evaluate(policy, task, {}, info, num_episodes=EPISODES, num_envs=10)
    return extra | {"gold_return": found.mean, "seconds": seconds}


def _write(out: Path, results: list[Result], tasks: tuple[str, ...]) -> list[Path]:
    most = max(int(str(row["labels"])) for row in results)
    header = ["task", "method", "comparisons", "IQM", "95 %", "worst seed", "steps", "seeds", "s"]
    lines = [_line(condition) for task in tasks for condition in _conditions(results, task)]
    learned = [row for row in results if row["method"] == "learned" and row["labels"] == most]
    failed = [row for row in learned if _number(row, "gold_return") < FLOOR[str(row["task"])]]
    text = [
        "# Classic control from comparisons",
        "`prefgym benchmark control`. One set of reward-model settings for every task; oracle "
        "teacher, uniform queries. IQM over seeds of the mean gold return of "
        f"{EPISODES} deterministic episodes, 95 % bootstrap interval; steps count everything, "
        "exploration included.",
        markdown_table(header, lines),
        *(f"![{task}](control-{task}.png)" for task in tasks),
        f"Seeds that failed at {most} comparisons:",
        "\n".join(map(_failure, failed)) or "none",
    ]
    pictures = [out / f"control-{task}.png" for task in tasks]
    for task, path in zip(tasks, pictures, strict=True):
        write_atomically(path, _curve(_conditions(results, task), task))
    write_page(out / "control.md", text)
    write_json(out / "control.json", results)
    return [*pictures, out / "control.md", out / "control.json"]


def _conditions(results: list[Result], task: str) -> list[list[Result]]:
    """The runs of one task by method and comparisons: random, gold, then the most comparisons."""
    groups: dict[tuple[str, int], list[Result]] = {}
    for row in results:
        if row["task"] == task:
            groups.setdefault((str(row["method"]), int(str(row["labels"]))), []).append(row)
    order = sorted(groups, key=lambda pair: (pair[0] != "random", pair[0] != "gold", -pair[1]))
    return [groups[pair] for pair in order]


def _interval(rows: list[Result]) -> Interval:
    scores = np.array([[_number(row, "gold_return") for row in rows]])
    return stratified_bootstrap(scores, iqm, rng=np.random.default_rng(0))


def _number(row: Result, name: str) -> float:
    return float(str(row[name]))


def _line(rows: list[Result]) -> list[str]:
    found, first = _interval(rows), rows[0]
    return [
        str(first["task"]),
        str(first["method"]),
        str(first["labels"] if first["method"] == "learned" else ""),
        f"{found.estimate:.1f}",
        f"[{found.low:.1f}, {found.high:.1f}]",
        f"{min(_number(row, 'gold_return') for row in rows):.1f}",
        str(max(int(str(row["steps"])) for row in rows)),
        str(len(rows)),
        f"{np.mean([_number(row, 'seconds') for row in rows]):.0f}",
    ]


def _failure(row: Result) -> str:
    def numbers(name: str, digits: int) -> str:
        values = row[name]
        assert isinstance(values, list)
        return ", ".join("-" if value is None else f"{value:.{digits}f}" for value in values)

    return (
        f"- {row['task']}, seed {row['seed']}: {row['gold_return']:.1f}. Gold return while "
        f"training, stage by stage: {numbers('training_returns', 0)}. Correlation of learned and "
        f"gold reward, round by round: {numbers('correlations', 2)}. Warnings: "
        f"{row['warnings'] or 'none'}."
    )


def _curve(conditions: list[list[Result]], task: str) -> bytes:
    gold = next(rows for rows in conditions if rows[0]["method"] == "gold")
    points = [rows for rows in conditions if rows[0]["method"] == "learned"][::-1]
    return curve_with_interval(
        [
            Curve(
                "learned reward",
                [int(str(rows[0]["labels"])) for rows in points],
                [_interval(rows) for rows in points],
            )
        ],
        title=task,
        xlabel="comparisons",
        ylabel="gold return (IQM, 95 % interval)",
        references={"PPO on gold": _interval(gold).estimate},
    )
