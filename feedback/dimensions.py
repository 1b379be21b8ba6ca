"""Several dimensions of a reward: one head each, learned together and put together late.

People compare on one criterion at a time, or on several, and nobody on all. Heads that are learned
together share what they have in common: their weights come from one normal distribution N(0, S),
and S = (sum_k E w_k w_k') / K is learned from all of them (empirical Bayes). What the heads amount
to is decided afterwards: by weights, or by the most important that tells the two apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from prefgym.feedback.comparison import comparison_log_likelihood
from prefgym.feedback.fit_population import PopulationConfig, fit_population
from prefgym.feedback.population import Population, person_posterior


@dataclass(frozen=True, slots=True)
class CriterionComparison:
    """Answers to "which of the two is better on this criterion?", one column for each head.

    `preference` is the probability that the first is better; nan where a criterion was not asked
    about. A tie is half an answer for either.
    """

    first: Int64[np.ndarray, " answer"]
    second: Int64[np.ndarray, " answer"]
    preference: Float64[np.ndarray, "answer head"]

    def __post_init__(self) -> None:
        lengths = len(self.first), len(self.second), len(self.preference)
        if len(set(lengths)) != 1:
            raise ValueError(f"first, second and preference must be of one length, got {lengths}")
        known = self.preference[~np.isnan(self.preference)]
        if len(known) and not 0 <= known.min() <= known.max() <= 1:
            raise ValueError(
                "preferences must be probabilities in [0, 1], or nan where nothing was asked, "
                f"got {known.min():g} to {known.max():g}"
            )

    def __len__(self) -> int:
        return len(self.preference)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "CriterionComparison":
        """The answers at `index`."""
        pairs = self.first[index], self.second[index]
        return CriterionComparison(*pairs, self.preference[index])

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "CriterionComparison"]:
        """The segments that the answers speak of, once each, and the answers in their indices."""
        used, local = np.unique(np.concatenate([self.first, self.second]), return_inverse=True)
        first, second = np.split(local.astype(np.int64), 2)
        return used, CriterionComparison(first, second, self.preference)

    @property
    def informative(self) -> bool:
        """Whether any answer is more than a tie."""
        return bool(self._decided.any())

    @property
    def _decided(self) -> np.ndarray:
        return ~np.isnan(self.preference) & (self.preference != 0.5)

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """Nothing to learn about the rater."""
        return torch.zeros(0)

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability of each answer: the sum over the criteria that were asked about."""
        gap = (returns[:, self.first] - returns[:, self.second]).flatten(1)
        preference = torch.as_tensor(self.preference, dtype=gap.dtype).flatten()
        asked = ~preference.isnan()
        each = comparison_log_likelihood(gap, preference.nan_to_num(0.5), parameters)
        masked = torch.where(asked, each, torch.zeros_like(each))
        return masked.unflatten(1, self.preference.shape).sum(dim=2)

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of decided answers whose better segment has the higher return of that head."""
        if not self._decided.any():
            return float("nan")
        value = returns.numpy()
        towards = np.sign(value[self.first] - value[self.second]) * np.sign(self.preference - 0.5)
        return float((1 + towards[self._decided].mean()) / 2)


class Heads(NamedTuple):
    """Weights of every head, their covariances, and the distribution that they come from."""

    weight: Float64[np.ndarray, "head feature"]
    covariance: Float64[np.ndarray, "head feature feature"]
    prior: Population


def fit_heads(
    rows: Float64[np.ndarray, "answer feature"],
    preference: Float64[np.ndarray, "answer head"],
    config: PopulationConfig,
) -> Heads:
    """Weights of all heads, learned together; a head of which nothing was said has weights of 0.

    Args:
        rows: differences of features, first less second.
        preference: probability that the first is better, by head; nan where it was not asked.
        config: how the heads' common distribution is learned; its mean is 0.
    """
    answer, head = np.nonzero(~np.isnan(preference))
    told = preference[answer, head]
    centred = PopulationConfig(
        config.rank, True, config.num_rounds, config.tolerance, config.pseudo_people
    )
    prior = fit_population(rows[answer], told, head.astype(np.int64), centred).population
    own = [
        person_posterior(prior, rows[answer[head == k]], told[head == k])
        for k in range(preference.shape[1])
    ]
    return Heads(np.stack([k.mean for k in own]), np.stack([k.covariance for k in own]), prior)


def scalarise(
    heads: Float64[np.ndarray, "*batch head"], weights: Float64[np.ndarray, " head"]
) -> Float64[np.ndarray, "..."]:
    """One number of several: the weighted sum. Weights can change without anyone being asked."""
    return heads @ weights


def lexicographic_preference(
    gaps: Float64[np.ndarray, "query head"],
    order: Sequence[int],
    margins: Float64[np.ndarray, " head"],
) -> Float64[np.ndarray, " query"]:
    """Preference by the most important head that tells two segments apart; 0.5 if none does.

    HERON (Bukharin et al. 2023, arXiv 2309.02632): a head whose gap is within its margin passes
    the decision on to the next. Nothing of a later head makes up for an earlier one.

    >>> gaps = np.array([[0.05, 2.0], [-1.0, 2.0], [0.0, 0.0]])
    >>> lexicographic_preference(gaps, (0, 1), np.array([0.1, 0.1])).tolist()
    [1.0, 0.0, 0.5]

    Args:
        gaps: of every head, first less second.
        order: the heads, most important first.
        margins: gaps that count as none.
    """
    decided = np.zeros(len(gaps))
    for head in order:
        told = np.where(np.abs(gaps[:, head]) > margins[head], np.sign(gaps[:, head]), 0.0)
        decided = np.where(decided == 0, told, decided)
    return (1 + decided) / 2
