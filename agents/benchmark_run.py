"""One training run of a benchmark: its policy, and the columns of its log that a cell keeps."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefgym.agents.benchmark import Result
from prefgym.agents.config import RunConfig
from prefgym.agents.policies import Policy
from prefgym.agents.run import read_metrics
from prefgym.agents.train import train


@dataclass(frozen=True, slots=True)
class BenchmarkRun:
    """A run whose folder is gone: what it spent, its policy, and the lines of its log."""

    policy: Policy
    env_steps: int
    labels: int
    rows: list[dict[str, object]]

    def of_kind(self, kind: str) -> list[dict[str, object]]:
        """The lines of one kind, in order."""
        return [row for row in self.rows if row["kind"] == kind]

    def extra(self, columns: Mapping[str, tuple[str, str]]) -> Result:
        """What a cell keeps beside its scores: what was spent, columns of the log, and warnings.

        Args:
            columns: what each is called in the cell, and the kind and the key of its lines.
        """
        found: Result = {"steps": self.env_steps, "answers": self.labels}
        for name, (kind, key) in columns.items():
            found[name] = [row[key] for row in self.of_kind(kind)]
        found["warnings"] = sorted({str(row["message"]) for row in self.of_kind("warning")})
        return found


def benchmark_run(
    config: RunConfig, *, labels: int, seed: int, rater: str | None = None
) -> BenchmarkRun:
    """Train in a temporary folder.

    Args:
        config: full settings.
        labels: answers to ask for.
        seed: decides the whole run.
        rater: the name of a simulated person; None: whom the settings name.
    """
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            config.env_id,
            out=Path(folder) / "run",
            rater=rater,
            labels=labels,
            seed=seed,
            config=config,
        )
        rows = read_metrics(trained.folder)
    return BenchmarkRun(trained.policy, trained.env_steps, trained.labels, rows)
