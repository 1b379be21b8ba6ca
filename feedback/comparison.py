"""Comparisons of two segments, and what every other kind of feedback must offer a fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


@runtime_checkable
class Feedback(Protocol):
    """A batch of answers of one kind: segment indices and a pure log-likelihood.

    `returns` holds every ensemble member's return of every segment; `parameters` are what the
    kind itself has to learn about raters (how often they tie, say), possibly none.
    """

    def __len__(self) -> int:
        """Number of answers."""
        ...

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Feedback":
        """The answers at `index`, of the same kind."""
        ...

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "Feedback"]:
        """The segments spoken of, once each, and the same answers with indices into those."""
        ...

    @property
    def informative(self) -> bool:
        """Whether any answer tells one segment from another."""
        ...

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """Where the search for the kind's own parameters starts."""
        ...

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability of each answer to each member, concave in both arguments if it can be."""
        ...

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of decided answers that the returns predict; nan if none is decided."""
        ...


def joint_log_likelihood(
    feedback: Sequence[Feedback],
    returns: Float[Tensor, "member segment head"],
    parameters: Sequence[Float[Tensor, "member _"]],
) -> Float[Tensor, "member answer"]:
    """Log-probability of the answers of every kind, one kind after the other."""
    kinds = zip(feedback, parameters, strict=True)
    return torch.cat([kind.log_likelihood(returns, theta) for kind, theta in kinds], dim=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answers to "which of the two is better?".

    `preference` is the probability that the first is preferred: 1, 0, 0.5 for a tie, anything
    between for a person less than sure. "Can't tell" is not an answer: it stays in the store.

    `first` is the segment that was shown first, which a person may favour for its place alone.
    `rater` is who answered, in [0, `num_raters`); None: all answers are one person's.
    """

    first: Int64[np.ndarray, " answer"]
    second: Int64[np.ndarray, " answer"]
    preference: Float64[np.ndarray, " answer"]
    rater: Int64[np.ndarray, " answer"] | None = None
    num_raters: int = 1

    def __post_init__(self) -> None:
        lengths = len(self.first), len(self.second), len(self.preference), len(self.raters)
        if len(set(lengths)) != 1:
            raise ValueError(
                f"first, second, preference and rater must be of one length, got {lengths}"
            )
        if len(self) and not 0 <= self.raters.min() <= self.raters.max() < self.num_raters:
            raise ValueError(
                f"raters must be in [0, {self.num_raters}), "
                f"got {self.raters.min()} to {self.raters.max()}"
            )
        wrong = ~((self.preference >= 0) & (self.preference <= 1))
        if wrong.any():
            raise ValueError(
                f"preferences must be probabilities in [0, 1], got {self.preference[wrong][0]}; "
                'leave out answers of the kind "can\'t tell"'
            )

    def __len__(self) -> int:
        return len(self.preference)

    @property
    def raters(self) -> Int64[np.ndarray, " answer"]:
        """Who gave each answer."""
        return np.zeros(len(self), np.int64) if self.rater is None else self.rater

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Comparison":
        """The answers at `index`."""
        pairs = self.first[index], self.second[index]
        rater = None if self.rater is None else self.rater[index]
        return Comparison(*pairs, self.preference[index], rater, self.num_raters)

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "Comparison"]:
        """The segments that the answers speak of, once each, and the answers in their indices."""
        both = np.concatenate([self.first, self.second])
        used, local = np.unique(both, return_inverse=True)
        first, second = np.split(local.astype(np.int64), 2)
        return used, Comparison(first, second, self.preference, self.rater, self.num_raters)

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """The log tie rate of Davidson's model; nothing where nobody ever ties.

        The rate at which segments of equal return are tied as often as all were: nu / (2 + nu) is
        the share of ties. Half a decided answer more keeps it finite.
        """
        tied = int(np.count_nonzero(self.preference == 0.5))
        if not tied:
            return torch.zeros(0)
        return torch.tensor([2 * tied / (len(self) - tied + 0.5)]).log()

    @property
    def informative(self) -> bool:
        """Whether any answer is more than a tie."""
        return bool((self.preference != 0.5).any())

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of decided answers whose preferred segment has the higher return; nan if none.

        Equal returns count half, so that the order of a pair does not matter.
        """
        decided = self.preference != 0.5
        if not decided.any():
            return float("nan")
        overall = returns.mean(dim=-1).numpy()
        gap = overall[self.first[decided]] - overall[self.second[decided]]
        towards = np.sign(gap) * np.sign(self.preference[decided] - 0.5)
        return float((1 + towards.mean()) / 2)

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability of each answer; heads count equally."""
        overall = returns.mean(dim=-1)
        gap = overall[:, self.first] - overall[:, self.second]
        preference = torch.as_tensor(self.preference, dtype=gap.dtype)
        return comparison_log_likelihood(gap, preference, parameters)


def preference_prob(
    returns_a: Float[Tensor, "*batch"], returns_b: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Bradley-Terry probability that segment a is preferred to segment b.

    p = sigmoid(R_a - R_b), Christiano et al. 2017, eq. 1.
    """
    return torch.sigmoid(returns_a - returns_b)


def comparison_log_likelihood(
    gap: Float[Tensor, "member answer"],
    preference: Float[Tensor, " answer"],
    log_tie: Float[Tensor, "member parameter"],
) -> Float[Tensor, "member answer"]:
    """Log-likelihood of answers given the return gaps R_first - R_second.

    Without ties: Bradley-Terry, p log s(gap) + (1 - p) log s(-gap). With ties: Davidson 1970,
    P(first) : P(tie) : P(second) = e^(gap/2) : nu : e^(-gap/2), nu = exp(log_tie); an answer
    strictly between 0, 1/2 and 1 mixes the log-probabilities of the two decided outcomes.

    Args:
        gap: return gaps.
        preference: probability that the first is preferred; exactly 0.5 is a tie.
        log_tie: `parameter` = 0 (no ties anywhere), or 1: each member's log nu.
    """
    half = gap / 2
    if log_tie.numel() == 0:
        normaliser = torch.logaddexp(half, -half)
        return (2 * preference - 1) * half - normaliser
    normaliser = torch.logaddexp(torch.logaddexp(half, -half), log_tie.expand_as(half))
    decided = (2 * preference - 1) * half - normaliser
    tied = log_tie - normaliser
    return torch.where(preference == 0.5, tied, decided)
