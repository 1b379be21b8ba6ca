"""Stable-Baselines3 PPO: built from a configuration, saved and restored without pickle."""

import json

import numpy as np
import torch
from gymnasium import spaces
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from prefgym.agents.config import PPOConfig
from prefgym.agents.shared_scorer import SharedScorerPolicy


def build_ppo(
    config: PPOConfig,
    venv: VecEnv,
    candidates: tuple[int, int] | None = None,
    *,
    seed: int,
) -> PPO:
    """A fresh PPO on `venv`; observations are normalised inside if the configuration says so.

    Args:
        config: settings.
        venv: what to act in.
        candidates: how many candidates an observation begins with, and their columns.
        seed: decides initial weights and actions.

    Raises:
        ValueError: if a shared scorer is wanted where there are no candidates.
    """
    if config.normalise_observations:
        venv = VecNormalize(venv, norm_reward=False, gamma=config.gamma)
    policy, networks = _policy(config, venv, candidates)
    model = PPO(
        policy,
        venv,
        n_steps=config.num_steps,
        batch_size=config.batch_size,
        n_epochs=config.num_epochs,
        learning_rate=lambda left: learning_rate(config, float(left)),
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip_range,
        ent_coef=config.entropy,
        policy_kwargs={
            **networks,
            # SB3's own epsilon; the fused form of Adam makes small updates a tenth faster
            "optimizer_kwargs": {"eps": 1e-5, "fused": True},
        },
        seed=seed,
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    return model


def _policy(
    config: PPOConfig, venv: VecEnv, candidates: tuple[int, int] | None
) -> tuple[str | type[SharedScorerPolicy], dict[str, object]]:
    """The policy's class or SB3 name, and what decides its networks."""
    if config.policy == "shared-scorer":
        if candidates is None:
            raise ValueError(
                "policy 'shared-scorer' needs an environment whose observations begin with "
                "candidates; use policy 'mlp'"
            )
        return SharedScorerPolicy, {"candidates": candidates, "hidden": config.hidden[0]}
    dict_observations = isinstance(venv.observation_space, spaces.Dict)
    name = "MultiInputPolicy" if dict_observations else "MlpPolicy"
    return name, {"net_arch": list(config.hidden)}


def learning_rate(config: PPOConfig, left: float) -> float:
    """The learning rate when the share `left` of the run is still to come."""
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * left)


def raise_exploration(model: PPO, floor: float | None) -> None:
    """Raise the policy's log standard deviation to `floor` where it has one and it is lower."""
    log_std = getattr(model.policy, "log_std", None)
    if floor is not None and isinstance(log_std, torch.nn.Parameter):
        with torch.no_grad():
            log_std.clamp_(min=floor)


def mean_log_std(model: PPO) -> float | None:
    """Mean log standard deviation of a continuous policy; None for a discrete one."""
    log_std = getattr(model.policy, "log_std", None)
    return float(log_std.detach().mean()) if isinstance(log_std, torch.nn.Parameter) else None


def ppo_to_bytes(model: PPO) -> bytes:
    """Policy, optimiser and observation statistics as one safetensors document."""
    tensors = {f"policy.{name}": value for name, value in model.policy.state_dict().items()}
    for index, state in model.policy.optimizer.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
    normaliser = model.get_vec_normalize_env()
    if normaliser is not None:
        rms = normaliser.obs_rms
        statistics = rms.items() if isinstance(rms, dict) else [("", rms)]
        for key, value in statistics:
            tensors[f"normaliser.{key}.mean"] = torch.from_numpy(np.array(value.mean))
            tensors[f"normaliser.{key}.var"] = torch.from_numpy(np.array(value.var))
            tensors[f"normaliser.{key}.count"] = torch.tensor(value.count, dtype=torch.float64)
    counters = {"num_timesteps": model.num_timesteps, "updates": model._n_updates}
    # one metadata entry: safetensors writes several in an order that differs from run to run
    metadata = {"prefgym": json.dumps(counters)}
    return save_tensors({k: v.contiguous() for k, v in tensors.items()}, metadata=metadata)


def restore_ppo(model: PPO, document: bytes) -> None:
    """Put the state of `ppo_to_bytes` into a PPO of the same configuration."""
    tensors = load_tensors(document)
    policy = {k[7:]: v for k, v in tensors.items() if k.startswith("policy.")}
    model.policy.load_state_dict(policy)
    optimiser = model.policy.optimizer.state_dict()
    optimiser["state"] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, field = name.split(".")
            optimiser["state"].setdefault(int(index), {})[field] = value
    model.policy.optimizer.load_state_dict(optimiser)
    normaliser = model.get_vec_normalize_env()
    if normaliser is not None:
        rms = normaliser.obs_rms
        for key, statistics in rms.items() if isinstance(rms, dict) else [("", rms)]:
            statistics.mean = tensors[f"normaliser.{key}.mean"].numpy()
            statistics.var = tensors[f"normaliser.{key}.var"].numpy()
            statistics.count = float(tensors[f"normaliser.{key}.count"])
    header = document[8 : 8 + int.from_bytes(document[:8], "little")]
    counters = json.loads(json.loads(header)["__metadata__"]["prefgym"])
    model.num_timesteps, model._n_updates = counters["num_timesteps"], counters["updates"]
