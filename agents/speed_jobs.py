"""The pieces of work that `prefgym benchmark speed` times."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from prefgym.agents.config import PPOConfig
from prefgym.agents.policies import sample_actions
from prefgym.agents.ppo import build_ppo
from prefgym.agents.presets import preset
from prefgym.agents.vec_env import describe, make_vec_env
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import FitConfig, FitReport, fit
from prefgym.feedback.learned_reward_vec import LearnedRewardVecEnv
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig, new_reward_model
from prefgym.feedback.reward_nets import Family
from prefgym.feedback.segment import Segments

ENV_ID = "prefgym/Driving-v0"
TEXT_ID = "prefgym/TextSummary-v0"
HIGHWAY_PPO = PPOConfig(
    num_envs=16,
    num_steps=48,
    batch_size=64,
    num_epochs=10,
    learning_rate=5e-4,
    gamma=0.8,
    hidden=(256, 256),
)
"""highway-env's `scripts/sb3_highway_ppo.py`, whose rollout is 768 steps over all worlds."""

Job = Callable[[], int]
"""Works once and returns how much it got done."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How much of something gets done per second, once per turn.

    `cpu_rates` count seconds of the process's own CPU time, `wall_rates` those of the clock.
    """

    name: str
    unit: str
    cpu_rates: tuple[float, ...]
    wall_rates: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Median amount per CPU second."""
        return median(self.cpu_rates)


def take_turns(jobs: Mapping[str, Job], unit: str, num_turns: int) -> dict[str, Speed]:
    """Speeds of jobs that alternate, A B A B, so that a busy machine slows all of them alike.

    A first turn of each, in which kernels compile and memory is first touched, is not counted.
    """
    for job in jobs.values():
        job()
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(num_turns):
        for name, job in jobs.items():
            cpu, wall = time.process_time(), time.perf_counter()
            amount = job()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            rates[name].append((amount / cpu, amount / wall))
    return {
        name: Speed(name, unit, *zip(*turns, strict=True))  # the two columns
        for name, turns in rates.items()
    }


def merged(parts: Sequence[Speed]) -> Speed:
    """One speed of all the turns in `parts`, which were taken at different times."""
    return Speed(
        parts[0].name,
        parts[0].unit,
        tuple(rate for part in parts for rate in part.cpu_rates),
        tuple(rate for part in parts for rate in part.wall_rates),
    )


def one_world(num_decisions: int, env_id: str = ENV_ID, *, rng: np.random.Generator) -> Job:
    """Random actions drawn beforehand, through `gymnasium.make`, resets included."""
    env = gym.make(env_id)
    env.reset(seed=0)
    actions = sample_actions(env.action_space, num_decisions, rng=rng)

    def play() -> int:
        env.reset()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return play


def many_worlds(
    num_worlds: int, num_steps: int, env_id: str = ENV_ID, *, rng: np.random.Generator
) -> Job:
    """The same in the vector form, whose worlds reset themselves."""
    env = gym.make_vec(env_id, num_envs=num_worlds, vectorization_mode="vector_entry_point")
    actions = sample_actions(env.single_action_space, num_steps * num_worlds, rng=rng)
    actions = actions.reshape(num_steps, num_worlds, *actions.shape[1:])

    def play() -> int:
        env.reset(seed=0)
        for action in actions:
            env.step(action)
        return num_steps * num_worlds

    return play


def ppo_loop(config: PPOConfig, num_steps: int, reward_model: RewardModel | None = None) -> Job:
    """Rollouts and updates of PPO on driving; None: on the gold reward, with no wrapper.

    Args:
        num_steps: least number of steps in a turn, over all worlds; whole rollouts are played.
    """
    venv = make_vec_env(ENV_ID, {}, config.num_envs)
    if reward_model is not None:
        venv = LearnedRewardVecEnv(venv, reward_model)
    ppo = build_ppo(config, venv, seed=0)
    total = -(-num_steps // config.rollout) * config.rollout

    def turn() -> int:
        ppo.learn(total, reset_num_timesteps=False)
        return total

    return turn


def driving_reward_model(family: Family) -> RewardModel:
    """A reward model of the shipped shape with its initial weights, which cost what fitted do."""
    config, info = preset(ENV_ID), describe(ENV_ID, {})
    inputs = info.reward_inputs(config.reward_model.inputs)
    generator = torch.Generator().manual_seed(0)
    model = new_reward_model(config.reward_model, inputs, family, generator=generator)
    model.informed.fill_(True)  # an uninformed one answers without computing
    return model


class Comparisons(NamedTuple):
    """Segments and answers to fit, with the model that is to learn them."""

    segments: Segments
    answers: Comparison
    inputs: RewardInputs
    model_config: RewardModelConfig
    fit_config: FitConfig


def random_comparisons(
    num_answers: int, length: int, num_inputs: int, *, rng: np.random.Generator
) -> Comparisons:
    """Pairs of random segments, each used once, answered by a reward linear in the observation.

    They are fitted by the MLP family alone, in one pass over the answers, 32 pairs at a time.
    """
    shape = (2 * num_answers, length)
    observations = rng.standard_normal((*shape, num_inputs), dtype=np.float32)
    returns = (observations @ rng.standard_normal(num_inputs)).sum(axis=1)
    segments = Segments(
        observations=observations,
        actions=np.zeros((*shape, 1), np.float32),
        next_observations=observations,
        mask=np.ones(shape, bool),
        criteria=np.zeros((*shape, 1)),
    )
    first, second = np.arange(2 * num_answers).reshape(2, -1)
    answers = Comparison(first, second, (returns[first] > returns[second]).astype(np.float64))
    observation_space = spaces.Box(-np.inf, np.inf, (num_inputs,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    reads = InputConfig(action=False)
    batch_size = min(32, num_answers)
    return Comparisons(
        segments,
        answers,
        RewardInputs(reads, observation_space, action_space),
        RewardModelConfig(inputs=reads),
        FitConfig(family="mlp", batch_size=batch_size, steps_first=num_answers // batch_size),
    )


def pair_visits(task: Comparisons) -> int:
    """How often a pair is shown to a member while fitting."""
    config = task.fit_config
    return config.steps_first * config.batch_size * task.model_config.num_members


def fit_once(task: Comparisons) -> FitReport:
    """The library's fit, standardising, scaling and measuring of agreement included."""
    _, report = fit(
        None,
        task.segments,
        [task.answers],
        model_config=task.model_config,
        inputs=task.inputs,
        config=task.fit_config,
        generator=torch.Generator().manual_seed(0),
    )
    return report


def bare_fit(task: Comparisons) -> float:
    """The gradient steps alone, as one would write them by hand; returns the last loss per member.

    Same networks, batches and Adam; what `fit` does before and after them is left out.
    """
    generator = torch.Generator().manual_seed(0)
    pairs = torch.from_numpy(task.segments.observations)
    pairs = pairs.view(2, len(task.answers), *pairs.shape[1:])
    preference = torch.from_numpy(task.answers.preference).float()
    layers = _layers(pairs.shape[-1], task.model_config, generator)
    parameters = [part for layer in layers for part in layer]
    optimiser = torch.optim.Adam(parameters, lr=task.fit_config.learning_rate, foreach=True)
    order = torch.randperm(len(preference), generator=generator)
    for chosen in order.split(task.fit_config.batch_size)[: task.fit_config.steps_first]:
        shown = pairs[:, chosen]
        hidden = shown.reshape(1, -1, shown.shape[-1])
        hidden = hidden.expand(task.model_config.num_members, *hidden.shape[1:])
        for weight, bias in layers[:-1]:
            hidden = torch.relu(torch.baddbmm(bias, hidden, weight))
        reward = torch.tanh(torch.baddbmm(layers[-1][1], hidden, layers[-1][0]))
        first, second = (reward.view(-1, *shown.shape[:3]).sum(3) / shown.shape[2] ** 0.5).unbind(1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            first - second, preference[chosen].expand_as(first), reduction="sum"
        ) / len(chosen)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach()) / task.model_config.num_members


def _layers(
    num_inputs: int, config: RewardModelConfig, generator: torch.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Weights within 1/sqrt(fan in) and zero biases, a leading axis for the members."""
    layers = []
    for fan_in, fan_out in pairwise((num_inputs, *config.hidden, 1)):
        weight = torch.empty(config.num_members, fan_in, fan_out)
        weight.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)
        bias = torch.zeros(config.num_members, 1, fan_out)
        layers.append((weight.requires_grad_(), bias.requires_grad_()))
    return layers
