"""Manoeuvres: what a person at the controls of a drive may ask for, and the actions it comes to.

They are a cruise control's keys, pressed at most once a decision (2 Hz). From the first one on the
person drives, and what was set holds until it is set anew:

- left, right: asks for a lane change once, then keeps the lane;
- faster, slower: 2.5 m/s more or less, counted from the speed driven where the car has not come
  up to its set-point, so that "slower" behind a slow car is slower; the set-point then moves
  there at 2.5 m/s a decision, as the action space has it;
- closer, farther: the next of the four time gaps;
- keep: nothing but to take the controls, or to stop a change of speed under way.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from prefgym.simulations.traffic_layout import (
    HIGH_GAP_SET,
    LOW_GAP_SET,
    MAX_SPEED_SET,
    MIN_SPEED_SET,
)
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES
from prefgym.simulations.traffic_worlds import GAP_CHOICES, SPEED_STEP

MANOEUVRES = ("left", "right", "faster", "slower", "closer", "farther", "keep")
Changes = Sequence[tuple[int, str]]
"""Manoeuvres and their decisions, counted from the beginning of a scene."""

_NONE = -1  # no manoeuvre at this decision
_KEEP = MANOEUVRES.index("keep")
_SIDE = np.array([1, -1, 0, 0, 0, 0, 0])
_FASTER = np.array([0, 0, 1, -1, 0, 0, 0])
_FARTHER = np.array([0, 0, 0, 0, -1, 1, 0])
_SPEED, _SPEED_SET, _GAP_SET = (
    OBSERVATION_NAMES.index(name) for name in ("speed", "speed_setpoint", "gap_setpoint")
)


class Controls:
    """What a person has set in each of a batch of drives."""

    def __init__(self, num_drives: int, action_kind: str) -> None:
        self.action_kind = action_kind
        self._speed = np.zeros(num_drives)
        self._in_hand = np.zeros(num_drives, np.bool_)

    def act(
        self,
        observations: Float32[np.ndarray, "drive column"],
        pressed: Int64[np.ndarray, " drive"],
        in_hand: Bool[np.ndarray, " drive"],
    ) -> np.ndarray:
        """Actions of the drives in the person's hands.

        Args:
            observations: of every drive.
            pressed: number of the manoeuvre asked for in each drive, -1 for none.
            in_hand: which drives the person drives at this decision.
        """
        seen = observations.astype(np.float64)
        speed, speed_set = 40 * seen[:, _SPEED], 40 * seen[:, _SPEED_SET]
        key = np.where(pressed == _NONE, _KEEP, pressed)
        set_anew = (in_hand & ~self._in_hand) | (pressed == _KEEP)
        goal = np.where(set_anew, speed_set, self._speed)
        faster = _FASTER[key]
        base = np.where(faster > 0, np.maximum(goal, speed), np.minimum(goal, speed))
        moved = np.clip(base + faster * SPEED_STEP, MIN_SPEED_SET, MAX_SPEED_SET)
        self._speed = np.where(faster != 0, moved, goal)
        self._in_hand = in_hand
        notch = np.clip((self._speed - speed_set) / SPEED_STEP, -1.0, 1.0)
        gap = _next_gap(2 * seen[:, _GAP_SET], _FARTHER[key])
        return _actions(self.action_kind, _SIDE[key], notch, gap)[in_hand]


def pressed_keys(changes: Changes, length: int) -> Int64[np.ndarray, " time"]:
    """Number of the manoeuvre at each decision, -1 for none; of two at one the later counts.

    Raises:
        ValueError: if a manoeuvre is unknown or its decision outside the scene.
    """
    pressed = np.full(length, _NONE, np.int64)
    for decision, manoeuvre in changes:
        if manoeuvre not in MANOEUVRES or not 0 <= decision < length:
            raise ValueError(
                f"changes must be of {', '.join(MANOEUVRES)} at decisions 0 to {length - 1}, "
                f"got {manoeuvre!r} at {decision}"
            )
        pressed[decision] = MANOEUVRES.index(manoeuvre)
    return pressed


def kept_in_hand(
    pressed: Int64[np.ndarray, "drive time"], hold: int
) -> Bool[np.ndarray, "drive time"]:
    """Whether the person drives: for `hold` decisions from each manoeuvre on."""
    time = np.arange(pressed.shape[1])
    last = np.maximum.accumulate(np.where(pressed == _NONE, -hold, time), axis=1)
    return time - last < hold


def _next_gap(
    gap: Float64[np.ndarray, " drive"], farther: Int64[np.ndarray, " drive"]
) -> Float64[np.ndarray, " drive"]:
    """The time gap set [s], or the next greater or smaller choice."""
    choices = np.array(GAP_CHOICES)
    up = choices[np.minimum(np.searchsorted(choices, gap + 0.01), len(choices) - 1)]
    down = choices[np.maximum(np.searchsorted(choices, gap - 0.01) - 1, 0)]
    return np.select([farther > 0, farther < 0], [up, down], gap)


def _actions(
    kind: str,
    side: Int64[np.ndarray, " drive"],
    notch: Float64[np.ndarray, " drive"],
    gap: Float64[np.ndarray, " drive"],
) -> np.ndarray:
    """Lane side, speed change [2.5 m/s] and time gap [s] in the environment's kind of action."""
    if kind == "continuous":
        share = (gap - LOW_GAP_SET) / (HIGH_GAP_SET - LOW_GAP_SET)
        return np.stack([side, notch, np.clip(2 * share - 1, -1, 1)], axis=1).astype(np.float32)
    choice = np.abs(np.array(GAP_CHOICES) - gap[:, None]).argmin(axis=1)
    set_points = np.stack([side + 1, np.rint(notch).astype(np.int64) + 1, choice], axis=1)
    return set_points @ [12, 4, 1] if kind == "discrete" else set_points
