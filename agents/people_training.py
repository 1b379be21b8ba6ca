"""What the parts that train policies share: clips to ask about, PPO on a reward, and its worth."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from prefgym.agents.agreement import Ratio, intervals
from prefgym.agents.ask import new_segments
from prefgym.agents.benchmark import Result
from prefgym.agents.benchmark_driving import EPISODES
from prefgym.agents.benchmark_driving import measure as measure_driving
from prefgym.agents.config import RunConfig
from prefgym.agents.evaluate import evaluate
from prefgym.agents.explore import explore
from prefgym.agents.people_page import number
from prefgym.agents.policies import Policy, trained_policy
from prefgym.agents.ppo import build_ppo
from prefgym.agents.presets import preset
from prefgym.agents.statistics import Interval
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments
from prefgym.simulations.drivers import PROFILES

ENV_ID = "prefgym/Driving-v0"
STEPS = 240_000


class Clips(NamedTuple):
    """Clips of diverse driving, and the settings under which people compare them."""

    segments: Segments
    inputs: RewardInputs
    config: RunConfig


def driving_clips(num_clips: int, *, seed: int, rng: np.random.Generator) -> Clips:
    """Clips of held styles of driving.

    Args:
        num_clips: how many.
        seed: of the traffic.
        rng: of the styles, and of where clips begin.
    """
    config, info = preset(ENV_ID), describe(ENV_ID, {})
    inputs = RewardInputs(
        config.reward_model.inputs,
        info.observation_space,
        info.action_space,
        info.observation_names,
    )
    pool = explore(config, seed=seed, rng=rng)
    return Clips(new_segments(pool, num_clips, config.loop, rng=rng), inputs, config)


def train_on_reward(reward_model: RewardModel, *, seed: int) -> Policy:
    """PPO on a reward that stays as it is, by the preset of driving."""
    ppo_config = preset(ENV_ID).ppo
    venv = LearnedRewardVecEnv(make_vec_env(ENV_ID, {}, ppo_config.num_envs), reward_model)
    ppo = build_ppo(ppo_config, venv, seed=seed)
    ppo.learn(STEPS // ppo_config.rollout * ppo_config.rollout)
    return trained_policy(ppo)


def driving_criteria(policy: Policy) -> Float64[np.ndarray, " criterion"]:
    """Mean gold criteria per step of a policy: what it is worth to anybody is linear in them."""
    found = evaluate(policy, ENV_ID, {}, describe(ENV_ID, {}), num_episodes=EPISODES, num_envs=64)
    return np.asarray(found.criteria, np.float64)


def baseline_criteria(method: str, *, seed: int) -> Float64[np.ndarray, " criterion"]:
    """The same of the driver "idm", or of "random" actions."""
    profile = next(iter(PROFILES))
    return np.array(
        measure_driving({"method": method, "profile": profile, "seed": seed})["criteria"]
    )


def share_of(
    rows: Sequence[Result], key: str, others: Sequence[Result], other_key: str
) -> Interval:
    """One mean over seeds as a share of another, with its 95 % bootstrap interval over seeds.

    Args:
        rows: results of one condition.
        key: of their figure.
        others: results of another, of the same seeds in the same order.
        other_key: of theirs.
    """
    part, whole = (
        np.array([[number(row, name)] for row in table])
        for table, name in ((rows, key), (others, other_key))
    )
    return intervals(Ratio(part, whole), rng=np.random.default_rng(0))[0]
