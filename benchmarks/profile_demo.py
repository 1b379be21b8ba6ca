"""Where the seconds of a whole `prefgym demo` go, by part and by phase.

A timer signal looks at the Python stack once in 5 ms of CPU time, and books the CPU time since
the last look. The innermost frame that PARTS names gets it as a part, the outermost that PHASES
names as a phase. Compiled code counts for the Python function that called it, nothing is slowed
down, and each column adds up to the whole. Imports count, and so does the compilation of the
kernels: both are seconds of a first demo. Needs the signals of Linux or macOS.

    python benchmarks/profile_demo.py docs/results [options of prefgym demo]
"""

import os
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType

INTERVAL = 0.005  # [s]
OTHER = "other"

Rules = tuple[tuple[str, str, str], ...]
"""Part of a file's path, a function in it or "" for all, and what it is called."""

IMPORTS: Rules = (("<frozen importlib._bootstrap>", "_find_and_load", "imports"),)
PARTS: Rules = (
    *IMPORTS,
    ("/numba/core/dispatcher.py", "_compile_for_args", "compilation of the kernels"),
    ("/numba/core/dispatcher.py", "compile", "compilation of the kernels"),
    ("/simulations/raters.py", "", "rater"),
    ("/simulations/recorded.py", "", "recorded traffic"),
    ("/simulations/", "", "simulator"),
    ("/envs/driving_render.py", "", "pictures and clips"),
    ("/envs/driving_sprites.py", "", "pictures and clips"),
    ("/envs/", "", "simulator"),
    ("/stable_baselines3/ppo/ppo.py", "train", "PPO update"),
    ("/stable_baselines3/common/policies.py", "forward", "policy forward"),
    ("/stable_baselines3/common/policies.py", "predict", "policy forward"),
    ("/stable_baselines3/common/policies.py", "predict_values", "policy forward"),
    ("/stable_baselines3/common/on_policy_algorithm.py", "", "rollout buffer"),
    ("/agents/vec_env.py", "", "VecEnv adapter"),
    ("/agents/recorder.py", "", "recorder"),
    ("/agents/rollout_log.py", "", "recorder"),
    ("/feedback/learned_reward", "", "reward model"),
    ("/feedback/reward_model.py", "reward", "reward model"),
    ("/feedback/fit", "", "fit"),
    ("/feedback/selection.py", "", "selection of queries"),
    ("/agents/ask.py", "", "selection of queries"),
    ("/feedback/store.py", "", "store"),
    ("/feedback/database.py", "", "store"),
    ("/feedback/payload.py", "", "store"),
    ("/agents/run.py", "", "checkpoints"),
    ("/agents/pool.py", "", "checkpoints"),
    ("/agents/evaluate.py", "", "evaluation"),
    ("/agents/clips.py", "", "pictures and clips"),
    ("/agents/plots.py", "", "report"),
    ("/agents/report", "", "report"),
)
PHASES: Rules = (
    *IMPORTS,
    ("/agents/loop.py", "_train", "PPO on the learned reward"),
    ("/agents/loop.py", "_explore", "exploring"),
    ("/agents/loop.py", "_ask", "asking"),
    ("/agents/loop.py", "_fit", "fitting, and held-out agreement"),
    ("/agents/loop.py", "_save", "checkpoints"),
    ("/agents/train.py", "train_on_gold", "PPO on gold, the oracle"),
    ("/agents/evaluate.py", "evaluate", "evaluation"),
    ("/agents/clips.py", "write_clips", "clips"),
    ("/agents/report.py", "write_report", "report"),
)


class Labels:
    """What rules call a frame; every function is looked up once."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._known: dict[CodeType, str | None] = {}

    def of(self, frame: FrameType) -> str | None:
        """The label of one frame; None where no rule names it."""
        code = frame.f_code
        if code not in self._known:
            self._known[code] = self._find(code)
        return self._known[code]

    def _find(self, code: CodeType) -> str | None:
        if code.co_name == "<module>":  # its import counts, not what it will be used for
            return None
        for path, function, label in self._rules:
            if path in code.co_filename and function in ("", code.co_name):
                return label
        return None


class Profile:
    """CPU seconds by part and by phase."""

    def __init__(self) -> None:
        self.parts: defaultdict[str, float] = defaultdict(float)
        self.phases: defaultdict[str, float] = defaultdict(float)
        self._part_labels, self._phase_labels = Labels(PARTS), Labels(PHASES)

    def book(self, frame: FrameType | None, seconds: float) -> None:
        """Book seconds that were spent in `frame` and what called it."""
        frames = tuple(stack(frame))
        found = (self._part_labels.of(one) for one in frames)
        self.parts[_first(found)] += seconds
        found = (self._phase_labels.of(one) for one in reversed(frames))
        self.phases[_first(found)] += seconds

    def run(self, work: Callable[[], object]) -> None:
        """Do the work and book its CPU seconds, wherever they go."""
        last = time.process_time()

        def look(_: int, frame: FrameType | None) -> None:
            nonlocal last
            now = time.process_time()
            self.book(frame, now - last)
            last = now

        before = signal.signal(signal.SIGPROF, look)
        signal.siginterrupt(signal.SIGPROF, False)  # files are written on, not written half
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        try:
            work()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)
            self.book(None, time.process_time() - last)


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """The frame and what called it, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _first(labels: Iterable[str | None]) -> str:
    return next((label for label in labels if label is not None), OTHER)


def table(title: str, seconds: dict[str, float]) -> str:
    """A Markdown table of the seconds, the largest first."""
    total = sum(seconds.values())
    lines = [f"| {title} | CPU seconds | share |", "| --- | ---: | ---: |"]
    for name, value in sorted(seconds.items(), key=lambda item: -item[1]):
        lines.append(f"| {name} | {value:.1f} | {value / total:.1%} |")
    return "\n".join([*lines, f"| all | {total:.1f} | |"])


def demo(options: list[str]) -> None:
    """`prefgym demo`, its imports included."""
    from prefgym.agents.cli import main

    main(["demo", *options])


def main() -> None:
    """Profile a demo in a temporary folder, print the tables, and write `profile.md`."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit(f"usage: {sys.argv[0]} FOLDER [options of prefgym demo]")
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    profile, begin = Profile(), time.perf_counter()
    with tempfile.TemporaryDirectory() as runs:
        os.environ["NUMBA_CACHE_DIR"] = f"{runs}/kernels"  # empty, as in a fresh clone
        profile.run(lambda: demo(["--out", f"{runs}/demo", *options]))
    seconds = time.perf_counter() - begin
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    page = "\n\n".join(
        [
            "# Where the seconds of a demo go",
            f"`python benchmarks/profile_demo.py {' '.join(sys.argv[1:])}`: {seconds:.0f} s by the "
            f"clock, {sum(profile.parts.values()):.0f} s of CPU time in this process and "
            f"{children.ru_utime + children.ru_stime:.0f} s in others that it started. A part is "
            "what the innermost known function does, a phase what the outermost does.",
            table("part", profile.parts),
            table("phase", profile.phases),
        ]
    )
    print(page)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.md").write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
