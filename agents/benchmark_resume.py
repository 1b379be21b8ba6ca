"""kill -9 at random moments: every resumed run must end with the bytes of an undisturbed one."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from prefgym.agents.benchmark import BenchmarkOptions, markdown_table, write_page
from prefgym.agents.run import RunError, read_progress

NUM_KILLS = 20
SETTINGS = [
    "--loop.labels", "40", "--loop.rounds", "3", "--loop.steps", "16384",
    "--loop.warmup-steps", "2048", "--loop.explore-steps", "1600", "--seed", "5",
]  # fmt: skip


def run(out: Path, options: BenchmarkOptions) -> list[Path]:
    """Kill and resume small runs, and write how each compares with the undisturbed run."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    kills = options.seeds or (2 if options.quick else NUM_KILLS)
    begin = time.perf_counter()
    whole = out / "undisturbed"
    shutil.rmtree(whole, ignore_errors=True)
    subprocess.run(_train(whole), check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    expected = fingerprint(whole)
    rows = []
    for number, moment in enumerate(rng.uniform(0.05, 0.98, size=kills) * seconds):
        folder = out / f"killed-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        died, stage = _kill_at(folder, float(moment))
        command = _resume(folder) if (folder / "config.json").exists() else _train(folder)
        subprocess.run(command, check=True, capture_output=True)
        same = {name: fingerprint(folder)[name] == value for name, value in expected.items()}
        rows.append(
            [
                str(number),
                f"{moment:.1f}",
                "yes" if died else "no, had ended",
                str(stage),
                *("same" if same[name] else "DIFFERENT" for name in expected),
            ]
        )
        shutil.rmtree(folder)
    different = sum("DIFFERENT" in row for row in rows)
    text = [
        "# Resume after kill -9",
        f"`prefgym benchmark resume`. A small CartPole run ({seconds:.0f} s undisturbed) is killed "
        "at random moments and resumed; policy with optimiser, reward model and store are "
        "compared byte for byte (SHA-256) with the undisturbed run's.",
        markdown_table(["kill", "at s", "killed", "finished stages", *expected], rows),
        f"{kills - different} of {kills} resumed runs end with the same bytes.",
    ]
    write_page(out / "resume.md", text)
    return [out / "resume.md"]


def fingerprint(folder: Path) -> dict[str, str]:
    """SHA-256 of a finished run's policy, reward model and store.

    Raises:
        RunError: if no stage is finished.
    """
    progress = read_progress(folder)
    if progress is None:
        raise RunError(f"{folder} has no finished stage")
    found = {Path(name).parent.name: value for name, value in progress.files.items()}
    store = hashlib.sha256((folder / "feedback.sqlite").read_bytes()).hexdigest()
    return {"policy": found["policy"], "reward": found["reward"], "store": store}


def _train(folder: Path) -> list[str]:
    program = [sys.executable, "-m", "prefgym.agents", "train", "CartPole-v1"]
    return [*program, "--out", str(folder), *SETTINGS]


def _resume(folder: Path) -> list[str]:
    return [sys.executable, "-m", "prefgym.agents", "train", "--resume", str(folder)]


def _kill_at(folder: Path, moment: float) -> tuple[bool, int]:
    """Start a run, kill it after so many seconds; whether it was alive, and its stage then."""
    process = subprocess.Popen(
        _train(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    manifest = folder / "manifest.json"
    progress = read_progress(folder) if manifest.exists() else None
    return process.returncode == -signal.SIGKILL, progress.stage if progress else 0
