"""Simulated people who rate: whole numbers from 1 to 5 on each criterion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

LEVELS = (1, 5)


@dataclass(frozen=True, slots=True)
class Judge:
    """What kind of person rates.

    A criterion in [0, 1] becomes 1 + 4 x criterion, plus the person's bias, plus noise, rounded
    to a level. Fitted to SummEval (Fabbri et al. 2021), where two experts agree on 0.72 to 0.88 of
    pairs of summaries and one crowd worker agrees with the experts on half of them: at chance.

    Args:
        name: what reports call this person.
        noise: standard deviation of one rating [levels].
        bias: added to every rating [levels]: positive for a lenient person.
        insight: 1 follows the criteria, 0 knows nothing of them and says what is usual.
    """

    name: str
    noise: float = 0.7
    bias: float = 0.0
    insight: float = 1.0

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a judge's name must not be empty")
        if not self.noise >= 0:
            raise ValueError(f"noise of judge {self.name!r} must be >= 0, got {self.noise}")
        if not 0 <= self.insight <= 1:
            raise ValueError(
                f"insight of judge {self.name!r} must be in [0, 1], got {self.insight}"
            )


JUDGES: Mapping[str, Judge] = {
    judge.name: judge
    for judge in (
        Judge("exact", noise=0.0),
        Judge("expert"),
        Judge("lenient", bias=0.8),
        Judge("crowd", noise=0.9, insight=0.1),
    )
}


def find_judge(name: str) -> Judge:
    """The judge of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in JUDGES:
        raise ValueError(f"judge must be one of {', '.join(JUDGES)}, got {name!r}")
    return JUDGES[name]


def rate(
    judge: Judge, criteria: Float64[np.ndarray, "item criterion"], *, rng: np.random.Generator
) -> Float64[np.ndarray, "item criterion"]:
    """Ratings of items whose criteria lie in [0, 1].

    Raises:
        ValueError: if a criterion lies outside.
    """
    if not ((criteria >= -1e-9) & (criteria <= 1 + 1e-9)).all():
        raise ValueError(
            f"criteria must lie in [0, 1] to be rated, got {criteria.min()} to {criteria.max()}"
        )
    low, high = LEVELS
    usual = (low + high) / 2
    level = usual + judge.insight * (low + (high - low) * criteria - usual) + judge.bias
    level = level + judge.noise * rng.standard_normal(criteria.shape)
    return np.clip(np.rint(level), low, high)
