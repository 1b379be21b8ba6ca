"""Settings per environment where some were measured, and rules for every other environment."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from gymnasium import spaces

from prefgym.agents.config import EnvValue, LoopConfig, PPOConfig, RunConfig
from prefgym.agents.vec_env import EnvInfo, describe
from prefgym.envs.driving import REWARD_INPUTS
from prefgym.envs.text_summary import MAX_STEPS
from prefgym.envs.text_summary import REWARD_INPUTS as TEXT_INPUTS
from prefgym.feedback.fit import FitConfig
from prefgym.feedback.reward_inputs import InputConfig
from prefgym.feedback.reward_model import RewardModelConfig

PPO_PRESETS: Mapping[str, PPOConfig] = {
    "Pendulum-v1": PPOConfig(gamma=0.95),
    "CartPole-v1": PPOConfig(gamma=0.98, gae_lambda=0.9),
    "Acrobot-v1": PPOConfig(num_envs=8, gae_lambda=0.94, normalise_observations=True),
    "MountainCarContinuous-v0": PPOConfig(
        gamma=0.9999, gae_lambda=0.9, learning_rate=3e-4, normalise_observations=True
    ),
    "prefgym/Driving-v0": PPOConfig(
        num_envs=32,
        num_steps=32,
        batch_size=1024,
        learning_rate=3e-3,
        gamma=0.97,
        gae_lambda=0.8,
        entropy=0.003,
        final_rate=0.2,
    ),
    "prefgym/TextSummary-v0": PPOConfig(
        num_envs=64,
        num_steps=32,
        batch_size=512,
        num_epochs=4,
        entropy=0.01,
        policy="shared-scorer",
    ),
}
"""PPO only: what a reward model reads and how it is fitted is the same for every control task."""

BASELINES: Mapping[str, tuple[str, Mapping[str, EnvValue]]] = {
    "prefgym/Driving-v0": ("IDM driver", {"driver": "idm"}),
}
"""The best simple baseline: its name, and the keywords under which the environment plays it."""


def preset(env_id: str, env_kwargs: Mapping[str, EnvValue] | None = None) -> RunConfig:
    """The settings with which `env_id` is trained unless told otherwise.

    Raises:
        ValueError: if the environment is unknown or does not accept the keywords.
    """
    kwargs = dict(env_kwargs or {})
    info = describe(env_id, kwargs)
    ppo = PPO_PRESETS.get(env_id) or ppo_by_rule(info)
    config = RunConfig(env_id=env_id, env_kwargs=kwargs, ppo=ppo, loop=loop_by_rule(info))
    own = {"prefgym/Driving-v0": _driving, "prefgym/TextSummary-v0": _text_summary}
    return own[env_id](config) if env_id in own else config


def ppo_by_rule(info: EnvInfo) -> PPOConfig:
    """PPO for an environment nobody has tuned.

    The discount's horizon 1/(1 - gamma) is a tenth of the time limit, within [20, 100] steps.
    Observations are normalised unless every column is bounded by 10 in size: one-hot columns and
    sines need no help, positions in metres do.
    """
    limit = info.max_episode_steps or 1000
    gamma = 1 - 1 / float(np.clip(limit / 10, 20, 100))
    space = info.observation_space
    bounded = not isinstance(space, spaces.Box) or bool(
        (np.abs(np.stack([space.low, space.high])) <= 10).all()
    )
    return PPOConfig(gamma=gamma, normalise_observations=not bounded)


def loop_by_rule(info: EnvInfo) -> LoopConfig:
    """Segments of 25 steps, or a quarter of an episode where that is shorter."""
    limit = info.max_episode_steps or 1000
    return LoopConfig(segment_length=int(np.clip(limit // 4, 1, 25)))


def _driving(config: RunConfig) -> RunConfig:
    """Clips of ten seconds, judged by the driver's own quantities after each step."""
    loop = LoopConfig(
        labels=200,
        steps=480_000,
        rounds=6,
        first_share=0.3,
        warmup_steps=0,
        label_fraction=0.6,
        segment_length=20,
        anchored_share=0.0,
        old_share=0.5,
        pool_steps=2 * 64 * 64,
        explore="styles",
        explore_envs=64,
        explore_steps=64 * 80,
    )
    inputs = InputConfig(state=False, action=False, next_state=True, names=REWARD_INPUTS)
    return replace(
        config,
        loop=loop,
        reward_model=RewardModelConfig(inputs=inputs, output_gain=0.2),
        fit=FitConfig(family="linear"),
    )


def _text_summary(config: RunConfig) -> RunConfig:
    """Whole texts, rated on four criteria, none of which may make up for another."""
    loop = LoopConfig(
        labels=1500,
        steps=140_000,
        rounds=5,
        first_share=0.2,
        warmup_steps=4096,
        label_fraction=0.8,
        segment_length=MAX_STEPS + 1,
        whole_episodes=True,
        feedback="rating",
        pool_steps=4096,
        explore="none",
        held_out=200,
    )
    inputs = InputConfig(state=False, action=False, next_state=True, names=TEXT_INPUTS)
    model = RewardModelConfig(
        inputs=inputs,
        form="potential",
        heads=("accuracy", "coherence", "vividness", "appeal"),
        combine="geometric",
    )
    fit = FitConfig(family="linear", num_folds=3, l2=(0.1, 1.0, 10.0, 100.0))
    ppo = config.ppo
    if config.env_kwargs.get("corpus") == "articles" and config.env_kwargs.get("text") is None:
        # no two articles are alike: a writer that settles early on what won never tries the rest
        ppo = replace(ppo, entropy=0.05)
    return replace(config, ppo=ppo, loop=loop, reward_model=model, fit=fit)
