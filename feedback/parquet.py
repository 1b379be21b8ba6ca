"""Events as Parquet, for DuckDB, Polars and their like."""

from collections.abc import Sequence
from pathlib import Path

from prefgym.feedback.event import Event, canonical_json, in_force


def write_parquet(events: Sequence[Event], folder: Path) -> dict[str, int]:
    """Write `events.parquet`, undone events and undos included; how many there are.

    The answer is JSON; `in_force` tells what was not taken back.

    Raises:
        ValueError: if pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ValueError("Parquet needs pyarrow: pip install 'prefgym[parquet]'") from error
    kept = {event.key for event in in_force(events)}
    table = pa.table(
        {
            "kind": pa.array([event.kind for event in events], pa.string()),
            "key": pa.array([event.key for event in events], pa.string()),
            "rater": pa.array([event.rater for event in events], pa.string()),
            "round": pa.array([event.round for event in events], pa.int32()),
            "segments": pa.array([list(e.segments) for e in events], pa.list_(pa.string())),
            "answer": pa.array([canonical_json(event.answer) for event in events], pa.string()),
            "answered_at": pa.array([event.answered_at for event in events], pa.string()),
            "in_force": pa.array([event.key in kept for event in events], pa.bool_()),
        }
    )
    pq.write_table(table, folder / "events.parquet")
    return {"events": len(events), "in_force": len(kept)}
