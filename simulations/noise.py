"""What comes between what a person means and what they say: small pieces that turn answers over.

A piece gives, for each query, how often an answer meant for the first clip comes out as the
second, and the other way round. Pieces follow each other as 2 x 2 stochastic matrices do, so any
list of them has a closed form. None of them knows a scale of reward: what they depend on are
counts and ranks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

Turned = Float64[np.ndarray, "query 2"]
"""P(says the second | means the first), P(says the first | means the second)."""


class Situation(NamedTuple):
    """What pieces may depend on."""

    number: Int64[np.ndarray, " query"]
    """Answers that the person had given before each."""
    level: Float64[np.ndarray, "query criterion"]
    """Rank in [0, 1] of the two clips' mean criterion among the round's candidates."""
    contrast: Float64[np.ndarray, "query criterion"]
    """Rank in [0, 1] of how much the two clips differ in a criterion, among the candidates."""


@runtime_checkable
class Noise(Protocol):
    """A piece: what a situation does to an answer."""

    def turned(self, situation: Situation) -> Turned:
        """How often answers are turned over."""
        ...


@dataclass(frozen=True, slots=True)
class Flip:
    """Says the opposite of what is meant in this share of answers; all of them: an adversary."""

    share: float = 1.0

    def __post_init__(self) -> None:
        _require_share("share of flips", self.share)

    def turned(self, situation: Situation) -> Turned:
        """The same for every query and either way."""
        return np.full((len(situation.number), 2), self.share)


@dataclass(frozen=True, slots=True)
class Lapse:
    """Clicks without looking in this share of answers; all of them: a random clicker.

    Args:
        share: of answers given without looking.
        first: how often such a click is on the first.
    """

    share: float
    first: float = 0.5

    def __post_init__(self) -> None:
        _require_share("share of lapses", self.share)
        _require_share("first of lapses", self.first)

    def turned(self, situation: Situation) -> Turned:
        """The same for every query."""
        either = np.array([1 - self.first, self.first])
        return np.tile(self.share * either, (len(situation.number), 1))


@dataclass(frozen=True, slots=True)
class Fatigue:
    """Clicks without looking ever more often: after n answers in most (1 - exp(-n / scale)).

    Args:
        most: the share that lapses come to in the end.
        scale: answers after which 63 % of that is reached.
    """

    most: float = 0.5
    scale: float = 200.0

    def __post_init__(self) -> None:
        _require_share("most of fatigue", self.most)
        if not self.scale > 0:
            raise ValueError(f"scale of fatigue must be > 0 answers, got {self.scale}")

    def turned(self, situation: Situation) -> Turned:
        """By the number of the answer; half of the lapses are on the right clip."""
        share = self.most * -np.expm1(-situation.number / self.scale)
        return np.repeat(share[:, None] / 2, 2, axis=1)


@dataclass(frozen=True, slots=True)
class FeatureNoise:
    """Errs where the clips look a certain way, and not elsewhere.

    Li, Kethireddy and Das 2026 (arXiv 2601.01904): "trajectory feature noise" where a quantity is
    large, "trajectory similarity noise" where the clips are alike in it. It is no constant rate
    that a denoiser could subtract.

    Args:
        criterion: index of the criterion that decides.
        where: "high", the clips' mean criterion is among the highest of the round's candidates,
            "low", among the lowest, or "alike", the clips differ least in it.
        share: of the candidates that are so; queries that are equal in it go together.
        flip: how often an answer about those is turned over.
    """

    criterion: int
    where: Literal["high", "low", "alike"] = "high"
    share: float = 0.5
    flip: float = 0.5

    def __post_init__(self) -> None:
        if self.criterion < 0:
            raise ValueError(f"criterion of feature noise must be >= 0, got {self.criterion}")
        if self.where not in ("high", "low", "alike"):
            raise ValueError(f"where must be 'high', 'low' or 'alike', got {self.where!r}")
        _require_share("share of feature noise", self.share)
        _require_share("flip of feature noise", self.flip)

    def turned(self, situation: Situation) -> Turned:
        """By the rank of the query among the round's candidates."""
        ranks = situation.contrast if self.where == "alike" else situation.level
        rank = ranks[:, self.criterion]
        struck = rank > 1 - self.share if self.where == "high" else rank < self.share
        return np.repeat(np.where(struck, self.flip, 0.0)[:, None], 2, axis=1)


def all_turned(noises: Sequence[Noise], situation: Situation) -> Turned:
    """What pieces do together, in their order: the product of their matrices."""
    both = np.zeros((len(situation.number), 2))
    for noise in noises:
        turned = noise.turned(situation)
        kept = 1 - turned
        both = both * kept[:, ::-1] + (1 - both) * turned
    return both


def said_prob(
    meant: Float64[np.ndarray, " query"], turned: Turned
) -> Float64[np.ndarray, " query"]:
    """Probability of saying the first where it is meant with probability `meant`."""
    return meant * (1 - turned[:, 0]) + (1 - meant) * turned[:, 1]


def _require_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {share}")
