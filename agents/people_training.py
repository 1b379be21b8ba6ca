"""What the parts that train policies share: clips to ask about, PPO on a reward, and its worth."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64

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
from prefgym.agents.ppo import build_ppo, learning_rate
from prefgym.agents.presets import preset
from prefgym.agents.recorder import Recorder
from prefgym.agents.statistics import Interval
from prefgym.agents.train import train_on_gold
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv
from prefgym.feedback.personal import PersonalPrior, fit_prior
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments, concatenate
from prefgym.simulations.drivers import PROFILES, DriverProfile

ENV_ID = "prefgym/Driving-v0"
STEPS = 480_000  # as many as a run of driving has
NUM_CLIPS, NEW_CLIPS = 600, 150
"""Clips of held styles that people compare first, and of every policy in each later round."""


class Clips(NamedTuple):
    """Clips of diverse driving, and the settings under which people compare them."""

    segments: Segments
    inputs: RewardInputs
    config: RunConfig
    begin: int = 0
    """The first of the newest clips."""

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Clips":
        """Some of these clips."""
        return self._replace(segments=self.segments.take(index))

    def with_new(self, trainees: Sequence["Trainee"], *, rng: np.random.Generator) -> "Clips":
        """These clips, and behind them `NEW_CLIPS` of what each of the policies did last."""
        new = [trainee.clips(NEW_CLIPS, rng=rng) for trainee in trainees]
        return self._replace(segments=concatenate([self.segments, *new]), begin=len(self.segments))


def driving_clips(num_clips: int, *, seed: int, rng: np.random.Generator) -> Clips:
    """Clips of held styles of driving.

    Args:
        num_clips: how many.
        seed: of the traffic.
        rng: of the styles, and of where clips begin.
    """
    config, info = preset(ENV_ID), describe(ENV_ID, {})
    inputs = info.reward_inputs(config.reward_model.inputs)
    pool = explore(config, seed=seed, rng=rng)
    return Clips(new_segments(pool, num_clips, config.loop, rng=rng), inputs, config)


def learn_pooled(clips: Clips, said: Comparison, *, generator: torch.Generator) -> RewardModel:
    """One linear reward model of all who compared the clips."""
    return fit(
        None,
        clips.segments,
        [said],
        model_config=clips.config.reward_model,
        inputs=clips.inputs,
        config=FitConfig(family="linear"),
        generator=generator,
    )[0]


def learn_prior(clips: Clips, said: Comparison, *, generator: torch.Generator) -> PersonalPrior:
    """The population of those who compared the clips."""
    return fit_prior(
        clips.segments,
        said,
        model_config=clips.config.reward_model,
        inputs=clips.inputs,
        config=PopulationConfig(),
        generator=generator,
    )


class Trainee:
    """A policy that learns to drive by one reward model after another."""

    def __init__(self, reward_model: RewardModel, *, seed: int) -> None:
        config = preset(ENV_ID)
        self._config = config.ppo
        self._loop = config.loop
        self._seed = seed
        num_envs = config.ppo.num_envs
        venv = make_vec_env(ENV_ID, {}, num_envs)
        self._recorder = Recorder(venv, config.loop.pool_steps // num_envs)
        self._learned = LearnedRewardVecEnv(self._recorder, reward_model)
        self._ppo = build_ppo(config.ppo, self._learned, seed=seed)

    @property
    def policy(self) -> Policy:
        """What it does now."""
        return trained_policy(self._ppo)

    def train(self, reward_model: RewardModel, stage: int, num_stages: int) -> None:
        """PPO for this stage's share of `STEPS`, in environments that start afresh.

        Args:
            reward_model: whose reward is earned.
            stage: from 0.
            num_stages: into which the steps are divided.
        """
        self._learned.reward_model = reward_model
        self._ppo.set_random_seed(self._seed * num_stages + stage)
        self._ppo._last_obs = None  # SB3's own sign that the environments must be reset
        left = 1 - stage / num_stages
        self._ppo.lr_schedule = lambda _: learning_rate(self._config, left)
        rollout = self._config.rollout
        steps = STEPS // num_stages // rollout * rollout
        self._ppo.learn(steps, reset_num_timesteps=False)

    def clips(self, num_clips: int, *, rng: np.random.Generator) -> Segments:
        """Clips of what it did last."""
        return new_segments(self._recorder.trajectories(), num_clips, self._loop, rng=rng)


def train_on_weights(weights: Float64[np.ndarray, " criterion"], *, seed: int) -> Policy:
    """PPO for as many steps on the true reward of a person who wants this."""
    comfort, efficiency, safety, courtesy = weights.tolist()
    person = DriverProfile("of one's own", (comfort, efficiency, safety, courtesy))
    config = preset(ENV_ID, {"profile": person})  # type: ignore[dict-item]  # no setting of a run
    return trained_policy(train_on_gold(config, steps=STEPS, seed=seed))


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
