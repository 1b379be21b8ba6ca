"""Diverse drivers who each hold a style: the behaviour shown before any policy is worth showing."""

from collections.abc import Callable

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prefgym.simulations.traffic_layout import HIGH_GAP_SET, LOW_GAP_SET
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES
from prefgym.simulations.traffic_worlds import GAP_CHOICES, SPEED_STEP

SPEED_RANGE = (18.0, 36.0)  # [m/s]
MAX_CHANGE_RATE, MAX_FLICKER = 0.3, 0.4  # per decision
_SETPOINT = OBSERVATION_NAMES.index("speed_setpoint")

StylePolicy = Callable[[NDArray[np.float32]], NDArray[np.integer | np.floating]]


def held_styles(
    num_envs: int, space: spaces.Space[NDArray[np.int64]] | None = None, *, rng: np.random.Generator
) -> StylePolicy:
    """Returns a policy of `num_envs` drivers, one per world.

    Each keeps its own speed and time gap, asks for a lane change at its own rate, and flickers:
    with its own probability it presses random set-points instead. Diverse behaviour teaches a
    reward model what a random policy, which is always jerky, cannot show.

    Args:
        num_envs: how many.
        space: of the actions, one of the driving environment's; None: set-points one by one.
        rng: source of the styles and of every whim.
    """
    speeds = rng.uniform(*SPEED_RANGE, size=num_envs)
    gaps = rng.integers(4, size=num_envs)
    change_rates = rng.uniform(0.0, MAX_CHANGE_RATE, size=num_envs)
    flickers = rng.uniform(0.0, MAX_FLICKER, size=num_envs)

    def act(observations: NDArray[np.float32]) -> NDArray[np.integer | np.floating]:
        off = speeds - 40.0 * observations[:, _SETPOINT]
        speed = 1 + (off > 0.5 * SPEED_STEP).astype(np.int64) - (off < -0.5 * SPEED_STEP)
        side = np.where(rng.random(num_envs) < 0.5, 0, 2)
        lane = np.where(rng.random(num_envs) < change_rates, side, 1)
        held = np.stack([lane, speed, gaps], axis=1)
        whim = rng.integers([3, 3, 4], size=(num_envs, 3))
        whim[:, 0] = lane
        return _in_space(np.where((rng.random(num_envs) < flickers)[:, None], whim, held), space)

    return act


def _in_space(
    setpoints: NDArray[np.int64], space: spaces.Space[NDArray[np.int64]] | None
) -> NDArray[np.integer | np.floating]:
    """The same set-points, lane x speed x time gap, as actions of this space."""
    lane, speed, gap = setpoints.T
    if isinstance(space, spaces.Discrete):
        return np.ravel_multi_index((lane, speed, gap), (3, 3, 4))
    if isinstance(space, spaces.Box):
        share = (np.array(GAP_CHOICES)[gap] - LOW_GAP_SET) / (HIGH_GAP_SET - LOW_GAP_SET)
        return np.stack([lane - 1, speed - 1, 2 * share - 1], axis=1).astype(np.float32)
    return setpoints
