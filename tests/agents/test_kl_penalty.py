from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from prefgym.agents.kl_penalty import KLPenalty, clone_behaviour
from prefgym.agents.policies import trained_policy
from prefgym.agents.ppo import build_ppo
from prefgym.agents.presets import preset
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.simulations.source import MAX_UNITS
from prefgym.simulations.text_observation import UNIT_SIZE
from prefgym.simulations.text_table import CLOSENESS

ENV_ID = "prefgym/TextSummary-v0"


def build(seed: int = 0) -> PPO:
    venv = make_vec_env(ENV_ID, {}, 8)
    config = replace(preset(ENV_ID).ppo, batch_size=64)
    return build_ppo(config, venv, describe(ENV_ID, {}).candidates, seed=seed)


def test_at_the_start_nothing_is_taken() -> None:
    model = build()
    penalty = KLPenalty(model.policy, 5.0)
    model.learn(8 * 32, callback=penalty)
    assert penalty.divergence == pytest.approx(0.0, abs=1e-6)


def test_a_dear_change_keeps_the_policy_where_it_was() -> None:
    def divergence(coefficient: float) -> float:
        model = build()
        penalty = KLPenalty(model.policy, coefficient)
        model.learn(8 * 32 * 6, callback=penalty)
        return penalty.divergence

    free, dear = divergence(0.0), divergence(10.0)
    assert free > 0.02
    assert dear < free / 3


def test_the_penalty_is_what_is_missing_from_the_rewards() -> None:
    penalty = KLPenalty(build(seed=1).policy, 0.5)
    plain = build()
    plain.learn(8 * 32)
    charged = build()
    charged.learn(8 * 32, callback=penalty)
    assert (plain.rollout_buffer.actions == charged.rollout_buffer.actions).all()
    missing = plain.rollout_buffer.rewards - charged.rollout_buffer.rewards
    assert missing.mean() == pytest.approx(0.5 * penalty.divergence, rel=1e-4)


def test_what_was_shown_is_done_elsewhere_too() -> None:
    """The unit closest to a sentence of the source is picked, and then of others."""
    model = build()

    def sights(split: str) -> tuple[np.ndarray, np.ndarray]:
        venv = make_vec_env(ENV_ID, {"split": split}, 64)
        venv.seed(0)
        observations = venv.reset()
        assert isinstance(observations, np.ndarray)
        units = observations[:, : MAX_UNITS * UNIT_SIZE].reshape(64, MAX_UNITS, UNIT_SIZE)
        return observations, units[:, :, CLOSENESS].argmax(axis=1)

    shown, closest = sights("train")
    generator = torch.Generator().manual_seed(0)
    losses = clone_behaviour(model, shown, closest, num_epochs=200, generator=generator)
    assert losses[-1] < losses[0] / 2
    elsewhere, closest = sights("test")
    assert (trained_policy(model)(elsewhere) == closest).mean() > 0.6
    penalty = KLPenalty(model.policy, 1.0)  # a clone can be what one stays near to
    model.learn(8 * 32, callback=penalty)
    assert penalty.divergence == pytest.approx(0.0, abs=1e-6)


def test_wrong_arguments_are_refused() -> None:
    model = build()
    with pytest.raises(ValueError, match="must be >= 0, got -1"):
        KLPenalty(model.policy, -1.0)
    with pytest.raises(ValueError, match="2 observations and 1 actions"):
        clone_behaviour(
            model, np.zeros((2, 382), np.float32), np.zeros(1), generator=torch.Generator()
        )
