"""`prefgym benchmark speed`: simulators, PPO loop, learned reward and fit, beside their peers.

The peers have environments of their own, whose interpreters run the scripts in `benchmarks/`.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from rich.progress import track

from prefgym.agents.benchmark import console
from prefgym.agents.json_row import JsonRow
from prefgym.agents.presets import PPO_PRESETS
from prefgym.agents.run import write_atomically, write_json
from prefgym.agents.speed_jobs import (
    ENV_ID,
    HIGHWAY_PPO,
    TEXT_ID,
    Speed,
    bare_fit,
    driving_reward_model,
    fit_once,
    many_worlds,
    merged,
    one_world,
    pair_visits,
    ppo_loop,
    random_comparisons,
    take_turns,
)
from prefgym.agents.speed_table import Machine, Target, markdown, rich_tables

# in a clone, seen from its root: the scripts are not part of the wheel
HIGHWAY = Path("benchmarks/peer_highway.py")
IMITATION = Path("benchmarks/peer_imitation.py")
REMEDY = "run this in the root of a clone, and see benchmarks/README.md"
NUM_WORLDS = 64
NUM_INPUTS = 16


@runtime_checkable
class SpeedOptions(Protocol):
    """What the command line says: tiny sizes or not, and the peers' interpreters, if any."""

    @property
    def quick(self) -> bool: ...

    @property
    def highway_python(self) -> Path | None: ...

    @property
    def imitation_python(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done in a turn, and how many turns are timed.

    Attributes:
        decisions: of one world.
        vector_steps: of 64 worlds.
        loop_steps: of all worlds of a PPO loop, the number of whole rollouts rounded up.
        comparisons: to fit.
        segment_length: steps in a compared segment.
    """

    turns: int = 5
    loop_turns: int = 30
    fit_turns: int = 3
    peer_turns: int = 3
    decisions: int = 40_000
    vector_steps: int = 1500
    loop_steps: int = 4096
    comparisons: int = 10_000
    segment_length: int = 50


QUICK = Sizes(
    turns=1,
    loop_turns=1,
    fit_turns=1,
    peer_turns=1,
    decisions=160,
    vector_steps=5,
    loop_steps=1,
    comparisons=64,
    segment_length=5,
)


Findings = tuple[list[Speed], list[Target]]


def run(out: Path, options: SpeedOptions) -> list[Path]:
    """Measure everything, print tables, and write `speed.md` and `speed.json` under `out`.

    Raises:
        ValueError: if a peer's interpreter or script is missing or fails.
    """
    sizes = QUICK if options.quick else Sizes()
    peers = {HIGHWAY: options.highway_python, IMITATION: options.imitation_python}
    for script, python in peers.items():
        _check_peer(script, python)
    parts: tuple[Callable[[], Findings], ...] = (
        lambda: simulator(sizes),
        lambda: readers(sizes),
        lambda: loop(sizes),
        lambda: highway(sizes, options.highway_python),
        lambda: fitting(sizes, options.imitation_python),
    )
    speeds: list[Speed] = []
    targets: list[Target] = []
    begin, load = time.perf_counter(), os.getloadavg()[0]
    with one_thread():
        for measure in track(parts, "measuring", console=console):
            found = measure()
            speeds += found[0]
            targets += found[1]
    machine = Machine(load, os.getloadavg()[0], time.perf_counter() - begin, options.quick)
    console.print(*rich_tables(speeds, targets), sep="\n")
    write_atomically(out / "speed.md", markdown(speeds, targets, machine).encode())
    document = {
        "machine": asdict(machine),
        "targets": [asdict(target) | {"met": target.met} for target in targets],
        "speeds": [asdict(speed) for speed in speeds],
    }
    write_json(out / "speed.json", document)
    return [out / "speed.md", out / "speed.json"]


def simulator(sizes: Sizes) -> Findings:
    """Decisions per second with random actions, alone and in a batch."""
    rng = np.random.default_rng(0)
    single, batch = "driving, one world", f"driving, {NUM_WORLDS} worlds"
    jobs = {
        single: one_world(sizes.decisions, rng=rng),
        batch: many_worlds(NUM_WORLDS, sizes.vector_steps, rng=rng),
    }
    found = take_turns(jobs, "decisions", sizes.turns)
    return [*found.values()], [
        Target("one world through gym.make", found[single].rate, "at least", 6e4, "decisions/s"),
        Target("64 worlds, vector form", found[batch].rate, "at least", 2.5e5, "decisions/s"),
    ]


def readers(sizes: Sizes) -> Findings:
    """Steps per second of readers of texts with random actions, alone and in a batch."""
    rng = np.random.default_rng(0)
    single, batch = "texts, one reader", f"texts, {NUM_WORLDS} readers"
    jobs = {
        single: one_world(sizes.decisions, TEXT_ID, rng=rng),
        batch: many_worlds(NUM_WORLDS, sizes.vector_steps, TEXT_ID, rng=rng),
    }
    found = take_turns(jobs, "steps", sizes.turns)
    return [*found.values()], [
        Target("one reader through gym.make", found[single].rate, "at least", 5e4, "steps/s"),
    ]


def loop(sizes: Sizes) -> Findings:
    """The shipped PPO loop, bare and with a reward model of each family in the reward's place."""
    config = PPO_PRESETS[ENV_ID]
    bare, mlp, linear = (f"PPO loop, {reward} reward" for reward in ("gold", "MLP", "linear"))
    jobs = {
        bare: ppo_loop(config, sizes.loop_steps),
        mlp: ppo_loop(config, sizes.loop_steps, driving_reward_model("mlp")),
        linear: ppo_loop(config, sizes.loop_steps, driving_reward_model("linear")),
    }
    found = take_turns(jobs, "steps", sizes.loop_turns)
    targets = [Target("PPO loop, shipped preset", found[bare].rate, "at least", 1.2e4, "steps/s")]
    for name, family in ((mlp, "MLP"), (linear, "linear")):
        cost = 100 * (_ratio(found[bare], found[name]) - 1)
        targets.append(Target(f"cost of LearnedReward, {family}", cost, "at most", 10.0, "%"))
    return [*found.values()], targets


def highway(sizes: Sizes, python: Path | None) -> Findings:
    """PPO under highway-env's own settings, before and after every turn of the peer at the same."""
    name = "PPO loop, highway-env's settings"
    job = {name: ppo_loop(HIGHWAY_PPO, HIGHWAY_PPO.rollout)}
    own = [take_turns(job, "steps", sizes.turns)[name]]
    if python is None:
        return own, []
    theirs: list[list[Speed]] = []
    for _ in range(sizes.peer_turns):
        theirs.append(peer_speeds(python, HIGHWAY, 1))
        own.append(take_turns(job, "steps", sizes.turns)[name])
    times = median(
        (before.rate + after.rate) / 2 / peer[-1].rate
        for (before, after), peer in zip(pairwise(own), theirs, strict=True)
    )
    speeds = [merged(own), *(merged(turns) for turns in zip(*theirs, strict=True))]
    return speeds, [Target("the same loop, against highway-fast-v0", times, "at least", 35.0, "x")]


def fitting(sizes: Sizes, python: Path | None) -> Findings:
    """Fitting an MLP ensemble, against a bare loop of the same gradient steps, beside imitation."""
    task = random_comparisons(
        sizes.comparisons, sizes.segment_length, NUM_INPUTS, rng=np.random.default_rng(0)
    )

    def job(work: Callable[[], object]) -> Callable[[], int]:
        def fit_all() -> int:
            work()
            return pair_visits(task)

        return fit_all

    own, bare = "fit, one pass", "bare PyTorch loop, one pass"
    jobs = {own: job(lambda: fit_once(task)), bare: job(lambda: bare_fit(task))}
    found = take_turns(jobs, "pair visits", sizes.fit_turns)
    times = _ratio(found[bare], found[own])
    speeds = [*found.values()]
    if python is not None:
        speeds += peer_speeds(python, IMITATION, sizes.peer_turns)
    return speeds, [Target("fit, against a bare PyTorch loop", times, "at most", 1.5, "x the time")]


def _check_peer(script: Path, python: Path | None) -> None:
    """Refuse a peer that cannot be run, before minutes of measuring."""
    missing = [path for path in (script, python) if path is not None and not path.is_file()]
    if python is not None and missing:
        raise ValueError(f"{missing[0]} must be a file, got none; {REMEDY}")


def peer_speeds(python: Path, script: Path, num_turns: int) -> list[Speed]:
    """What a peer's script measured under the peer's own interpreter.

    Raises:
        ValueError: if it cannot be run or does not print its speeds.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            [python, script, f"--turns={num_turns}"],
            env=environment | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        last = (said.strip().splitlines() or ["nothing"])[-1]
        raise ValueError(f"{script} must run under {python}, got: {last}; {REMEDY}") from error
    line = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        rows = [JsonRow(str(script), row) for row in json.loads(line)["speeds"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{script} must print one JSON line, got {line[:80]!r}") from error
    return [
        Speed(
            row.text("name"), row.text("unit"), row.numbers("cpu_rates"), row.numbers("wall_rates")
        )
        for row in rows
    ]


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _ratio(a: Speed, b: Speed) -> float:
    """How many times as fast a is as b, median over turns that were taken side by side."""
    return median(x / y for x, y in zip(a.cpu_rates, b.cpu_rates, strict=True))
