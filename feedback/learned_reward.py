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
    """Refuse an environment whose spaces are not those the reward model was made for.

    Raises:
        ValueError: if a space is of another kind or size.
    """
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
        self._observation: Batch | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[ObsType, dict[str, object]]:
        """Reset the environment and remember where it starts."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._observation = _batch_of_one(observation)
        return observation, info

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, object]]:
        """Step the environment; the reward is the learned one.

        Raises:
            ResetNeeded: if no episode has begun.
        """
        if self._observation is None:
            raise gym.error.ResetNeeded("step() needs an episode: call reset() first")
        taken = _batch_of_one(action)
        observation, gold, terminated, truncated, info = self.env.step(action)
        after = _batch_of_one(observation)
        reward = self.reward_model.reward(self._observation, taken, after, np.array([terminated]))
        self._observation = after
        return observation, float(reward[0]), terminated, truncated, {**info, "gold_reward": gold}


def _batch_of_one(value: object) -> Batch:
    """A copy with a leading batch axis of 1, also inside dicts and tuples.

    A copy, because some environments go on writing into the arrays that they gave out.
    """
    if isinstance(value, dict):
        return {key: _batch_of_one(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_batch_of_one(part) for part in value)
    return np.array(value)[None]
