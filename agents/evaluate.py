"""Gold return and criteria of any policy, over whole episodes from held-out seeds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prefgym.agents.config import EnvValue
from prefgym.agents.policies import Policy
from prefgym.agents.vec_env import EnvInfo, make_vec_env

EVALUATION_SEED = 1_000_000_007  # never a training seed: the same start states for every policy


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Undiscounted gold returns of whole episodes, and mean criteria per step."""

    returns: np.ndarray
    criteria: np.ndarray
    lengths: np.ndarray
    seconds: float

    @property
    def mean(self) -> float:
        """Mean gold return of an episode."""
        return float(self.returns.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of `mean`."""
        return float(self.returns.std(ddof=1) / np.sqrt(len(self.returns)))

    def row(
        self,
        name: str,
        info: EnvInfo,
        *,
        labels: int | None = None,
        steps: int | None = None,
        seconds: float | None = None,
    ) -> dict[str, object]:
        """The evaluation as a line of a run's metrics."""
        return {
            "kind": "evaluation",
            "name": name,
            "gold_return": self.mean,
            "gold_return_se": self.standard_error,
            "criteria": dict(zip(info.criteria, self.criteria.tolist(), strict=True)),
            "labels": labels,
            "steps": steps,
            "seconds": seconds,
            "episodes": len(self.returns),
        }


def evaluate(
    policy: Policy,
    env_id: str,
    env_kwargs: Mapping[str, EnvValue],
    info: EnvInfo,
    *,
    num_episodes: int = 64,
    num_envs: int = 16,
    seed: int = EVALUATION_SEED,
) -> Evaluation:
    """Play `num_episodes` whole episodes, the same number in every environment.

    Counting episodes per environment keeps short episodes from being counted more often.
    """
    num_envs = min(num_envs, num_episodes)
    quota = -(-num_episodes // num_envs)
    venv = make_vec_env(env_id, env_kwargs, num_envs)
    venv.seed(seed)
    observations = venv.reset()
    done_count = np.zeros(num_envs, np.int64)
    episode_return = np.zeros(num_envs)
    episode_length = np.zeros(num_envs, np.int64)
    returns, lengths = [], []
    criteria, steps = np.zeros(len(info.criteria)), 0
    begin = time.perf_counter()
    while (done_count < quota).any():
        observations, rewards, dones, infos = venv.step(policy(observations))
        active = done_count < quota
        gold = (
            np.stack([step["criteria"] for step in infos])
            if "criteria" in infos[0]
            else np.asarray(rewards, np.float64)[:, None]
        )
        criteria += gold[active].sum(axis=0)
        steps += int(active.sum())
        episode_return += gold @ info.weights
        episode_length += 1
        ended = np.flatnonzero(dones & active)
        returns += episode_return[ended].tolist()
        lengths += episode_length[ended].tolist()
        done_count[ended] += 1
        episode_return[dones] = 0.0
        episode_length[dones] = 0
    venv.close()
    seconds = time.perf_counter() - begin
    return Evaluation(np.array(returns), criteria / steps, np.array(lengths), seconds)
