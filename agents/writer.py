"""Reward models of texts, and writers trained against a given one, outside the loop of rounds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64, Int64
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from prefgym.agents.config import EnvValue, PPOConfig
from prefgym.agents.kl_penalty import KLPenalty, clone_behaviour
from prefgym.agents.ppo import build_ppo
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.envs.text_summary import REWARD_INPUTS
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv
from prefgym.feedback.reward_inputs import InputConfig
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments, concatenate
from prefgym.feedback.written import finished_segments, written_segments
from prefgym.simulations.attacks import NEGATIVES, Attack, attacked
from prefgym.simulations.playback import play
from prefgym.simulations.reading import Reading
from prefgym.simulations.summarizers import Value

ENV_ID = "prefgym/TextSummary-v0"
PENALTIES = (1.0, 10.0, 100.0, 300.0)
NUM_MEMBERS = 5

Watch = Callable[[PPO, ActorCriticPolicy], None]
"""Shown a writer in training, and the frozen policy that it started from."""


def text_reward(
    heads: Sequence[str], *, names: Sequence[str] = REWARD_INPUTS, pessimism: float = 0.0
) -> RewardModelConfig:
    """A reward model that reads what a finished text looks like; its worth is the heads' mean."""
    inputs = InputConfig(state=False, action=False, next_state=True, names=tuple(names))
    return RewardModelConfig(
        inputs=inputs,
        form="potential",
        heads=tuple(heads),
        num_members=NUM_MEMBERS,
        pessimism=pessimism,
    )


def fit_texts(
    segments: Segments, feedback: Sequence[Feedback], config: RewardModelConfig, *, seed: int
) -> RewardModel:
    """A linear reward model of texts, its penalty chosen by cross-validation."""
    info = describe(ENV_ID, {})
    inputs = info.reward_inputs(config.inputs)
    model, _ = fit(
        None,
        segments,
        feedback,
        model_config=config,
        inputs=inputs,
        config=FitConfig(family="linear", l2=PENALTIES, num_folds=3),
        generator=torch.Generator().manual_seed(seed),
    )
    return model


def add_negatives(
    segments: Segments,
    own: Int64[np.ndarray, " text"],
    texts: Sequence[str],
    language: str,
    *,
    budget: int,
    rng: np.random.Generator,
    others: Sequence[str] | None = None,
    attacks: Mapping[str, Attack] = NEGATIVES,
) -> tuple[Segments, Comparison]:
    """Every source's made-up bad texts, each beaten by a text of the same source that was judged.

    As comparisons and not as lowest ratings: once a bad text is far below, it pulls no further.

    Args:
        segments: the judged texts.
        own: which source each of them is of.
        texts: the sources.
        language: of all of them.
        budget: sentences that a summary is meant to have.
        rng: decides the bad texts and which text beats each.
        others: a text about each source, for bad texts that borrow; None: the source itself.
        attacks: what makes the bad texts, each one of every source.

    Returns:
        The judged texts and the bad ones, and the comparisons.
    """
    bad = [
        pair
        for attack in attacks.values()
        for pair in attacked(attack, texts, language, rng, others=others)
    ]
    judged = [np.flatnonzero(own == number) for number in range(len(texts))]
    source = np.tile(np.arange(len(texts)), len(attacks))
    usable = np.array([len(judged[number]) > 0 for number in source])
    better = np.array([rng.choice(judged[number]) for number in source[usable]])
    worse = len(segments) + np.arange(usable.sum())
    chosen = [pair for pair, keep in zip(bad, usable, strict=True) if keep]
    everything = concatenate([segments, written_segments(chosen, budget=budget)])
    return everything, Comparison(better, worse, np.ones(len(chosen)))


def utility(model: RewardModel, segments: Segments) -> Float64[np.ndarray, " text"]:
    """What a reward model holds each text worth, on average over its members."""
    worth: np.ndarray = model.utility(model.returns(segments).mean(dim=0)).numpy()
    return worth.astype(np.float64)


def value_by(model: RewardModel, reading: Reading) -> Value:
    """The worth of texts of a reading, for those who search for the best one."""
    return lambda numbers, picks: utility(
        model, finished_segments(play(reading, numbers, picks).observations)
    )


def train_writer(
    env_kwargs: Mapping[str, EnvValue],
    model: RewardModel,
    config: PPOConfig,
    *,
    steps: int,
    seed: int,
    parts: int = 1,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    watch: Watch = lambda ppo, frozen: None,
) -> PPO:
    """PPO against a reward model that stays as it is.

    Args:
        env_kwargs: keywords of the text environment.
        model: the reward.
        config: settings; `kl_penalty` None counts as 0.
        steps: environment steps.
        seed: decides everything.
        parts: how often `watch` looks on the way.
        start: observations and actions to clone before anything else.
        watch: shown the writer before the first part and after each.
    """
    info = describe(ENV_ID, env_kwargs)
    config = replace(config, kl_penalty=config.kl_penalty or 0.0)
    venv = LearnedRewardVecEnv(make_vec_env(ENV_ID, env_kwargs, config.num_envs), model)
    ppo = build_ppo(config, venv, info.candidates, seed=seed)
    if start is not None:
        generator = torch.Generator().manual_seed(seed)
        clone_behaviour(ppo, *start, num_epochs=100, batch_size=32, generator=generator)
    assert config.kl_penalty is not None
    penalty = KLPenalty(ppo.policy, config.kl_penalty)
    watch(ppo, penalty.start)
    for _ in range(parts):
        ppo.learn(steps // parts, callback=penalty, reset_num_timesteps=False)
        watch(ppo, penalty.start)
    venv.close()
    return ppo
