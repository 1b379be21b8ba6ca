"""Learning a population from many people's few answers: hierarchical Bayes by EM.

Each round takes every person's posterior given the population (a normal one at its mode, by
Newton's method), and then the population that such people would come from. People are worked on
in blocks of about as many answers each, so that time is linear in answers and memory bounded.

With ten answers each the mode understates how strongly people want things, mean and spread alike
(by a third or so), but hardly in which way: what it predicts errs towards 1/2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.logistic import answer_log_likelihood, fit_logistic, sigmoid
from prefgym.feedback.population import Population

_NUMBERS_AT_ONCE = 2_000_000  # of a block: bounds the memory beside the answers themselves
_FIRST_STEPS, _STEPS = 6, 1  # Newton steps of each person in the first round, and later
_HALVINGS = 8
_SMALLEST_SHARE = 1e-6  # of the mean variance: the least of any direction


@dataclass(frozen=True, slots=True)
class PopulationConfig:
    """How a population is learned.

    Args:
        rank: directions in which people differ, all others alike in how little; None: all.
        centred: whether the mean is 0 by definition and not learned.
        num_rounds: of EM, at most.
        tolerance: a round in which no number of mean and covariance moves by this share of their
            scale is the last.
        pseudo_people: with as much variance in every direction as there is on average; they keep
            a covariance learned from few people from saying that the others do not exist.
    """

    rank: int | None = None
    centred: bool = False
    num_rounds: int = 100
    tolerance: float = 0.0005
    pseudo_people: float = 1.0

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")
        if self.num_rounds < 1 or self.pseudo_people <= 0:
            raise ValueError("num_rounds must be at least 1 and pseudo_people positive")


class PopulationFit(NamedTuple):
    """A population, everyone's likeliest weights in it, and the rounds that it took."""

    population: Population
    weight: Float64[np.ndarray, "rater feature"]
    num_rounds: int


class Block(NamedTuple):
    """Some people's answers, padded to one length; padded rows are 0 and count nothing."""

    person: Int64[np.ndarray, " person"]
    rows: Float64[np.ndarray, "person answer feature"]
    preference: Float64[np.ndarray, "person answer"]
    counts: Float64[np.ndarray, "person answer"]


def fit_population(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
    rater: Int64[np.ndarray, " answer"],
    config: PopulationConfig,
) -> PopulationFit:
    """The population that these people come from, and their weights.

    Args:
        rows: differences of features, first less second.
        preference: probability that the first is preferred.
        rater: who answered, by number; who has no answer is not counted.
        config: how to learn.

    Raises:
        ValueError: if there is no answer.
    """
    if not len(rows):
        raise ValueError("a population is learned from at least one answer, got none")
    population = _pooled(rows, preference, config)
    weight = np.tile(population.mean, (int(rater.max()) + 1, 1))
    num_rounds = 0
    for num_rounds in range(1, config.num_rounds + 1):
        steps = _FIRST_STEPS if num_rounds == 1 else _STEPS
        found = _round(rows, preference, rater, population, weight, steps, config)
        moved = _moved(population, found)
        population = found
        if moved < config.tolerance:
            break
    return PopulationFit(population, weight, num_rounds)


def _pooled(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
    config: PopulationConfig,
) -> Population:
    """Where to begin: everyone's common weights, and people who differ by as much as they weigh.

    The prior lets the logit of a row of usual size vary by about 3.
    """
    scale = 9.0 / max(float((rows**2).sum(axis=1).mean()), 1e-12)
    identity = np.eye(rows.shape[1])
    mean = fit_logistic(rows, preference, prior_precision=identity / scale).weight[0]
    return Population(np.zeros_like(mean) if config.centred else mean, identity * scale)


def _round(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
    rater: Int64[np.ndarray, " answer"],
    population: Population,
    weight: Float64[np.ndarray, "rater feature"],
    steps: int,
    config: PopulationConfig,
) -> Population:
    """One round of EM; everyone's weights are improved in place."""
    size = rows.shape[1]
    num_people, total = 0, np.zeros(size)
    square, spread = np.zeros((size, size)), np.zeros((size, size))
    for block in blocks(rows, preference, rater):
        at, covariance = block_posteriors(population, block, weight[block.person], steps)
        weight[block.person] = at
        gap = at - population.mean
        num_people += len(at)
        total += gap.sum(axis=0)
        square += gap.T @ gap
        spread += covariance.sum(axis=0)
    shift = np.zeros(size) if config.centred else total / num_people
    moment = square / num_people - np.outer(shift, shift) + spread / num_people
    return Population(population.mean + shift, _shaped(moment, num_people, config), num_people)


def _shaped(
    moment: Float64[np.ndarray, "feature feature"], num_people: int, config: PopulationConfig
) -> Float64[np.ndarray, "feature feature"]:
    """The covariance of the people's second moment: shrunk, and of low rank if wanted.

    Of low rank, what is left beside the largest directions is spread evenly over the others, as
    probabilistic PCA has it (Tipping & Bishop 1999).
    """
    size = len(moment)
    level = np.trace(moment) / size
    shrunk = num_people * moment + config.pseudo_people * level * np.eye(size)
    values, vectors = np.linalg.eigh(shrunk / (num_people + config.pseudo_people))
    if config.rank is not None and config.rank < size:
        values[: size - config.rank] = values[: size - config.rank].mean()
    values = np.maximum(values, _SMALLEST_SHARE * level)
    return (vectors * values) @ vectors.T


def _moved(old: Population, new: Population) -> float:
    """By how much mean and covariance moved, as a share of their own size."""
    scale = float(np.sqrt(np.trace(new.covariance)))
    mean = float(np.abs(new.mean - old.mean).max()) / scale
    return max(mean, float(np.abs(new.covariance - old.covariance).max()) / scale**2)


def block_posteriors(
    population: Population, block: Block, start: Float64[np.ndarray, "person feature"], steps: int
) -> tuple[Float64[np.ndarray, "person feature"], Float64[np.ndarray, "person feature feature"]]:
    """Mode and covariance of the posterior of everyone in a block, all at once.

    The covariance is that of where the last step began, which in the end is the mode.
    """
    precision = population.precision
    weight, value = start, _log_posterior(population, precision, block, start)
    for _ in range(steps):
        hessian, gradient = _curvature(population, precision, block, weight)
        covariance = np.linalg.inv(hessian)
        step = (covariance @ gradient[:, :, None])[:, :, 0]
        for _ in range(_HALVINGS):
            trial = weight + step
            trial_value = _log_posterior(population, precision, block, trial)
            worse = trial_value < value
            if not worse.any():
                break
            step = np.where(worse[:, None], step / 2, step)
        better = trial_value >= value
        weight = np.where(better[:, None], trial, weight)
        value = np.where(better, trial_value, value)
    return weight, covariance


def _curvature(
    population: Population,
    precision: Float64[np.ndarray, "feature feature"],
    block: Block,
    weight: Float64[np.ndarray, "person feature"],
) -> tuple[Float64[np.ndarray, "person feature feature"], Float64[np.ndarray, "person feature"]]:
    """Precision of everyone's posterior, and the slope of its logarithm."""
    prob = sigmoid(_logits(block, weight))
    turned = block.rows.swapaxes(1, 2)
    hessian = (turned * (block.counts * prob * (1 - prob))[:, None, :]) @ block.rows + precision
    residual = block.counts * (block.preference - prob)
    gradient = (turned @ residual[:, :, None])[:, :, 0]
    return hessian, gradient - (weight - population.mean) @ precision


def _log_posterior(
    population: Population,
    precision: Float64[np.ndarray, "feature feature"],
    block: Block,
    weight: Float64[np.ndarray, "person feature"],
) -> Float64[np.ndarray, " person"]:
    likelihood = answer_log_likelihood(_logits(block, weight), block.preference)
    gap = weight - population.mean
    return (block.counts * likelihood).sum(axis=1) - ((gap @ precision) * gap).sum(axis=1) / 2


def _logits(
    block: Block, weight: Float64[np.ndarray, "person feature"]
) -> Float64[np.ndarray, "person answer"]:
    return (block.rows @ weight[:, :, None])[:, :, 0]


def blocks(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, " answer"],
    rater: Int64[np.ndarray, " answer"],
) -> Iterator[Block]:
    """Everyone who answered, those with about as many answers together.

    A block's people have between half of its longest and its longest number of answers, so that
    padding never more than doubles the work.
    """
    order = np.argsort(rater, kind="stable")
    person, begin, number = np.unique(rater[order], return_index=True, return_counts=True)
    by_number = np.argsort(-number, kind="stable")
    size = rows.shape[1]
    at = 0
    while at < len(person):
        longest = int(number[by_number[at]])
        fit = max(_NUMBERS_AT_ONCE // (size * max(longest, size)), 1)
        chosen = by_number[at : at + fit]
        chosen = chosen[2 * number[chosen] >= longest]
        place = np.arange(longest)
        count = place < number[chosen][:, None]
        answer = order[np.minimum(begin[chosen][:, None] + place, len(order) - 1)]
        yield Block(
            person=person[chosen],
            rows=np.where(count[:, :, None], rows[answer], 0.0),
            preference=preference[answer],
            counts=count.astype(np.float64),
        )
        at += len(chosen)
