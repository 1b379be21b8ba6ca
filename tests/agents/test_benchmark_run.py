import numpy as np

from prefgym.agents.benchmark_run import BenchmarkRun

ROWS: list[dict[str, object]] = [
    {"kind": "round", "round": 1, "error_rate": None},
    {"kind": "warning", "message": "slow"},
    {"kind": "stage", "gold_return": 3.0},
    {"kind": "round", "round": 2, "error_rate": 0.25},
    {"kind": "warning", "message": "shaky"},
    {"kind": "warning", "message": "slow"},
]


def a_run() -> BenchmarkRun:
    return BenchmarkRun(lambda observations: np.zeros(1), env_steps=640, labels=12, rows=ROWS)


def test_lines_of_one_kind_keep_their_order() -> None:
    assert [row["round"] for row in a_run().of_kind("round")] == [1, 2]


def test_a_cell_keeps_what_was_spent_the_columns_asked_for_and_each_warning_once() -> None:
    columns = {"flips": ("round", "error_rate"), "returns": ("stage", "gold_return")}
    assert a_run().extra(columns) == {
        "steps": 640,
        "answers": 12,
        "flips": [None, 0.25],
        "returns": [3.0],
        "warnings": ["shaky", "slow"],
    }
