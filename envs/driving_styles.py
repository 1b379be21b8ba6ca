"""Diverse drivers who each hold a style: the behaviour shown before any policy is worth showing."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from prefgym.simulations.traffic_observation import OBSERVATION_NAMES

SPEED_RANGE = (18.0, 36.0)  # [m/s]
MAX_CHANGE_RATE, MAX_FLICKER = 0.3, 0.4  # per decision
SPEED_STEP = 2.5  # [m/s]
_SETPOINT = OBSERVATION_NAMES.index("speed_setpoint")

StylePolicy = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def held_styles(num_envs: int, *, rng: np.random.Generator) -> StylePolicy:
    """Returns a policy of `num_envs` drivers for set-point actions, one per world.

    Each keeps its own speed and time gap, asks for a lane change at its own rate, and flickers:
    with its own probability it presses random set-points instead. Diverse behaviour teaches a
    reward model what a random policy, which is always jerky, cannot show.
    """
    speeds = rng.uniform(*SPEED_RANGE, size=num_envs)
    gaps = rng.integers(4, size=num_envs)
    change_rates = rng.uniform(0.0, MAX_CHANGE_RATE, size=num_envs)
    flickers = rng.uniform(0.0, MAX_FLICKER, size=num_envs)

    def act(observations: NDArray[np.float32]) -> NDArray[np.int64]:
        off = speeds - 40.0 * observations[:, _SETPOINT]
        speed = 1 + (off > 0.5 * SPEED_STEP).astype(np.int64) - (off < -0.5 * SPEED_STEP)
        side = np.where(rng.random(num_envs) < 0.5, 0, 2)
        lane = np.where(rng.random(num_envs) < change_rates, side, 1)
        held = np.stack([lane, speed, gaps], axis=1)
        whim = rng.integers([3, 3, 4], size=(num_envs, 3))
        whim[:, 0] = lane
        return np.where((rng.random(num_envs) < flickers)[:, None], whim, held)

    return act
