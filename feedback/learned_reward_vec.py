"""The batched twin of `LearnedReward` for Stable-Baselines3."""

import numpy as np
from gymnasium.error import ResetNeeded
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from prefgym.feedback.encoding import Batch
from prefgym.feedback.learned_reward import check_spaces
from prefgym.feedback.reward_model import RewardModel


class LearnedRewardVecEnv(VecEnvWrapper):
    """Replaces the rewards of a VecEnv; gold goes to `info["gold_reward"]`.

    The same numbers as `LearnedReward` gives each environment: the end of an episode is judged on
    its true last observation, not on the next episode's first.
    """

    def __init__(self, venv: VecEnv, reward_model: RewardModel) -> None:
        """Wrap `venv`.

        Raises:
            ValueError: if the model was made for other spaces.
        """
        super().__init__(venv)
        check_spaces(reward_model.inputs, venv.observation_space, venv.action_space)
        self.reward_model = reward_model
        self._observations: VecEnvObs | None = None
        self._actions: np.ndarray | None = None
        self._episode_return = np.zeros(venv.num_envs)

    def reset(self) -> VecEnvObs:
        """Reset every environment."""
        self._observations = self.venv.reset()
        self._episode_return[:] = 0.0
        return self._observations

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions, which the reward may depend on."""
        self._actions = actions
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Step; an episode's end also reports its learned return in `info["episode"]`.

        Raises:
            ResetNeeded: if no episode has begun.
        """
        if self._observations is None or self._actions is None:
            raise ResetNeeded("step() needs an episode: call reset() first")
        observations, gold, dones, infos = self.venv.step_wait()
        consequences = with_terminal(observations, dones, infos)
        rewards = self.reward_model.reward(self._observations, self._actions, consequences, dones)
        self._episode_return += rewards
        for info, reward in zip(infos, gold.tolist(), strict=True):
            info["gold_reward"] = reward
        for i in np.flatnonzero(dones):
            if "episode" in infos[i]:
                infos[i]["episode"]["learned"] = float(self._episode_return[i])
            self._episode_return[i] = 0.0
        self._observations = observations
        return observations, rewards, dones, infos


def with_terminal(
    observations: VecEnvObs, dones: np.ndarray, infos: list[dict[str, object]]
) -> Batch:
    """The observations that steps led to: `terminal_observation` where an episode ended."""
    ended = np.flatnonzero(dones)
    if not len(ended):
        return observations
    terminal = [infos[i]["terminal_observation"] for i in ended]
    if isinstance(observations, dict):
        merged = {key: value.copy() for key, value in observations.items()}
        for i, last in zip(ended, terminal, strict=True):
            assert isinstance(last, dict)
            for key, value in last.items():
                merged[key][i] = value
        return merged
    if isinstance(observations, tuple):
        parts = tuple(part.copy() for part in observations)
        for i, last in zip(ended, terminal, strict=True):
            assert isinstance(last, tuple)
            for part, value in zip(parts, last, strict=True):
                part[i] = value
        return parts
    replaced = observations.copy()
    replaced[ended] = np.stack([np.asarray(last) for last in terminal])
    return replaced
