"""Reward models of one's own: a population as the prior, and a person's answers on top of it.

The prior is learned from many people's comparisons, in the features of the linear family. A new
person's model then needs few answers, of any kind; without any it is that of the average person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Float64
from torch import Tensor

from prefgym.feedback.comparison import Comparison, Feedback, joint_log_likelihood
from prefgym.feedback.fit import compares_lengths, set_input_units, set_output_units
from prefgym.feedback.fit_linear import (
    LinearFit,
    fit_linear,
    posterior_members,
    return_features,
)
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
    people = draw_people(population, model_config.num_members, generator=generator)
    return PersonalPrior(with_weights(base, people, segments, [comparison]), population)


def draw_people(
    population: Population, num_people: int, *, generator: torch.Generator
) -> Float[Tensor, "person feature"]:
    """Weights of people of a population, whose mean is the population's."""
    mean, factor = _mean_and_factor(population)
    draws = torch.randn(num_people, len(mean), dtype=torch.float64, generator=generator)
    # centred, and scaled up for the variance that this takes: their mean is the mean itself
    deviation = (draws - draws.mean(dim=0)) * (num_people / max(num_people - 1, 1)) ** 0.5
    return mean + deviation @ factor.T


def redraw(
    prior: PersonalPrior, model_config: RewardModelConfig, *, generator: torch.Generator
) -> PersonalPrior:
    """The same population behind reward models of another shape, their members drawn anew.

    Args:
        prior: what is known of a person before they answer.
        model_config: shape of the models; what they read must be what the prior's model reads.
        generator: source of the people drawn as members.

    Raises:
        ValueError: if they read something else, or have more heads than one.
    """
    own = prior.model.config
    wanted = model_config.inputs, model_config.form, len(model_config.heads)
    if wanted != (own.inputs, own.form, 1):
        raise ValueError(
            "a person's model must have 1 head and read what the prior's model reads, "
            f"{own.inputs} as a {own.form}, got {wanted[2]} and {wanted[0]} as a {wanted[1]}"
        )
    model = new_reward_model(model_config, prior.model.inputs, "linear", generator=generator)
    people = draw_people(prior.population, model_config.num_members, generator=generator)
    weight = {"net.weight": people[:, :, None].float()}
    model.load_state_dict(prior.model.state_dict() | weight)
    return PersonalPrior(model, prior.population)


def fit_person(
    prior: PersonalPrior,
    segments: Segments,
    feedback: Sequence[Feedback],
    *,
    spreads: Sequence[float] = (1.0,),
    generator: torch.Generator,
) -> RewardModel:
    """The reward model of a person: the prior, and what this person has answered.

    Its members are draws from the posterior. With several `spreads` the person may be unlike the
    population: its covariance counts times the one under which the answers are likeliest.

    Args:
        prior: of the population.
        segments: those that the answers speak of, and any others that show what there is.
        feedback: this person's answers of any kinds; none: the average person.
        spreads: factors of the population's covariance to try.
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
        precision = 1 / torch.tensor(spreads, dtype=torch.float64)
        offset = features @ mean
        tried = fit_linear(white, told, precision, offset=offset)
        best = int(log_evidence(tried, white, offset, told, precision).argmax())
        solution = tried.at(best)
        draws = posterior_members(solution, num_members, generator=generator)[:, :-1, 0]
        weight = mean + draws @ factor.T
    else:
        weight = mean.repeat(num_members, 1)
    return with_weights(prior.model, weight, segments, told)


def log_evidence(
    tried: LinearFit,
    white: Float[Tensor, "segment feature"],
    offset: Float[Tensor, " segment"],
    feedback: Sequence[Feedback],
    precision: Float[Tensor, " prior"],
) -> Float[Tensor, " prior"]:
    """Log-probability of the answers under each prior, by Laplace's method (MacKay 1992).

    log p(answers | w) - precision |w|^2 / 2 + log det(prior) / 2 - log det(posterior) / 2, with
    the precisions' determinants, at the likeliest weights w.

    Args:
        tried: the likeliest weights under each prior, one row each.
        white: features in whose weights the prior is the same in every direction; the last is
            empty.
        offset: what is added to every return.
        feedback: all answers.
        precision: of each prior.
    """
    weight = tried.weight[:, :-1, 0]
    returns = tried.returns(white) + offset[None, :, None]
    likelihood = joint_log_likelihood(feedback, returns, tried.parameters).sum(dim=1)
    size = weight.shape[1]
    posterior = torch.logdet(tried.precision[:, :size, :size])
    fit = likelihood - precision * weight.square().sum(dim=1) / 2
    return fit + (size * precision.log() - posterior) / 2


def with_weights(
    base: RewardModel,
    weight: Float[Tensor, "member feature"],
    segments: Segments,
    feedback: Sequence[Feedback],
) -> RewardModel:
    """A linear reward model with these weights, in the input units of another.

    Args:
        base: a linear model, whose shape, but for the number of members, and input units are kept.
        weight: every member's.
        segments: on which the reward is scaled to unit size.
        feedback: answers about them, which tell whether the reward's offset means anything.
    """
    config = replace(base.config, num_members=len(weight))
    model = new_reward_model(config, base.inputs, "linear", generator=torch.Generator())
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


def prior_files(prior: PersonalPrior) -> Mapping[str, bytes]:
    """A prior as two safetensors documents by their names in a folder."""
    return {MODEL_FILE: prior.model.to_bytes(), POPULATION_FILE: prior.population.to_bytes()}


def save_prior(prior: PersonalPrior, folder: Path) -> None:
    """Write a prior into a folder as two safetensors files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in prior_files(prior).items():
        (folder / name).write_bytes(content)


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
    try:
        return matched(model, population)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def matched(model: RewardModel, population: Population) -> PersonalPrior:
    """A prior of a model and the population of its weights.

    Raises:
        ValueError: if they do not belong together.
    """
    if not isinstance(model.net, LinearSquares) or model.net.weight.shape[1:] != (
        len(population.mean),
        1,
    ):
        raise ValueError(
            "a prior must hold a linear model and a population of its weights, got a model of "
            f"the family {model.family!r} and a population of {len(population.mean)} weights"
        )
    return PersonalPrior(model, population)


def _mean_and_factor(
    population: Population,
) -> tuple[Float[Tensor, " feature"], Float[Tensor, "feature feature"]]:
    """The mean, and a root of the covariance."""
    covariance = torch.from_numpy(population.covariance)
    return torch.from_numpy(population.mean), torch.linalg.cholesky(covariance)
