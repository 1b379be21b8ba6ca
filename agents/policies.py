"""Behaviours that are no trained network: random, held actions, an environment's own styles."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from prefgym.envs.driving_styles import held_styles

Policy = Callable[[Any], np.ndarray]
"""Observations of a batch of environments -> an action for each."""


def sample_actions(space: gym.Space[Any], num_envs: int, *, rng: np.random.Generator) -> np.ndarray:
    """Uniform random actions; unbounded Box sides count as [-1, 1].

    Raises:
        TypeError: if the space is Dict, Tuple or another whose actions are no array.
    """
    match space:
        case spaces.Discrete():
            return rng.integers(space.start, space.start + space.n, size=num_envs)
        case spaces.MultiDiscrete():
            return space.start + rng.integers(space.nvec, size=(num_envs, *space.nvec.shape))
        case spaces.MultiBinary():
            return rng.integers(2, size=(num_envs, *space.shape))
        case spaces.Box():
            low = np.where(np.isfinite(space.low), space.low, -1.0)
            high = np.where(np.isfinite(space.high), space.high, 1.0)
            return rng.uniform(low, high, size=(num_envs, *space.shape)).astype(space.dtype)
    raise TypeError(f"actions must be Discrete, MultiDiscrete, MultiBinary or Box, got {space}")


def random_policy(space: gym.Space[Any], num_envs: int, *, rng: np.random.Generator) -> Policy:
    """A fresh uniform action at every step."""
    return lambda observations: sample_actions(space, num_envs, rng=rng)


def held_policy(space: gym.Space[Any], num_envs: int, *, rng: np.random.Generator) -> Policy:
    """Random actions that each environment holds for random times.

    Mean holding times run from 1 to 64 steps over the environments (geometric, evenly spaced
    in log), so that some behaviour is jittery and some is steady enough to get somewhere.
    """
    switch = 1.0 / np.geomspace(1, 64, num_envs)
    held = sample_actions(space, num_envs, rng=rng)

    def act(observations: Any) -> np.ndarray:
        nonlocal held
        fresh = sample_actions(space, num_envs, rng=rng)
        change = rng.random(num_envs) < switch
        held = np.where(change.reshape(-1, *[1] * (held.ndim - 1)), fresh, held)
        return held

    return act


def explorer(
    kind: str, space: gym.Space[Any], num_envs: int, *, rng: np.random.Generator
) -> Policy:
    """The behaviour that a first label round shows: "held" or "styles".

    Raises:
        ValueError: if it is neither.
    """
    if kind == "styles":
        return held_styles(num_envs, space, rng=rng)
    if kind == "held":
        return held_policy(space, num_envs, rng=rng)
    raise ValueError(f"explore must be 'held' or 'styles', got {kind!r}")


def trained_policy(model: PPO, *, deterministic: bool = True) -> Policy:
    """A PPO as a policy on raw observations, with the normalisation it was trained with."""
    normaliser: VecNormalize | None = model.get_vec_normalize_env()

    def act(observations: Any) -> np.ndarray:
        if normaliser is not None:
            observations = normaliser.normalize_obs(observations)
        return model.predict(observations, deterministic=deterministic)[0]

    return act
