"""PPO without any label: a policy that seeks states nobody has been in."""

import math
from dataclasses import replace

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from prefgym.agents.config import PPOConfig
from prefgym.agents.policies import trained_policy
from prefgym.agents.ppo import build_ppo
from prefgym.feedback.encoding import encode
from prefgym.feedback.learned_reward_vec import with_terminal
from prefgym.feedback.state_entropy import Novelty

MAX_ROLLOUT = 64  # steps of each environment: exploration is short, and the policy has to move on


class NoveltyVecEnv(VecEnvWrapper):
    """Replaces the rewards of a VecEnv by how new the states are that its steps lead to."""

    def __init__(self, venv: VecEnv, novelty: Novelty) -> None:
        super().__init__(venv)
        self._novelty = novelty

    def reset(self) -> VecEnvObs:
        """Reset every environment; what was met is remembered."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Step, and rate the consequences."""
        observations, _, dones, infos = self.venv.step_wait()
        states = encode(self.observation_space, with_terminal(observations, dones, infos))
        return observations, self._novelty.rate(states.astype(np.float64)), dones, infos


def seek_novelty(
    config: PPOConfig,
    venv: VecEnv,
    candidates: tuple[int, int] | None,
    num_steps: int,
    *,
    seed: int,
) -> None:
    """Act in `venv` for `num_steps` steps of each environment, learning to meet new states.

    Args:
        config: of the PPO; its rollouts are shortened.
        venv: what to act in.
        candidates: how many candidates an observation begins with, and their columns.
        num_steps: of each environment.
        seed: decides everything.
    """
    rollout = min(config.num_steps, MAX_ROLLOUT, num_steps)
    num_steps_learning = num_steps // rollout * rollout
    own = replace(
        config,
        num_envs=venv.num_envs,
        num_steps=rollout,
        batch_size=max(math.gcd(config.batch_size, rollout * venv.num_envs), 2),
    )
    novelty = Novelty(num_steps * venv.num_envs)
    model = build_ppo(own, NoveltyVecEnv(venv, novelty), candidates, seed=seed)
    model.learn(num_steps_learning * venv.num_envs)
    policy, normaliser = trained_policy(model, deterministic=False), model.get_vec_normalize_env()
    seen: object = model._last_obs if normaliser is None else normaliser.get_original_obs()
    for _ in range(num_steps - num_steps_learning):
        seen, _, _, _ = venv.step(policy(seen))
