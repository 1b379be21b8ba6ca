"""A Gymnasium wrapper that puts a learned reward in the environment's place."""

from typing import SupportsFloat, TypeVar

import gymnasium as gym
import numpy as np

from prefgym.feedback.encoding import Batch, encoded_size
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel

ObsType = TypeVar("ObsType")
ActType = TypeVar("ActType")


def check_spaces(
    inputs: RewardInputs,
    observation_space: gym.Space[object],
    action_space: gym.Space[object],
) -> None:
    """Refuse an environment whose spaces are not those the reward model was made for."""
    pairs = (
        ("observation", inputs.observation_space, observation_space),
        ("action", inputs.action_space, action_space),
    )
    for name, expected, got in pairs:
        if encoded_size(expected) != encoded_size(got) or type(expected) is not type(got):
            raise ValueError(f"reward model expects the {name} space {expected}, got {got}")


class LearnedReward(gym.Wrapper[ObsType, ActType, ObsType, ActType]):
    """Replaces the reward by a reward model's; the environment's own goes to `gold_reward`.

    >>> env = LearnedReward(gym.make("Pendulum-v1"), reward_model)  # doctest: +SKIP
    >>> _, learned, _, _, info = env.step(env.action_space.sample())  # doctest: +SKIP
    >>> learned, info["gold_reward"]  # doctest: +SKIP
    """

    def __init__(self, env: gym.Env[ObsType, ActType], reward_model: RewardModel) -> None:
        """Wrap `env`.

        Raises:
            ValueError: if the model was made for other spaces.
        """
        super().__init__(env)
        check_spaces(reward_model.inputs, env.observation_space, env.action_space)
        self.reward_model = reward_model
        self._observation: ObsType | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[ObsType, dict[str, object]]:
        """Reset the environment and remember where it starts."""
        self._observation, info = self.env.reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, object]]:
        """Step the environment; the reward is the learned one."""
        before = self._observation
        observation, gold, terminated, truncated, info = self.env.step(action)
        reward = self.reward_model.reward(
            _batch_of_one(before),
            _batch_of_one(action),
            _batch_of_one(observation),
            np.array([terminated]),
        )
        self._observation = observation
        return observation, float(reward[0]), terminated, truncated, {**info, "gold_reward": gold}


def _batch_of_one(value: object) -> Batch:
    """The value with a leading batch axis of 1, also inside dicts and tuples."""
    if isinstance(value, dict):
        return {key: _batch_of_one(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_batch_of_one(part) for part in value)
    return np.asarray(value)[None]
