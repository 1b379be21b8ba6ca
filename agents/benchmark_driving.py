"""Driving by four people's wishes: how close the learned reward comes, and what queries help."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

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
from prefgym.agents.config import EnvValue
from prefgym.agents.evaluate import evaluate
from prefgym.agents.plots import Curve, curve_with_interval, score_matrix
from prefgym.agents.policies import random_policy, trained_policy
from prefgym.agents.presets import BASELINES, preset
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.statistics import Interval, iqm, normalised_score, stratified_bootstrap
from prefgym.agents.train import train_on_gold
from prefgym.agents.vec_env import describe
from prefgym.simulations.drivers import PROFILES

ENV_ID = "prefgym/Driving-v0"
LABELS = (25, 50, 100, 200, 400, 700)
CURVES = ("uniform", "disagreement", "bald")
NUM_SEEDS = 5
ORACLE_STEPS = 3_000_000
EPISODES = 256
HEADLINE = 200
COLUMNS = {  # of the log, kept in a cell: the kind and the key of their lines
    "error_rates": ("round", "error_rate"),
    "families": ("round", "family"),
    "agreements": ("round", "heldout_agreement"),
}


class Condition(NamedTuple):
    """Who taught, with how many comparisons, chosen how."""

    teacher: str
    labels: int
    selection: str


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Run all cells, the most important first, and write tables, matrix and curves."""
    seeds = options.seeds or (1 if options.quick else NUM_SEEDS)
    results = run_cells(cells(seeds, quick=options.quick), measure, out, options)
    return write(out, complete(results))


def cells(num_seeds: int, *, quick: bool = False) -> list[Cell]:
    """Seed by seed the baselines, oracles and headline conditions; then the curves."""

    def cell(
        method: str, teacher: str, labels: int, selection: str, profile: str, seed: int
    ) -> Cell:
        return {
            "method": method,
            "teacher": teacher,
            "labels": labels,
            "selection": selection,
            "profile": profile,
            "seed": seed,
        }

    headline = [("oracle", HEADLINE, "uniform"), ("noisy", HEADLINE, "uniform")]
    curves = [("oracle", n, s) for s in CURVES for n in LABELS]
    conditions = [("oracle", 25, "uniform")] if quick else [*headline, *curves]
    found = []
    for part in (conditions[:2], conditions[2:]):
        for seed in range(num_seeds):
            for method in ("random", "idm", "gold"):
                found += [cell(method, "-", 0, "-", profile, seed) for profile in PROFILES]
            for condition in part:
                found += [cell("learned", *condition, profile, seed) for profile in PROFILES]
    return list({tuple(one.items()): one for one in found}.values())


def complete(results: list[Result]) -> list[Result]:
    """Only the runs whose condition and seed is finished for every profile."""
    names = ("method", "teacher", "labels", "selection", "seed")
    count = Counter(tuple(row[name] for name in names) for row in results)
    return [row for row in results if count[tuple(row[n] for n in names)] == len(PROFILES)]


def measure(cell: Cell) -> Result:
    """Train one policy and measure its mean gold criteria per step."""
    profile, seed = str(cell["profile"]), int(cell["seed"])
    kwargs: dict[str, EnvValue] = {"profile": profile}
    config = preset(ENV_ID, kwargs)
    info = describe(ENV_ID, kwargs)
    begin = time.perf_counter()
    extra: Result = {"steps": 0}
    policy = random_policy(info.action_space, 64, rng=np.random.default_rng(seed))
    if cell["method"] == "idm":
        kwargs |= dict(BASELINES[ENV_ID][1])
    elif cell["method"] == "gold":
        oracle = train_on_gold(config, steps=ORACLE_STEPS, seed=seed)
        policy, extra = trained_policy(oracle), {"steps": oracle.num_timesteps}
    elif cell["method"] == "learned":
        loop = replace(config.loop, selection=cell["selection"])  # type: ignore[arg-type]  # a Selection: see `cells`
        learned = benchmark_run(
            replace(config, loop=loop),
            rater=str(cell["teacher"]),
            labels=int(cell["labels"]),
            seed=seed,
        )
        policy, extra = learned.policy, learned.extra(COLUMNS)
    seconds = time.perf_counter() - begin
    found = evaluate(policy, ENV_ID, kwargs, info, num_episodes=EPISODES, num_envs=64)
    return extra | {"criteria": found.criteria.tolist(), "seconds": seconds}


def gold(row: Result, profile: str) -> float:
    """Mean gold reward per step of a measured policy, in the eyes of any profile."""
    criteria = row["criteria"]
    assert isinstance(criteria, list)
    return float(PROFILES[profile].weights_array() @ np.array(criteria, float))


def _matching(results: list[Result], **wanted: object) -> list[Result]:
    return [row for row in results if all(row[key] == value for key, value in wanted.items())]


def _table(results: list[Result], **wanted: object) -> np.ndarray:
    """Gold per step, shape (profile, seed), of all cells that match."""
    rows = _matching(results, **wanted)
    return np.array(
        [[gold(row, p) for row in rows if row["profile"] == p] for p in PROFILES], float
    )


def scores(results: list[Result], floor: str, condition: Condition) -> np.ndarray:
    """Normalised scores (profile, seed): 0 is the floor's mean, 1 the oracle's."""
    low = _table(results, method=floor).mean(axis=1)
    high = _table(results, method="gold").mean(axis=1)
    values = _table(results, method="learned", **condition._asdict())
    return np.stack([normalised_score(v, a, b) for v, a, b in zip(values, low, high, strict=True)])


def _interval(
    results: list[Result], floor: str, condition: Condition, *, rng: np.random.Generator
) -> Interval:
    return stratified_bootstrap(scores(results, floor, condition), iqm, rng=rng)


def write(out: Path, results: list[Result]) -> list[Path]:
    """Write the tables, the cross-evaluation matrix and the curves."""
    rng = np.random.default_rng(0)
    conditions = list(
        dict.fromkeys(
            Condition(str(row["teacher"]), int(str(row["labels"])), str(row["selection"]))
            for row in _matching(results, method="learned")
        )
    )
    rows = [_row(results, condition, rng=rng) for condition in conditions]
    header = ["rater", "comparisons", "selection", "S_idm IQM", "95 %", "S_random IQM", "95 %"]
    header += [f"S_idm {name}" for name in PROFILES] + ["flips", "runs"]
    text = [
        "# Driving from comparisons",
        "`prefgym benchmark driving`. S_idm = (gold - IDM) / (oracle - IDM) and S_random the same "
        "with a random policy as the floor; the oracle is PPO on gold for "
        f"{ORACLE_STEPS:,} steps, the mean of its seeds. IQM over profiles x seeds, 95 % "
        "bootstrap interval stratified by profile. 480,000 environment steps per run.",
        markdown_table(header, rows),
        "![S_idm over the number of comparisons](driving-curves.png)",
        *_against_uniform(results, conditions, rng=rng),
        "## Gold per step",
        _gold_table(results),
        "## Cross-evaluation",
        *_matrix(out, results),
    ]
    write_atomically(out / "driving-curves.png", _curves(results, conditions, rng=rng))
    write_page(out / "driving.md", text)
    write_json(out / "driving.json", results)
    return [out / name for name in ("driving.md", "driving.json", "driving-curves.png")]


def _row(results: list[Result], condition: Condition, *, rng: np.random.Generator) -> list[str]:
    idm = _interval(results, "idm", condition, rng=rng)
    floor = _interval(results, "random", condition, rng=rng)
    each = scores(results, "idm", condition)
    flips: list[float] = []
    for row in _matching(results, **condition._asdict()):
        rates = row["error_rates"]
        assert isinstance(rates, list)
        flips += [rate for rate in rates if rate is not None]
    return [
        condition.teacher,
        str(condition.labels),
        condition.selection,
        f"{idm.estimate:.2f}",
        f"[{idm.low:.2f}, {idm.high:.2f}]",
        f"{floor.estimate:.3f}",
        f"[{floor.low:.3f}, {floor.high:.3f}]",
        *(f"{value:.2f}" for value in each.mean(axis=1)),
        f"{np.mean(flips):.0%}",
        str(each.size),
    ]


def _curves(
    results: list[Result], conditions: list[Condition], *, rng: np.random.Generator
) -> bytes:
    """S_idm over the number of comparisons, a curve for each way to choose them."""
    curves = []
    for selection in CURVES:
        points = [Condition("oracle", labels, selection) for labels in LABELS]
        points = [point for point in points if point in conditions]
        if points:
            intervals = [_interval(results, "idm", point, rng=rng) for point in points]
            curves.append(Curve(selection, [point.labels for point in points], intervals))
    return curve_with_interval(
        curves,
        title="Driving",
        xlabel="comparisons",
        ylabel="S_idm (IQM, 95 % interval)",
        references={"IDM driver": 0.0, "PPO on gold": 1.0},
    )


def _against_uniform(
    results: list[Result], conditions: list[Condition], *, rng: np.random.Generator
) -> list[str]:
    """What choosing queries gains over drawing them, run by run of one profile and seed."""
    lines, helps, harms = [], [], []
    for condition in conditions:
        plain = condition._replace(selection="uniform")
        if condition.selection == "uniform" or plain not in conditions:
            continue
        one, other = scores(results, "idm", condition), scores(results, "idm", plain)
        if one.shape != other.shape:
            continue
        gain = stratified_bootstrap(one - other, iqm, rng=rng)
        name = f"{condition.selection} at {condition.labels}"
        if gain.low > 0:
            helps.append(name)
        if gain.high < 0:
            harms.append(name)
        lines.append(
            [
                condition.selection,
                str(condition.labels),
                f"{gain.estimate:+.3f}",
                f"[{gain.low:+.3f}, {gain.high:+.3f}]",
            ]
        )
    if not lines:
        return []
    return [
        "## Does choosing the queries help?",
        "S_idm less that of uniform queries, IQM over runs of the same profile and seed:",
        markdown_table(["selection", "comparisons", "gain", "95 %"], lines),
        f"Better than uniform beyond the interval: {', '.join(helps) or 'nowhere'}. "
        f"Worse: {', '.join(harms) or 'nowhere'}. Of {len(lines)} intervals at 95 %, "
        f"{0.05 * len(lines):.1f} exclude 0 by chance.",
    ]


def _gold_table(results: list[Result]) -> str:
    rows = []
    for method in ("random", "idm", "gold"):
        values = _table(results, method=method)
        rows.append([method, *(f"{v.mean():.4f} ± {v.std():.4f}" for v in values)])
    return markdown_table(["policy", *PROFILES], rows)


def _matrix(out: Path, results: list[Result]) -> list[str]:
    """Every profile's oracle judged by every profile; the diagonal must win its column."""
    names = list(PROFILES)
    oracles = [r for r in results if r["method"] == "gold"]
    values = np.array(
        [
            [[gold(r, judge) for r in oracles if r["profile"] == policy] for judge in names]
            for policy in names
        ]
    )
    mean = values.mean(axis=2)
    half = 1.96 * values.std(axis=2, ddof=min(1, values.shape[2] - 1)) / values.shape[2] ** 0.5
    picture = score_matrix(
        mean,
        rows=names,
        columns=names,
        half_widths=half,
        title="gold per step: PPO for (row), judged by (column)",
    )
    write_atomically(out / "driving-matrix.png", picture)
    rows = [
        [
            f"PPO for {policy}",
            *(f"{m:.4f} ± {h:.4f}" for m, h in zip(mean[i], half[i], strict=True)),
        ]
        for i, policy in enumerate(names)
    ]
    lines = []
    for j, judge in enumerate(names):
        others = [i for i in range(len(names)) if i != j]
        best = max(others, key=lambda i: mean[i, j])
        margin = mean[j, j] - mean[best, j]
        width = float(np.hypot(half[j, j], half[best, j]))
        verdict = "beyond" if margin > width else "NOT beyond"
        lines.append(
            f"- {judge}: its own policy leads {names[best]}'s by {margin:.4f}, {verdict} the "
            f"95 % interval of the difference (± {width:.4f})"
        )
    picture_link = "![Every profile's oracle judged by every profile](driving-matrix.png)"
    return [markdown_table(["", *names], rows), "\n".join(lines), picture_link]
