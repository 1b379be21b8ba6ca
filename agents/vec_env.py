"""Environments for Stable-Baselines3: batched where the environment has a native vector form."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

import prefgym.envs as own_envs
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs

EnvKwargs = Mapping[str, Any]  # of EnvValue; `gymnasium.make` types its own keywords


@dataclass(frozen=True, slots=True)
class EnvInfo:
    """What the loop has to know of an environment; any other than ours has one gold criterion.

    `candidates`: how many things there are to choose from and how many columns describe each,
    where an observation begins with such columns.
    """

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    observation_names: tuple[str, ...]
    criteria: tuple[str, ...]
    weights: np.ndarray
    max_episode_steps: int | None
    own_criteria: bool
    candidates: tuple[int, int] | None

    def reward_inputs(self, config: InputConfig) -> RewardInputs:
        """The rows that a reward model of this environment reads."""
        return RewardInputs(
            config, self.observation_space, self.action_space, self.observation_names
        )


def make_single(
    env_id: str, kwargs: EnvKwargs, *, render_mode: str | None = None
) -> gym.Env[Any, Any]:
    """One environment through `gymnasium.make`.

    Raises:
        ValueError: if the id is unknown (with the closest known ids) or a keyword is not accepted.
    """
    own_envs.register()
    if env_id not in gym.registry:
        close = difflib.get_close_matches(env_id, gym.registry, n=3) or sorted(
            name for name in gym.registry if name.startswith("prefgym/")
        )
        raise ValueError(f"unknown environment {env_id!r}; did you mean {', '.join(close)}?")
    try:
        if render_mode is None:  # an environment need not know the keyword
            return gym.make(env_id, **kwargs)
        return gym.make(env_id, render_mode=render_mode, **kwargs)
    except TypeError as error:
        raise ValueError(f"{env_id} does not accept {dict(kwargs)}: {error}") from error


def describe(env_id: str, kwargs: EnvKwargs) -> EnvInfo:
    """Spaces, names and gold criteria of an environment."""
    env = make_single(env_id, kwargs)
    bare = env.unwrapped
    info = EnvInfo(
        observation_space=env.observation_space,
        action_space=env.action_space,
        observation_names=tuple(getattr(bare, "observation_names", ())),
        criteria=tuple(getattr(bare, "criteria", ("reward",))),
        weights=np.asarray(getattr(bare, "weights", (1.0,)), np.float64),
        max_episode_steps=env.spec.max_episode_steps if env.spec else None,
        own_criteria=hasattr(bare, "criteria"),
        candidates=getattr(bare, "candidates", None),
    )
    env.close()
    return info


def make_vec_env(env_id: str, kwargs: EnvKwargs, num_envs: int) -> VecEnv:
    """A VecEnv whose infos carry `criteria` where the environment knows them, and `episode`."""
    make_single(env_id, kwargs).close()
    spec = gym.spec(env_id)
    if env_id.startswith("prefgym/") and spec.vector_entry_point is not None:
        vector = gym.make_vec(
            env_id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            **kwargs,
        )
        return BatchedVecEnv(vector)
    return DummyVecEnv([lambda: Monitor(make_single(env_id, kwargs))] * num_envs)


class BatchedVecEnv(VecEnv):
    """A Gymnasium `VectorEnv` in same-step autoreset mode as a VecEnv, without leaving the batch.

    Traces are those of the vector environment; `info["episode"]` holds return and length as
    SB3's Monitor gives them.
    """

    def __init__(self, vector: VectorEnv[Any, Any, Any]) -> None:
        """Adapt `vector`.

        Raises:
            ValueError: if it resets at the next step instead of the same one.
        """
        mode = vector.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(f"vector environment must use autoreset_mode SAME_STEP, got {mode}")
        self.vector = vector
        super().__init__(
            vector.num_envs, vector.single_observation_space, vector.single_action_space
        )
        self._episode_return = np.zeros(vector.num_envs)
        self._episode_length = np.zeros(vector.num_envs, np.int64)
        self._actions: np.ndarray | None = None

    def reset(self) -> VecEnvObs:
        """Reset every environment, with the seed given by `seed` if any."""
        observations, _ = self.vector.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._episode_return[:] = 0.0
        self._episode_length[:] = 0
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step every environment."""
        observations, rewards, terminated, truncated, batch = self.vector.step(self._actions)
        dones = terminated | truncated
        self._episode_return += rewards
        self._episode_length += 1
        names = [name for name in ("criteria", "state") if name in batch]
        infos: list[dict[str, Any]] = [
            dict(zip(names, values, strict=True))
            for values in zip(*(batch[name] for name in names), strict=True)
        ] or [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            final = batch.get("final_info", {})
            infos[i] = {name: final[name][i] for name in names if name in final}
            infos[i]["terminal_observation"] = batch["final_obs"][i]
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            infos[i]["episode"] = {
                "r": float(self._episode_return[i]),
                "l": int(self._episode_length[i]),
                "t": 0.0,
            }
        self._episode_return[dones] = 0.0
        self._episode_length[dones] = 0
        return observations, np.asarray(rewards, np.float32), dones, infos

    def close(self) -> None:
        """Close the vector environment."""
        self.vector.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the vector environment, once per index."""
        value = getattr(self.vector, attr_name, None)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused: the environments share one state."""
        raise ValueError(f"{attr_name} cannot be set in single environments of a batch")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment, answered once per index."""
        value = getattr(self.vector, method_name)(*method_args, **kwargs)
        return [value for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """Monitor is built in: episodes are reported."""
        return [wrapper_class is Monitor for _ in self._get_indices(indices)]
