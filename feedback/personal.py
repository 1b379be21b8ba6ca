"""Reward models of one's own: a population as the prior, and a person's answers on top of it.

The prior is learned from many people's comparisons, in the features of the linear family. A new
person's model then needs few answers, of any kind; without any it is that of the average person.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Float64
from torch import Tensor

from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.fit import compares_lengths, set_input_units, set_output_units
from prefgym.feedback.fit_linear import fit_linear, posterior_members, return_features
from prefgym.feedback.fit_population import PopulationConfig, fit_population
from prefgym.feedback.population import Population, load_population
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import (
    RewardModel,
    RewardModelConfig,
    load_reward_model,
    new_reward_model,
    step_rewards,
)
from prefgym.feedback.reward_nets import LinearSquares
from prefgym.feedback.segment import Segments

MODEL_FILE, POPULATION_FILE = "people.safetensors", "population.safetensors"


class PersonalPrior(NamedTuple):
    """What is known of a person before they answer.

    The members of `model` are people drawn from `population`, so that its mean is what the
    average person wants, and with `pessimism` z what all but a few are content with: the quantile
    of opinion z standard deviations below the mean, step by step.
    """

    model: RewardModel
    population: Population


def fit_prior(
    segments: Segments,
    comparison: Comparison,
    *,
    model_config: RewardModelConfig,
    inputs: RewardInputs,
    config: PopulationConfig,
    generator: torch.Generator,
) -> PersonalPrior:
    """The population of those who compared segments.

    Args:
        segments: what was compared.
        comparison: who preferred what.
        model_config: shape of the reward models, of one head; the more members, the better they
            stand for the population.
        inputs: what they read.
        config: how the population is learned.
        generator: source of the people drawn as members.

    Raises:
        ValueError: if there is no answer, or more heads than one.
    """
    if len(model_config.heads) != 1:
        raise ValueError(f"a person's model must have 1 head, got {len(model_config.heads)}")
    base = new_reward_model(model_config, inputs, "linear", generator=generator)
    set_input_units(base, segments)
    rows = answer_rows(base, segments, comparison)
    population = fit_population(rows, comparison.preference, comparison.raters, config).population
    draws = torch.randn(
        model_config.num_members, len(population.mean), dtype=torch.float64, generator=generator
    )
    mean, factor = _mean_and_factor(population)
    num_members = len(draws)
    # centred, and scaled up for the variance that this takes: their mean is the mean itself
    deviation = (draws - draws.mean(dim=0)) * (num_members / max(num_members - 1, 1)) ** 0.5
    people = mean + deviation @ factor.T
    return PersonalPrior(with_weights(base, people, segments, [comparison]), population)


def fit_person(
    prior: PersonalPrior,
    segments: Segments,
    feedback: Sequence[Feedback],
    *,
    generator: torch.Generator,
) -> RewardModel:
    """The reward model of a person: the prior, and what this person has answered.

    Its members are draws from the posterior.

    Args:
        prior: of the population.
        segments: those that the answers speak of, and any others that show what there is.
        feedback: this person's answers of any kinds; none: the average person.
        generator: source of the posterior draws.
    """
    mean, factor = _mean_and_factor(prior.population)
    num_members = prior.model.config.num_members
    told = [kind for kind in feedback if len(kind)]
    if told:
        features = segment_features(prior.model, segments)
        # in units of the population's spread every direction has the same prior; the last
        # feature, which `fit_linear` takes for the constant, is left empty
        white = torch.cat([features @ factor, torch.zeros(len(features), 1)], dim=1)
        unit = torch.ones(1, dtype=torch.float64)
        solution = fit_linear(white, told, unit, offset=features @ mean)
        draws = posterior_members(solution, num_members, generator=generator)[:, :-1, 0]
        weight = mean + draws @ factor.T
    else:
        weight = mean.repeat(num_members, 1)
    return with_weights(prior.model, weight, segments, told)


def with_weights(
    base: RewardModel,
    weight: Float[Tensor, "member feature"],
    segments: Segments,
    feedback: Sequence[Feedback],
) -> RewardModel:
    """A linear reward model with these weights, in the input units of another.

    Args:
        base: a linear model, whose shape and input units are kept.
        weight: every member's.
        segments: on which the reward is scaled to unit size.
        feedback: answers about them, which tell whether the reward's offset means anything.
    """
    model = new_reward_model(base.config, base.inputs, "linear", generator=torch.Generator())
    model.input_mean.copy_(base.input_mean)
    model.input_sd.copy_(base.input_sd)
    assert isinstance(model.net, LinearSquares)
    model.net.weight.copy_(weight[:, :, None])
    model.informed.fill_(True)
    rows, mask = model.segment_inputs(segments)
    step = step_rewards(model.net, rows).mean(dim=0)
    set_output_units(model, step[mask], offset_known=compares_lengths(mask, feedback))
    return model


def segment_features(model: RewardModel, segments: Segments) -> Float[Tensor, "segment feature"]:
    """What a linear model's weights multiply to give the returns of segments."""
    return return_features(*model.segment_inputs(segments))


def answer_rows(
    model: RewardModel, segments: Segments, comparison: Comparison
) -> Float64[np.ndarray, "answer feature"]:
    """The difference of the two segments' features of every answer."""
    features = segment_features(model, segments).numpy()
    return features[comparison.first] - features[comparison.second]


def save_prior(prior: PersonalPrior, folder: Path) -> None:
    """Write a prior into a folder as two safetensors files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(prior.model.to_bytes())
    (folder / POPULATION_FILE).write_bytes(prior.population.to_bytes())


def load_prior(
    folder: Path,
    observation_space: spaces.Space[object],
    action_space: spaces.Space[object],
    observation_names: tuple[str, ...] = (),
) -> PersonalPrior:
    """The prior that `save_prior` wrote, for an environment with these spaces.

    Raises:
        ValueError: if a file is corrupt or of a newer version, the two do not belong together, or
            they were made for other spaces.
        OSError: if one cannot be read.
    """
    space = observation_space, action_space
    model = load_reward_model(folder / MODEL_FILE, *space, observation_names)
    population = load_population(folder / POPULATION_FILE)
    if not isinstance(model.net, LinearSquares) or model.net.weight.shape[1:] != (
        len(population.mean),
        1,
    ):
        raise ValueError(
            f"{folder} must hold a linear model and a population of its weights, got a model of "
            f"the family {model.family!r} and a population of {len(population.mean)} weights"
        )
    return PersonalPrior(model, population)


def _mean_and_factor(
    population: Population,
) -> tuple[Float[Tensor, " feature"], Float[Tensor, "feature feature"]]:
    """The mean, and a root of the covariance."""
    covariance = torch.from_numpy(population.covariance)
    return torch.from_numpy(population.mean), torch.linalg.cholesky(covariance)
