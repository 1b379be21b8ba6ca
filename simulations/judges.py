"""Simulated people who rate: whole numbers from 1 to 5 on each criterion."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

LEVELS = (1, 5)


@dataclass(frozen=True, slots=True)
class Judge:
    """What kind of person rates.

    A criterion in [0, 1] becomes the latent 3 + insight x (4 x criterion - 2) + bias + noise on
    the scale from 1 to 5; the level is 1 + the number of thresholds below it, as in ordered probit
    (McKelvey and Zavoina 1975). The default thresholds round to the nearest level.

    Args:
        name: what reports call this person.
        noise: standard deviation of one rating [levels].
        bias: added to every rating [levels]: positive for a lenient person.
        insight: 1 follows the criteria, 0 knows nothing of them and says what is usual, -1 turns
            the scale round.
        thresholds: where the latent passes from one level to the next, increasing.
    """

    name: str
    noise: float = 0.7
    bias: float = 0.0
    insight: float = 1.0
    thresholds: tuple[float, float, float, float] = (1.5, 2.5, 3.5, 4.5)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a judge's name must not be empty")
        if not self.noise >= 0:
            raise ValueError(f"noise of judge {self.name!r} must be >= 0, got {self.noise}")
        if not -1 <= self.insight <= 1:
            raise ValueError(
                f"insight of judge {self.name!r} must be in [-1, 1], got {self.insight}"
            )
        cuts = np.array(self.thresholds)
        if len(cuts) != 4 or not (np.isfinite(cuts).all() and (np.diff(cuts) > 0).all()):
            raise ValueError(
                f"thresholds of judge {self.name!r} must be four finite, increasing numbers, "
                f"got {self.thresholds}"
            )


# Expert and crowd are fitted to SummEval (Fabbri et al. 2021). By criterion, two simulated experts
# agree on 0.71 to 0.86 of pairs of summaries (people: 0.70 to 0.90), and one simulated worker with
# the experts on 0.50 (people: 0.50 to 0.51), which is chance. docs/results/judges.md has the rest,
# and what is not matched.
EXPERT = Judge("expert", noise=0.67, thresholds=(2.05, 2.6, 3.4, 3.85))
JUDGES: Mapping[str, Judge] = {
    judge.name: judge
    for judge in (
        Judge("exact", noise=0.0),
        EXPERT,
        replace(EXPERT, name="lenient", bias=0.8),
        Judge("crowd", noise=0.98, bias=0.87, insight=0.005),
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
    latent = _expected_latent(judge, criteria)
    latent = latent + judge.noise * rng.standard_normal(criteria.shape)
    return 1.0 + np.searchsorted(judge.thresholds, latent)


def level_prob(
    judge: Judge, criteria: Float64[np.ndarray, "item criterion"]
) -> Float64[np.ndarray, "item criterion level"]:
    """Probability of each level, for a judge with noise: differences of the normal CDF."""
    if judge.noise == 0:
        raise ValueError(f"noise of judge {judge.name!r} must be > 0 for probabilities, got 0")
    distance = np.array(judge.thresholds) - _expected_latent(judge, criteria)[..., None]
    up_to = _normal_cdf(distance / judge.noise)
    ends = np.zeros_like(up_to[..., :1])
    return np.diff(np.concatenate([ends, up_to, ends + 1], axis=-1), axis=-1)


def _expected_latent(
    judge: Judge, criteria: Float64[np.ndarray, "item criterion"]
) -> Float64[np.ndarray, "item criterion"]:
    low, high = LEVELS
    usual = (low + high) / 2
    return usual + judge.insight * (low + (high - low) * criteria - usual) + judge.bias


def _normal_cdf(z: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    found = [math.erfc(-value / math.sqrt(2)) / 2 for value in z.ravel().tolist()]
    return np.array(found).reshape(z.shape)
