"""Many driving worlds in one batch: the native vector form of `prefgym/Driving-v0`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from prefgym.envs.driving import (
    DrivingConfig,
    DrivingEnv,
    actions_array,
    check_render_mode,
    draw,
    observation_space,
)
from prefgym.envs.worlds_vector import Outcome, WorldsVectorEnv, check_num_envs
from prefgym.simulations import traffic
from prefgym.simulations.drivers import CRITERIA, DriverProfile
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES


class DrivingWorlds:
    """A batch of drives, each ended by its time limit alone."""

    def __init__(self, config: DrivingConfig, num_worlds: int) -> None:
        self.config = config
        self.criteria: tuple[str, ...] = CRITERIA
        self.weights = config.person.weights_array()
        self.observation_names: tuple[str, ...] = OBSERVATION_NAMES
        self.observation_space = observation_space()
        self.action_space = config.action_space()
        self._actions_shape = (num_worlds, *(self.action_space.shape or ()))
        self._traffic = config.make_traffic(num_worlds)
        self._steps = np.zeros(num_worlds, dtype=np.int64)

    def start(
        self,
        chosen: NDArray[np.bool_],
        generators: Sequence[np.random.Generator],
        outcome: Outcome,
    ) -> None:
        """Begins drives in traffic that has been driving for 20 s."""
        draws = np.zeros((len(chosen), 2))
        for world in np.flatnonzero(chosen).tolist():
            generators[world].random(out=draws[world])
        self._traffic.start(chosen, draws, outcome.observations, outcome.states)
        self._steps[chosen] = 0

    def step(self, actions: ArrayLike) -> Outcome:
        """Drives for half a second in every world."""
        commands = actions_array(actions, self._actions_shape).reshape(len(self._steps), -1)
        outcome = self._traffic.step(commands, self.weights)
        self._steps += 1
        return self._complete(outcome, self._steps >= self.config.episode_steps)

    def empty_outcome(self) -> Outcome:
        """Arrays to be written."""
        return self._complete(
            self._traffic.empty_outcome(), np.zeros(len(self._steps), dtype=np.bool_)
        )

    def render_state(self, state: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The road of any recorded row of `infos["state"]`."""
        return draw(state, self._traffic.settings.num_lanes, self.config.scenario)

    def _complete(self, outcome: traffic.Outcome, truncations: NDArray[np.bool_]) -> Outcome:
        return Outcome(
            outcome.observations,
            outcome.rewards,
            outcome.criteria,
            np.zeros(len(self._steps), dtype=np.bool_),
            truncations,
            outcome.states,
        )


def driving_vector_env(
    num_envs: int = 1,
    *,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
    scenario: Literal["highway", "merge"] = "highway",
    density: str | float = "normal",
    profile: str | DriverProfile = "safety-first",
    actions: Literal["multi-discrete", "discrete", "continuous"] = "multi-discrete",
    driver: Literal["agent", "idm"] = "agent",
    traffic: str | Path | None = None,
) -> WorldsVectorEnv:
    """A batch of `DrivingEnv`, of the same keywords.

    Raises:
        ValueError: if a keyword is not allowed, or there is to be no environment.
    """
    config = DrivingConfig(scenario, density, profile, actions, driver, traffic)
    return WorldsVectorEnv(
        DrivingWorlds(config, check_num_envs(num_envs)),
        num_envs,
        autoreset_mode=autoreset_mode,
        render_mode=check_render_mode(render_mode),
        metadata=DrivingEnv.metadata,
    )
