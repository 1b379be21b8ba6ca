"""A VecEnv wrapper that remembers the latest steps, with gold criteria and render states."""

from collections import deque

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from prefgym.agents.policies import Policy
from prefgym.feedback.encoding import encode
from prefgym.feedback.learned_reward_vec import with_terminal
from prefgym.feedback.trajectory import Trajectories, from_rollout

Step = tuple[np.ndarray, ...]


class Recorder(VecEnvWrapper):
    """Keeps the last `capacity` steps of every environment, from below any learned reward."""

    def __init__(self, venv: VecEnv, capacity: int) -> None:
        super().__init__(venv)
        self._steps: deque[Step] = deque(maxlen=capacity)
        self._num_steps = 0
        self._before: np.ndarray | None = None
        self._actions: np.ndarray | None = None

    def reset(self) -> VecEnvObs:
        """Reset the environments and forget what was recorded."""
        observations = self.venv.reset()
        self._before = encode(self.observation_space, observations)
        self._steps.clear()
        self._num_steps = 0
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions."""
        self._actions = encode(self.action_space, actions, name="action")
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Step and record.

        Raises:
            ValueError: if an observation or a reward is NaN or infinite.
        """
        observations, rewards, dones, infos = self.venv.step_wait()
        if not np.isfinite(rewards).all():
            raise ValueError(f"the environment's rewards must be finite, got {rewards}")
        after = encode(self.observation_space, with_terminal(observations, dones, infos))
        truncated = np.zeros(len(dones), bool)
        for i in np.flatnonzero(dones):
            truncated[i] = infos[i].get("TimeLimit.truncated", False)
        if "criteria" in infos[0]:
            criteria = np.stack([info["criteria"] for info in infos])
        else:
            criteria = np.asarray(rewards, np.float64)[:, None]
        assert self._before is not None
        assert self._actions is not None
        states = [np.stack([info["state"] for info in infos])] if "state" in infos[0] else []
        ends = (dones & ~truncated, truncated)
        self._num_steps += 1
        self._steps.append((self._before, self._actions, after, criteria, *ends, *states))
        self._before = after
        if dones.any():
            self._before = encode(self.observation_space, observations)
        return observations, rewards, dones, infos

    def record(self, policy: Policy, num_steps: int, *, seed: int) -> Trajectories:
        """What a policy does in so many steps of every environment, from a seeded reset."""
        self.seed(seed)
        observations = self.reset()
        for _ in range(num_steps):
            observations, _, _, _ = self.step(policy(observations))
        return self.trajectories()

    def trajectories(self) -> Trajectories:
        """What was recorded since the last reset, at most `capacity` steps of each environment."""
        columns = [np.stack(column) for column in zip(*self._steps, strict=True)]
        return from_rollout(*columns, from_reset=self._num_steps == len(self._steps))

    def mean_criteria(self, num_steps: int) -> np.ndarray:
        """Mean gold criteria per step over the last `num_steps` steps, shape (criterion,)."""
        latest = list(self._steps)[-num_steps:]
        return np.asarray(np.mean([step[3] for step in latest], axis=(0, 1)))
