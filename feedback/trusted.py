"""Comparisons read as far as their raters can be trusted: what a crowd's reward is fitted to."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from prefgym.feedback.comparison import Comparison, comparison_log_likelihood
from prefgym.feedback.crowd import Crowd


@dataclass(frozen=True, slots=True)
class TrustedComparison:
    """Answers, and how each depends on the gap of the returns.

    With probability `honest` an answer was given by the gap times `trust`, otherwise against it,
    and `side_bias` was added to the logit in either case. The log-likelihood is the expected one
    of EM, q log P(answer | by the gap) + (1 - q) log P(answer | against it): concave in the
    returns, and Bradley-Terry's own where q = 1, trust = 1 and there is no bias.
    """

    comparison: Comparison
    honest: Float64[np.ndarray, " answer"]
    trust: Float64[np.ndarray, " answer"]
    side_bias: Float64[np.ndarray, " answer"]

    def __post_init__(self) -> None:
        lengths = len(self.honest), len(self.trust), len(self.side_bias)
        if {len(self.comparison)} != set(lengths):
            raise ValueError(
                "honest, trust and side_bias must be one number for each of the "
                f"{len(self.comparison)} answers, got {lengths}"
            )

    def __len__(self) -> int:
        return len(self.comparison)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "TrustedComparison":
        """The answers at `index`."""
        parts = self.honest[index], self.trust[index], self.side_bias[index]
        return TrustedComparison(self.comparison.take(index), *parts)

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "TrustedComparison"]:
        """The segments that the answers speak of, once each, and the answers in their indices."""
        used, comparison = self.comparison.localise()
        return used, TrustedComparison(comparison, self.honest, self.trust, self.side_bias)

    @property
    def informative(self) -> bool:
        """Whether any answer is more than a tie."""
        return self.comparison.informative

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """The log tie rate, as of comparisons."""
        return self.comparison.initial_parameters()

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of decided answers that the returns predict of who gave them; nan if none."""
        decided = self.comparison.preference != 0.5
        if not decided.any():
            return float("nan")
        overall = returns.mean(dim=-1).numpy()
        gap = (overall[self.comparison.first] - overall[self.comparison.second])[decided]
        towards = np.sign(gap) * np.sign(self.comparison.preference[decided] - 0.5)
        right = (1 + towards * np.sign(self.trust[decided])) / 2
        honest = self.honest[decided]
        return float((honest * right + (1 - honest) * (1 - right)).mean())

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Expected log-probability of each answer; heads count equally."""
        overall = returns.mean(dim=-1)
        gap = overall[:, self.comparison.first] - overall[:, self.comparison.second]
        preference, honest, trust, bias = (
            torch.as_tensor(column, dtype=gap.dtype)
            for column in (self.comparison.preference, self.honest, self.trust, self.side_bias)
        )
        toward = comparison_log_likelihood(trust * gap + bias, preference, parameters)
        away = comparison_log_likelihood(-trust * gap + bias, preference, parameters)
        return honest * toward + (1 - honest) * away


def trusted(
    comparison: Comparison, honest: Float64[np.ndarray, " answer"], crowd: Crowd
) -> TrustedComparison:
    """Comparisons with what is known of their raters."""
    raters = comparison.raters
    return TrustedComparison(comparison, honest, crowd.trust[raters], crowd.side_bias[raters])
