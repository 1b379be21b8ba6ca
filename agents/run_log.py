"""What a run wrote about itself, `config.json` and `metrics.jsonl`, as checked records.

Each line of `metrics.jsonl` is one JSON object with a "kind". Kinds and keys that are not known
here are passed over, so that a run may log more than the report shows; what is known has to fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefgym.agents.json_row import JsonRow, read_json_lines, read_json_object
from prefgym.agents.run import FORMAT


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """Means over the episodes of one rollout of the policy under training.

    `step` counts environment steps, `criteria` are means per step, `seconds` is wall time.
    """

    step: int
    round: int
    learned_return: float | None
    gold_return: float | None
    criteria: Mapping[str, float]
    seconds: float | None
    log_std: float | None


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of asking the rater and fitting the reward model; rates and agreements are shares.

    `correlation` is that of learned and gold reward per step.
    """

    round: int
    step: int
    labels: int
    asked: int
    error_rate: float | None
    tie_rate: float | None
    skip_rate: float | None
    agreement_before_fit: float | None
    agreement_after_fit: float | None
    heldout_agreement: float | None
    log_likelihood: float | None
    family: str
    family_scores: Mapping[str, float]
    correlation: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Held-out queries in bins: (predicted probability, observed frequency, count) of each."""

    bins: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One behaviour judged by gold over whole episodes; `criteria` are means per step."""

    name: str
    gold_return: float
    gold_return_se: float | None
    criteria: Mapping[str, float]
    labels: int | None
    steps: int | None
    seconds: float | None
    episodes: int | None


@dataclass(frozen=True, slots=True)
class WarningRow:
    """Something the loop noticed and went on from, such as a collapse."""

    round: int
    step: int
    message: str


Samples = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class RunLog:
    """A run: its configuration as nested JSON values and its measurements in order.

    `evaluations` holds the last one of each name. `traffic` maps a quantity to its samples in
    each source, as in traffic["time_gap"]["recorded"].
    """

    config: Mapping[str, object]
    rollouts: tuple[RolloutRow, ...]
    rounds: tuple[RoundRow, ...]
    evaluations: tuple[EvaluationRow, ...]
    warnings: tuple[WarningRow, ...]
    calibration: Calibration | None
    traffic: Mapping[str, Samples]


def read_run_log(run: Path) -> RunLog:
    """The log of a run folder.

    Raises:
        ValueError: if a file is missing, damaged or of a newer format.
    """
    config = read_json_object(run / "config.json", remedy="name the folder of a run")
    if not 1 <= config.integer("format") <= FORMAT:
        raise ValueError(
            f"{config.place}: format must be in [1, {FORMAT}], got {config.integer('format')}; "
            "a newer prefgym wrote this run, so upgrade to read it"
        )
    rows = read_json_lines(run / "metrics.jsonl", remedy="continue the run, which writes it")
    calibrations = [_calibration(row) for row in rows if row.kind == "calibration"]
    evaluations = [_evaluation(row) for row in rows if row.kind == "evaluation"]
    traffic = [_traffic(row) for row in rows if row.kind == "traffic"]
    return RunLog(
        config=config.values,
        rollouts=tuple(_rollout(row) for row in rows if row.kind == "rollout"),
        rounds=tuple(_round(row) for row in rows if row.kind == "round"),
        evaluations=tuple({row.name: row for row in evaluations}.values()),
        warnings=tuple(_warning(row) for row in rows if row.kind == "warning"),
        calibration=calibrations[-1] if calibrations else None,
        traffic=traffic[-1] if traffic else {},
    )


def _rollout(row: JsonRow) -> RolloutRow:
    return RolloutRow(
        step=row.integer("step"),
        round=row.integer("round"),
        learned_return=row.optional_number("learned_return"),
        gold_return=row.optional_number("gold_return"),
        criteria=row.named_numbers("criteria"),
        seconds=row.optional_number("seconds"),
        log_std=row.optional_number("log_std"),
    )


def _round(row: JsonRow) -> RoundRow:
    return RoundRow(
        round=row.integer("round"),
        step=row.integer("step"),
        labels=row.integer("labels"),
        asked=row.integer("asked"),
        error_rate=row.optional_number("error_rate"),
        tie_rate=row.optional_number("tie_rate"),
        skip_rate=row.optional_number("skip_rate"),
        agreement_before_fit=row.optional_number("agreement_before_fit"),
        agreement_after_fit=row.optional_number("agreement_after_fit"),
        heldout_agreement=row.optional_number("heldout_agreement"),
        log_likelihood=row.optional_number("log_likelihood"),
        family=row.text("family"),
        family_scores=row.named_numbers("family_scores"),
        correlation=row.optional_number("correlation"),
        seconds=row.optional_number("seconds"),
    )


def _evaluation(row: JsonRow) -> EvaluationRow:
    return EvaluationRow(
        name=row.text("name"),
        gold_return=row.number("gold_return"),
        gold_return_se=row.optional_number("gold_return_se"),
        criteria=row.named_numbers("criteria"),
        labels=row.optional_integer("labels"),
        steps=row.optional_integer("steps"),
        seconds=row.optional_number("seconds"),
        episodes=row.optional_integer("episodes"),
    )


def _warning(row: JsonRow) -> WarningRow:
    return WarningRow(row.integer("round"), row.integer("step"), row.text("message"))


def _calibration(row: JsonRow) -> Calibration:
    """An empty bin has no frequency, and is left out."""
    columns = [row.optional_numbers(key) for key in ("probability", "frequency", "count")]
    if len({len(column) for column in columns}) > 1:
        raise row.fail("count", "as long as probability and frequency")
    bins = zip(*columns, strict=True)
    return Calibration(
        tuple((p, f, n) for p, f, n in bins if p is not None and f is not None and n)
    )


def _traffic(row: JsonRow) -> Mapping[str, Samples]:
    quantities = {key: value for key, value in row.values.items() if key != "kind"}
    samples: dict[str, Samples] = {}
    for quantity, value in quantities.items():
        if not isinstance(value, dict):
            continue
        sources = JsonRow(f"{row.place}, {quantity}", value)
        samples[quantity] = {str(source): sources.numbers(str(source)) for source in value}
    return samples
