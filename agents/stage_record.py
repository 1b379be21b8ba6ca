"""What a stage of the loop adds to the metrics, and what in it looks wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from prefgym.agents.health import Signs, complaints


@dataclass(slots=True)
class StageRecord:
    """Lines of the metrics, and the figures by which a stage is judged."""

    rows: list[dict[str, object]] = field(default_factory=list)
    tie_rate: float | None = None
    agreement: float | None = None
    gold_return: float | None = None
    spread: float | None = None


def warning_rows(
    record: StageRecord,
    metrics: Sequence[dict[str, object]],
    *,
    log_std: float | None,
    informed: bool,
    progress: float,
    round_number: int,
    step: int,
) -> list[dict[str, object]]:
    """Lines of the metrics that warn.

    Args:
        record: of the stage.
        metrics: of the stages before.
        log_std: mean log standard deviation of the policy's actions, where it has one.
        informed: whether the reward model has learned anything.
        progress: share of the stages that are finished with this one.
        round_number: fits so far.
        step: environment steps so far.
    """
    earlier = [
        float(row["gold_return"])  # type: ignore[arg-type]
        for row in metrics
        if row["kind"] == "stage" and row["gold_return"] is not None
    ]
    signs = Signs(
        gold_return=record.gold_return,
        first_gold_return=earlier[0] if earlier else None,
        best_gold_return=max(earlier) if earlier else None,
        spread=record.spread,
        log_std=log_std,
        tie_rate=record.tie_rate,
        informed=informed,
        agreement=record.agreement,
        progress=progress,
    )
    return [
        {"kind": "warning", "round": round_number, "step": step, "message": message}
        for message in complaints(signs)
    ]
