"""What policies do from the same starts: whole episodes, and what can be said of them in numbers.

Two policies that are given the same seed meet the same traffic at the start; what they do then
changes it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from prefgym.agents.config import RunConfig
from prefgym.agents.crowd import DRIVING
from prefgym.agents.evaluate import EVALUATION_SEED
from prefgym.agents.policies import Policy
from prefgym.agents.vec_env import EnvInfo, make_vec_env
from prefgym.feedback.encoding import encode
from prefgym.feedback.learned_reward_vec import with_terminal

NUM_ROADS = 64
DECISION_TIME = 0.5  # [s]


class Roads(NamedTuple):
    """An episode of each of several environments; `going` until it has ended.

    `observations` are what followed each step, in the environment's own columns.
    """

    observations: Float32[np.ndarray, "step road column"]
    criteria: Float64[np.ndarray, "step road criterion"]
    going: Bool[np.ndarray, "step road"]

    def gold(self, weights: Float64[np.ndarray, " criterion"]) -> Float64[np.ndarray, " road"]:
        """Return of every episode to a person with these weights."""
        found: Float64[np.ndarray, " road"] = ((self.criteria @ weights) * self.going).sum(axis=0)
        return found


def play_roads(
    config: RunConfig,
    policy: Policy,
    info: EnvInfo,
    *,
    num_roads: int = NUM_ROADS,
    seed: int = EVALUATION_SEED,
) -> Roads:
    """One whole episode in each of `num_roads` environments, from held-out starts."""
    venv = make_vec_env(config.env_id, config.env_kwargs, num_roads)
    venv.seed(seed)
    observations = venv.reset()
    going = np.ones(num_roads, bool)
    seen, gold, alive = [], [], []
    while going.any():
        observations, rewards, dones, infos = venv.step(policy(observations))
        after = with_terminal(observations, dones, infos)
        seen.append(encode(info.observation_space, after))
        own = "criteria" in infos[0]
        gold.append(np.stack([i["criteria"] for i in infos]) if own else rewards[:, None])
        alive.append(going.copy())
        going &= ~dones
    venv.close()
    return Roads(np.stack(seen), np.stack(gold).astype(np.float64), np.stack(alive))


class Quantity(NamedTuple):
    """Something to measure at every step of a road, nan where it does not apply, and its mean."""

    name: str
    unit: str
    steps: Callable[[Mapping[str, np.ndarray]], np.ndarray]
    root_mean_square: bool = False

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    def of(self, roads: Roads, names: tuple[str, ...]) -> Float64[np.ndarray, "step road"]:
        """The quantity at every step; nan after the end, and where it does not apply."""
        seen = np.moveaxis(roads.observations.astype(np.float64), -1, 0)
        columns = dict(zip(names, seen, strict=True))
        return np.where(roads.going, self.steps(columns), np.nan)

    def each(self, roads: Roads, names: tuple[str, ...]) -> Float64[np.ndarray, " road"]:
        """The mean, or root mean square, of every road; nan where it never applies."""
        values = self.of(roads, names)
        if self.root_mean_square:
            values = values**2
        count = np.isfinite(values).sum(axis=0)
        mean = np.where(count, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
        return np.sqrt(mean) if self.root_mean_square else mean


def _speed(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.where(columns["crashed"] > 0, np.nan, 40 * 3.6 * columns["speed"])


def _time_gap(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of those who follow somebody by less than the 3 s at which the observation ends."""
    follows = (columns["time_gap"] < 1) & (columns["crashed"] == 0)
    return np.where(follows, 3 * columns["time_gap"], np.nan)


def _lane_changes(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    lane, crashed = columns["lane"], columns["crashed"]
    begun = np.zeros(lane.shape)
    begun[1:] = (np.abs(np.diff(lane, axis=0)) > 1e-6) & (crashed[1:] == 0)
    return begun * 60 / DECISION_TIME


def _scaled(name: str, unit: float) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    return lambda columns: np.where(columns["crashed"] > 0, np.nan, unit * columns[name])


SPEED = Quantity("speed", "km/h", _speed)
TIME_GAP = Quantity("time gap when following", "s", _time_gap)
ACCELERATION = Quantity("acceleration, rms", "m/s²", _scaled("abs_acceleration", 4.0), True)
QUANTITIES: Mapping[str, tuple[Quantity, ...]] = {
    DRIVING: (
        SPEED,
        TIME_GAP,
        Quantity("lane changes", "per minute", _lane_changes),
        ACCELERATION,
        Quantity("jerk, rms", "m/s³", _scaled("jerk", 5.0), True),
        Quantity("braking imposed on others", "m/s²", _scaled("imposed_braking", 2.0)),
        Quantity("time after a crash", "share", lambda columns: columns["crashed"]),
    )
}
"""What drivers would name, by environment; see `prefgym.simulations.traffic_observation`."""
