"""Many driving worlds in one batch: the native vector form of `prefgym/Driving-v0`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from prefgym.envs.driving import (
    Action,
    DrivingConfig,
    actions_array,
    check_render_mode,
    draw,
    observation_space,
)
from prefgym.simulations.drivers import CRITERIA, DriverProfile
from prefgym.simulations.traffic import Outcome
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES

Observations = NDArray[np.float32]


class DrivingVectorEnv(
    VectorEnv[Observations, NDArray[np.int64], NDArray[np.float64] | NDArray[np.bool_]]
):
    """A batch of `DrivingEnv`: world i gives the bytes of the single form seeded with seed + i.

    Every world has its own generator, which also draws its later episodes, so the traces stay
    equal across autoresets.
    """

    def __init__(
        self,
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
    ) -> None:
        self.config = DrivingConfig(scenario, density, profile, actions, driver, traffic)
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.num_envs = num_envs
        self.render_mode = check_render_mode(render_mode)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode must be NEXT_STEP or SAME_STEP, got DISABLED")
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": 2,
            "autoreset_mode": self.autoreset_mode,
        }
        self.criteria: tuple[str, ...] = CRITERIA
        self.weights = self.config.person.weights_array()
        self.observation_names: tuple[str, ...] = OBSERVATION_NAMES
        self.single_observation_space = observation_space()
        self.single_action_space = self.config.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._actions_shape = (num_envs, *(self.single_action_space.shape or ()))
        self._traffic = self.config.make_traffic(num_envs)
        self.num_lanes = self._traffic.settings.num_lanes
        self._states = np.zeros((num_envs, 0, 4), dtype=np.float32)
        self._generators: list[np.random.Generator] = []
        self._steps = np.zeros(num_envs, dtype=np.int64)
        self._ended = np.zeros(num_envs, dtype=bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, object] | None = None,
    ) -> tuple[Observations, dict[str, NDArray[np.generic]]]:
        """Begins an episode in every world; an integer seeds world i with seed + i."""
        if seed is None:
            seeds: list[int | None] = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seeds = [int(seed) + world for world in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed must have {self.num_envs} entries, got {len(seeds)}")
        fresh = not self._generators
        self._generators = [
            self._generators[world]
            if world_seed is None and not fresh
            else seeding.np_random(world_seed)[0]
            for world, world_seed in enumerate(seeds)
        ]
        self._ended = np.zeros(self.num_envs, dtype=bool)
        outcome = self._traffic.empty_outcome()
        everyone = np.ones(self.num_envs, dtype=bool)
        self._start(everyone, outcome)
        return outcome.observations, {"state": outcome.states, "_state": everyone}

    def step(
        self, actions: Action
    ) -> tuple[
        Observations,
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, object],
    ]:
        """Drives for half a second in every world."""
        if not self._generators:
            raise gymnasium.error.ResetNeeded("step() needs an episode: call reset() first")
        commands = actions_array(actions, self._actions_shape).reshape(self.num_envs, -1)
        outcome = self._traffic.step(commands, self.weights)
        self._states = outcome.states
        self._steps += 1
        judged = np.ones(self.num_envs, dtype=bool)
        infos: dict[str, object] = {
            "criteria": outcome.criteria,
            "_criteria": judged,
            "state": outcome.states,
            "_state": np.ones(self.num_envs, dtype=bool),
        }
        restarted = self._ended
        if restarted.any():  # NEXT_STEP: this call was the reset of worlds that had ended
            self._start(restarted, outcome)
            outcome.rewards[restarted] = 0.0
            outcome.criteria[restarted] = 0.0
            judged[restarted] = False
        truncations = self._steps >= self.config.episode_steps
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            self._ended = truncations.copy()
        elif truncations.any():
            infos.update(self._final(truncations, outcome))
            self._start(truncations, outcome)
        terminations = np.zeros(self.num_envs, dtype=bool)
        return outcome.observations, outcome.rewards, terminations, truncations, infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Returns a picture of the road around every ego; None without a render mode."""
        if self.render_mode is None:
            return None
        if not self._generators:
            raise gymnasium.error.ResetNeeded("render() needs an episode: call reset() first")
        return tuple(self.render_state(state) for state in self._states)

    def render_state(
        self, state: NDArray[np.float32], trail: NDArray[np.float64] | None = None
    ) -> NDArray[np.uint8]:
        """Returns the picture of any recorded row of `infos["state"]`.

        Args:
            trail: past x and y of the ego [m], the oldest first.
        """
        return draw(state, self.num_lanes, self.config.scenario, trail)

    def _start(self, chosen: NDArray[np.bool_], outcome: Outcome) -> None:
        """Begins new episodes in the chosen worlds and writes their first sights."""
        draws = np.zeros((self.num_envs, 2))
        for world in np.flatnonzero(chosen):
            self._generators[world].random(out=draws[world])
        self._traffic.start(chosen, draws, outcome.observations, outcome.states)
        self._states = outcome.states
        self._steps[chosen] = 0

    def _final(self, ended: NDArray[np.bool_], outcome: Outcome) -> dict[str, object]:
        """Returns what Gymnasium keeps of episodes that end and begin anew in the same step."""
        final_obs = np.full(self.num_envs, None, dtype=object)
        for world in np.flatnonzero(ended):
            final_obs[world] = outcome.observations[world].copy()
        final_info = {
            "criteria": np.where(ended[:, None], outcome.criteria, 0.0),
            "_criteria": ended.copy(),
            "state": np.where(ended[:, None, None], outcome.states, np.float32(0.0)),
            "_state": ended.copy(),
        }
        return {
            "final_obs": final_obs,
            "_final_obs": ended.copy(),
            "final_info": final_info,
            "_final_info": ended.copy(),
        }
