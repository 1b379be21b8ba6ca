import numpy as np
import pytest
from gymnasium import spaces

from prefgym.feedback.reward_inputs import InputConfig, RewardInputs

OBSERVATIONS = spaces.Box(-99.0, 99.0, (3,))
ACTIONS = spaces.Discrete(2)
NAMES = ("speed", "gap", "jerk")

STATE = np.array([[1.0, 2.0, 3.0]], np.float32)
NEXT = np.array([[4.0, 5.0, 6.0]], np.float32)
ACTION = np.array([1])


def inputs(**choice: object) -> RewardInputs:
    config = InputConfig(**choice)  # type: ignore[arg-type]
    return RewardInputs(config, OBSERVATIONS, ACTIONS, NAMES)


@pytest.mark.parametrize(
    ("choice", "row", "scale"),
    [
        ({}, [1, 2, 3, 0, 1], [1, 1, 1, 0.2, 0.2]),
        ({"action": False}, [1, 2, 3], [1, 1, 1]),
        ({"state": False, "action_scale": 0.5}, [0, 1], [0.5, 0.5]),
        ({"next_state": True}, [1, 2, 3, 4, 5, 6, 0, 1], [1] * 6 + [0.2] * 2),
        ({"state": False, "action": False, "next_state": True}, [4, 5, 6], [1] * 3),
        ({"names": ("jerk", "speed"), "action": False}, [3, 1], [1, 1]),
        (
            {"names": ("gap",), "next_state": True},
            [2, 5, 0, 1],
            [1, 1, 0.2, 0.2],
        ),
    ],
)
def test_a_row_holds_what_was_chosen(
    choice: dict[str, object], row: list[float], scale: list[float]
) -> None:
    reads = inputs(**choice)
    assert reads.rows(STATE, ACTION, NEXT).tolist() == [row]
    assert reads.select(STATE, np.array([[0.0, 1.0]], np.float32), NEXT).tolist() == [row]
    assert reads.column_scale.tolist() == pytest.approx(scale)
    assert reads.size == len(row)


def test_encoded_segments_give_the_same_rows() -> None:
    reads = inputs(next_state=True, names=("gap",))
    actions = np.array([[0.0, 1.0]], np.float32)
    several = [np.tile(part[:, None], (2, 4, 1)) for part in (STATE, actions, NEXT)]
    assert np.array_equal(
        reads.select(*several), np.tile(reads.rows(STATE, ACTION, NEXT)[:, None], (2, 4, 1))
    )


def test_parts_that_are_not_chosen_are_not_looked_at() -> None:
    reads = inputs(state=False, action=False, next_state=True)
    broken = np.full((1, 3), np.nan, np.float32)
    assert reads.rows(broken, np.array([9]), NEXT).tolist() == NEXT.tolist()
    with pytest.raises(ValueError, match=r"^next observation must be finite"):
        reads.rows(STATE, ACTION, broken)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"got \['pace'\]; known: speed, gap, jerk"):
        inputs(names=("gap", "pace"))
    with pytest.raises(ValueError, match="names no columns"):
        RewardInputs(InputConfig(names=("gap",)), OBSERVATIONS, ACTIONS)


def test_names_must_be_one_per_column() -> None:
    with pytest.raises(ValueError, match="each of the 3 observed columns, got 2 names"):
        RewardInputs(InputConfig(names=("gap",)), OBSERVATIONS, ACTIONS, NAMES[:2])


def test_a_reward_must_read_something() -> None:
    with pytest.raises(ValueError, match="must read state, action or next_state"):
        InputConfig(state=False, action=False)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_the_scale_of_actions_is_positive(scale: float) -> None:
    with pytest.raises(ValueError, match=f"action_scale must be positive, got {scale}"):
        InputConfig(action_scale=scale)


def test_a_space_without_a_flat_form_is_refused() -> None:
    with pytest.raises(TypeError, match="got Text"):
        RewardInputs(InputConfig(), spaces.Text(3), ACTIONS)
