"""Batches of worlds as a Gymnasium `VectorEnv`: seeding, autoreset and infos, once for all."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

Observations: TypeAlias = NDArray[np.float32]
Picture: TypeAlias = NDArray[np.uint8] | str


class Outcome(NamedTuple):
    """What a step led to, one row per world; of a first sight only observations and states.

    `states` are compact: what it takes to draw a world again.
    """

    observations: Observations
    rewards: NDArray[np.float64]
    criteria: NDArray[np.floating]
    terminations: NDArray[np.bool_]
    truncations: NDArray[np.bool_]
    states: NDArray[np.float32]


class Worlds(Protocol):
    """A batch of worlds; world i depends on nothing but its own generator and actions."""

    criteria: tuple[str, ...]
    weights: NDArray[np.float64]
    observation_names: tuple[str, ...]
    observation_space: gymnasium.Space[Observations]
    action_space: gymnasium.Space[Any]  # each environment's own kind of action

    def start(
        self,
        chosen: NDArray[np.bool_],
        generators: Sequence[np.random.Generator],
        outcome: Outcome,
    ) -> None:
        """Begin episodes in the chosen worlds; overwrite their observations and states."""
        ...

    def step(self, actions: ArrayLike) -> Outcome:
        """Move every world; the arrays returned are the caller's to keep."""
        ...

    def empty_outcome(self) -> Outcome:
        """Arrays to be written."""
        ...

    def render_state(self, state: NDArray[np.float32]) -> Picture:
        """The picture of a compact state."""
        ...


def check_num_envs(num_envs: int) -> int:
    """Returns the number of environments, if there is one at least.

    Raises:
        ValueError: if there is none.
    """
    if num_envs < 1:
        raise ValueError(f"num_envs must be at least 1, got {num_envs}")
    return num_envs


class WorldsVectorEnv(VectorEnv[Observations, ArrayLike, NDArray[np.float64] | NDArray[np.bool_]]):
    """The native vector form of an environment: world i has the bytes of the single form.

    An integer seed seeds world i with seed + i. Every world has its own generator, which also
    draws its later episodes, so the traces stay equal across autoresets.
    """

    def __init__(
        self,
        worlds: Worlds,
        num_envs: int,
        *,
        autoreset_mode: AutoresetMode | str,
        render_mode: str | None,
        metadata: dict[str, object],
    ) -> None:
        self.worlds = worlds
        self.num_envs = check_num_envs(num_envs)
        self.render_mode = render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode must be NEXT_STEP or SAME_STEP, got DISABLED")
        self.metadata = metadata | {"autoreset_mode": self.autoreset_mode}
        self.criteria = worlds.criteria
        self.weights = worlds.weights
        self.observation_names = worlds.observation_names
        self.single_observation_space = worlds.observation_space
        self.single_action_space = worlds.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._states = np.zeros((num_envs, 0), dtype=np.float32)
        self._generators: list[np.random.Generator] = []
        self._ended = np.zeros(num_envs, dtype=bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, object] | None = None,
    ) -> tuple[Observations, dict[str, NDArray[np.generic]]]:
        """Begins an episode in every world.

        Raises:
            ValueError: if there is not one seed per world.
        """
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
        outcome = self.worlds.empty_outcome()
        everyone = np.ones(self.num_envs, dtype=bool)
        self._start(everyone, outcome)
        return outcome.observations, {"state": outcome.states, "_state": everyone}

    def step(
        self, actions: ArrayLike
    ) -> tuple[
        Observations,
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, object],
    ]:
        """Moves every world by one action.

        Raises:
            ResetNeeded: if no episode has begun.
        """
        if not self._generators:
            raise gymnasium.error.ResetNeeded("step() needs an episode: call reset() first")
        outcome = self.worlds.step(actions)
        self._states = outcome.states
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
            outcome.terminations[restarted] = False
            outcome.truncations[restarted] = False
            judged[restarted] = False
        ended = outcome.terminations | outcome.truncations
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            self._ended = ended
        elif ended.any():
            infos.update(self._final(ended, outcome))
            self._start(ended, outcome)
        return (
            outcome.observations,
            outcome.rewards,
            outcome.terminations,
            outcome.truncations,
            infos,
        )

    def render(self) -> tuple[Picture, ...] | None:
        """Returns a picture of every world; None without a render mode."""
        if self.render_mode is None:
            return None
        if not self._generators:
            raise gymnasium.error.ResetNeeded("render() needs an episode: call reset() first")
        return tuple(self.worlds.render_state(state) for state in self._states)

    def _start(self, chosen: NDArray[np.bool_], outcome: Outcome) -> None:
        """Begins new episodes in the chosen worlds and writes their first sights."""
        self.worlds.start(chosen, self._generators, outcome)
        self._states = outcome.states

    def _final(self, ended: NDArray[np.bool_], outcome: Outcome) -> dict[str, object]:
        """Returns what Gymnasium keeps of episodes that end and begin anew in the same step."""
        final_obs = np.full(self.num_envs, None, dtype=object)
        for world in np.flatnonzero(ended):
            final_obs[world] = outcome.observations[world].copy()
        states = outcome.states
        shown = ended.reshape(-1, *(1,) * (states.ndim - 1))
        final_info = {
            "criteria": np.where(ended[:, None], outcome.criteria, 0.0),
            "_criteria": ended.copy(),
            "state": np.where(shown, states, np.float32(0.0)),
            "_state": ended.copy(),
        }
        return {
            "final_obs": final_obs,
            "_final_obs": ended.copy(),
            "final_info": final_info,
            "_final_info": ended.copy(),
        }
