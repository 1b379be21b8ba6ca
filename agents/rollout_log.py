"""A PPO callback that turns finished rollouts into lines of a run's metrics."""

import time
from collections.abc import Callable

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from prefgym.agents.ppo import mean_log_std
from prefgym.agents.recorder import Recorder

QUIET_ROLLOUTS = 8  # without the end of an episode, after which a line is written all the same


class RolloutLog(BaseCallback):
    """Collects learned and gold returns of finished episodes, and gold criteria per step."""

    def __init__(
        self,
        ppo: PPO,
        recorder: Recorder,
        criteria: tuple[str, ...],
        round_number: int,
        first_step: int,
        begin: float,
        progress: Callable[[int], None],
    ) -> None:
        """Log one stage.

        Args:
            ppo: whose rollouts they are.
            recorder: the wrapper that sees gold criteria.
            criteria: their names.
            round_number: label rounds finished so far.
            first_step: environment steps spent that PPO does not count.
            begin: when the run began [s, `time.perf_counter`].
            progress: told the environment steps spent, after every rollout.
        """
        super().__init__()
        self.ppo = ppo
        self.recorder = recorder
        self.criteria = criteria
        self.round_number = round_number
        self.first_step = first_step
        self.begin = begin
        self.progress = progress
        self.rows: list[dict[str, object]] = []
        self.gold_returns: list[float] = []
        self._gold: list[float] = []
        self._learned: list[float] = []
        self._rollouts = 0

    def _on_step(self) -> bool:
        for i in np.flatnonzero(self.locals["dones"]):
            episode = self.locals["infos"][i]["episode"]
            self._gold.append(float(episode["r"]))
            if "learned" in episode:
                self._learned.append(float(episode["learned"]))
        return True

    def _on_rollout_end(self) -> None:
        step = self.first_step + self.num_timesteps
        self.progress(step)
        self._rollouts += 1
        if not self._gold and self._rollouts < QUIET_ROLLOUTS:
            return  # short rollouts may end no episode: one line for several
        self._write(step)

    def _on_training_end(self) -> None:
        if self._rollouts:
            self._write(self.first_step + self.num_timesteps)

    def _write(self, step: int) -> None:
        means = self.recorder.mean_criteria(self._rollouts * self.ppo.n_steps)
        self._rollouts = 0
        self.rows.append(
            {
                "kind": "rollout",
                "step": step,
                "round": self.round_number,
                "learned_return": float(np.mean(self._learned)) if self._learned else None,
                "gold_return": float(np.mean(self._gold)) if self._gold else None,
                "criteria": dict(zip(self.criteria, means.tolist(), strict=True)),
                "seconds": time.perf_counter() - self.begin,
                "log_std": mean_log_std(self.ppo),
            }
        )
        self.gold_returns += self._gold
        self._gold, self._learned = [], []
