"""How opinions of the same thing are spread: mean and variance of utility, and whose doing it is.

One reward for everybody answers for the mean of what people want. Where opinions are divided it
matters how far: a low quantile is what all but a few are content with.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.population import Population

_USUAL_SPREAD = math.log(math.e - 1)  # softplus of this is 1: opinions as spread as usual
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(101)
_NORMAL_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Opinion(NamedTuple):
    """Mean and standard deviation of what a thing is worth to people, in the usual spread."""

    mean: Float64[np.ndarray, " thing"]
    sd: Float64[np.ndarray, " thing"]

    def quantile(self, share: float) -> Float64[np.ndarray, " thing"]:
        """What this share of people value a thing less than, if utilities are normal.

        0.1 is a cautious reward: nine in ten are at least as content.
        """
        return self.mean + NormalDist().inv_cdf(share) * self.sd

    @property
    def explained(self) -> float:
        """Share of the variance of utilities that lies between things, and not between people.

        Var(mean) / (Var(mean) + E sd^2); little of it says that something hidden divides people
        (Siththaranjan et al. 2024).
        """
        between = float(self.mean.var())
        return between / (between + float((self.sd**2).mean()))


class Disagreement(NamedTuple):
    """Variance of the answers to each query: between people, and within one person."""

    between: Float64[np.ndarray, " query"]
    within: Float64[np.ndarray, " query"]

    @property
    def real_share(self) -> float:
        """Share of the disagreement that is of opinion; the rest is noise."""
        between, within = float(self.between.sum()), float(self.within.sum())
        return between / (between + within)


def fit_opinion(
    features: Float64[np.ndarray, "thing feature"],
    comparison: Comparison,
    *,
    l2: float = 0.05,
    spread_l2: float = 1.0,
    num_steps: int = 300,
) -> tuple[Opinion, float]:
    """Mean and spread of opinion of every thing, and the log-likelihood per answer.

    The mean-and-variance model of Siththaranjan et al. 2024 (arXiv 2312.08358): utilities are
    N(mean, sd^2), and the first is preferred with probability

        Phi((mean_1 - mean_2) / sqrt(sd_1^2 + sd_2^2)),    Phi the normal distribution,

    with mean linear in the features and sd a softplus of another such sum. Who answered is not
    used: one sees that opinions of a thing are spread by how weakly they depend on what it is
    compared with. Only ratios of means and spreads can be seen; the usual spread is 1.

    Args:
        features: of every thing; the identity for items that have nothing in common.
        comparison: answers about them.
        l2: inverse variance of the normal prior on the weights of the mean.
        spread_l2: and on those of the spread.
        num_steps: of L-BFGS, at most.
    """
    columns = torch.from_numpy(features)
    preference = torch.from_numpy(comparison.preference)
    point = torch.zeros(2, features.shape[1], dtype=torch.float64, requires_grad=True)

    def opinion() -> tuple[Float[Tensor, " thing"], Float[Tensor, " thing"]]:
        mean, spread = (columns @ point.T).T
        return mean, functional.softplus(_USUAL_SPREAD + spread)

    def log_likelihood() -> Float[Tensor, ""]:
        mean, sd = opinion()
        gap = mean[comparison.first] - mean[comparison.second]
        spread = (sd[comparison.first] ** 2 + sd[comparison.second] ** 2).sqrt()
        first, second = (torch.special.log_ndtr(side * gap / spread) for side in (1, -1))
        return (preference * first + (1 - preference) * second).sum()

    prior = torch.tensor([[l2], [spread_l2]], dtype=torch.float64)
    solver = torch.optim.LBFGS([point], max_iter=num_steps, line_search_fn="strong_wolfe")

    def closure() -> float:
        solver.zero_grad()
        loss = (prior * point.square()).sum() / 2 - log_likelihood()
        loss.backward()
        return float(loss.detach())

    solver.step(closure)
    with torch.no_grad():
        mean, sd = opinion()
        value = float(log_likelihood()) / max(len(comparison), 1)
    return Opinion((mean - mean.mean()).numpy(), sd.numpy()), value


def population_opinion(
    population: Population, features: Float64[np.ndarray, "thing feature"]
) -> Opinion:
    """Mean and spread of what things are worth to the people of a population."""
    variance = ((features @ population.covariance) * features).sum(axis=1)
    return Opinion(features @ population.mean, np.sqrt(variance))


def population_disagreement(
    population: Population, rows: Float64[np.ndarray, "query feature"]
) -> Disagreement:
    """How far answers to queries will differ, and why, if people are such a population.

    Var(answer) = Var(p) + E p(1 - p) over people, each with a probability p of their own; the two
    integrals over a normal logit are by Gauss-Hermite quadrature.

    Args:
        population: of people.
        rows: differences of features, first less second.
    """
    logit = population_opinion(population, rows)
    prob = sigmoid(logit.mean[:, None] + logit.sd[:, None] * _NODES)
    mean = prob @ _NORMAL_WEIGHTS
    within = (prob * (1 - prob)) @ _NORMAL_WEIGHTS
    return Disagreement(mean * (1 - mean) - within, within)


def repeated_disagreement(comparison: Comparison) -> float:
    """Share of disagreement that is of opinion, from queries that were asked repeatedly; no model.

    One person's two answers to one query differ with probability 2 E p(1 - p), two people's with
    2 E p (1 - E p). The share is 1 - own / others'; nan if no person, or no two people, were asked
    the same. Ties are left out.
    """
    decided = comparison.take(np.flatnonzero(comparison.preference != 0.5))
    low, high = np.sort([decided.first, decided.second], axis=0)
    says_low = (decided.preference > 0.5) == (decided.first == low)
    _, query = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
    _, own = np.unique(np.stack([query, decided.raters]), axis=1, return_inverse=True)
    own_pairs, own_differ = _pairs(own, says_low)
    all_pairs, all_differ = _pairs(query, says_low)
    if own_pairs == 0 or all_pairs == own_pairs or all_differ == own_differ:
        return float("nan")
    others = (all_differ - own_differ) / (all_pairs - own_pairs)
    return 1 - own_differ / own_pairs / others


def _pairs(group: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """Pairs of answers within groups, and how many of them differ."""
    yes, number = np.bincount(group, said), np.bincount(group)
    return float((number * (number - 1) / 2).sum()), float((yes * (number - yes)).sum())
