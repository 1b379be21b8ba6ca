"""Populations: groups of people who want about the same, and people who each want their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.simulations.drivers import PROFILES, driver_weights
from prefgym.simulations.text_gold import CRITERIA as TEXT_CRITERIA

STYLE_COLUMNS = (*TEXT_CRITERIA, "length")
"""What a reader weighs: the criteria, `overall` included, and the length of the text."""


@dataclass(frozen=True, slots=True)
class Group:
    """People of one culture, each a little different.

    Args:
        name: for reports; no learner is shown who belongs where.
        weights: of the criteria, to the mean person.
        spread: standard deviation of a person's weight around that.
        share: of the population; shares count in proportion to each other.
    """

    name: str
    weights: tuple[float, ...]
    spread: float = 0.15
    share: float = 1.0

    def __post_init__(self) -> None:
        if not self.weights or not np.isfinite(self.weights).all():
            raise ValueError(
                f"weights of group {self.name!r} must be finite numbers, got {self.weights}"
            )
        if not (self.spread >= 0 and self.share > 0):
            raise ValueError(
                f"group {self.name!r} must have spread >= 0 and share > 0, "
                f"got {self.spread} and {self.share}"
            )


def _drivers(name: str, aggressiveness: float) -> Group:
    (weights,) = driver_weights(np.array([aggressiveness])).tolist()
    return Group(name, tuple(weights))


# The ends of the published range: wide gaps at a calm pace, and close gaps at a brisk one.
DRIVER_GROUPS = (_drivers("wide and calm", 0.1), _drivers("close and brisk", 0.9))

# Both want what is true. One wants it plain and short, the other vivid and at length.
READER_GROUPS = (
    Group("plain and short", (0.5, 0.3, -0.25, 0.1, 0.0, -0.4), spread=0.05),
    Group("vivid and long", (0.4, 0.15, 0.5, 0.1, 0.0, 0.25), spread=0.05),
)


class Population(NamedTuple):
    """People, and the truth about them."""

    weights: Float64[np.ndarray, "person criterion"]
    group: Int64[np.ndarray, " person"]
    """Index of each one's group: for measuring only."""


def sample_population(
    groups: Sequence[Group], num_people: int, *, rng: np.random.Generator
) -> Population:
    """People of these groups in their shares, to the nearest person, in random order.

    What a group does not weigh none of its people weighs, and none weighs it the other way round:
    such a weight is 0.

    Raises:
        ValueError: if there is no group or person, or groups weigh different numbers of criteria.
    """
    if not groups or len({len(group.weights) for group in groups}) != 1:
        raise ValueError("a population needs groups with weights of one length")
    if num_people < 1:
        raise ValueError(f"num_people must be at least 1, got {num_people}")
    share = np.array([group.share for group in groups])
    ends = np.rint(np.cumsum(share / share.sum()) * num_people).astype(np.int64)
    group = rng.permutation(np.repeat(np.arange(len(groups)), np.diff(ends, prepend=0)))
    mean = np.array([group.weights for group in groups])[group]
    spread = np.array([group.spread for group in groups])[group, None]
    moved = mean + spread * rng.standard_normal(mean.shape)
    return Population(np.where(moved * mean > 0, moved, 0.0), group)


def sample_drivers(
    num_people: int, *, spread: float = 0.1, rng: np.random.Generator
) -> Float64[np.ndarray, "person criterion"]:
    """Drivers from the whole published range: aggressiveness uniform, each weight moved a little.

    Args:
        num_people: how many.
        spread: standard deviation of what a weight is moved by; none falls below 0.
        rng: source of the people.
    """
    weights = driver_weights(rng.random(num_people))
    return np.maximum(weights + spread * rng.standard_normal(weights.shape), 0.0)


def sample_like_profiles(
    num_people: int, *, spread: float = 0.15, rng: np.random.Generator
) -> Float64[np.ndarray, "person criterion"]:
    """Drivers who are each like one of `PROFILES`, all as likely, with each weight moved a little.

    They differ more than drivers of the published range, who want about the same.

    Args:
        num_people: how many.
        spread: standard deviation of what a weight is moved by; none falls below 0.
        rng: source of the people.
    """
    profiles = np.array([profile.weights for profile in PROFILES.values()])
    weights = profiles[rng.integers(len(profiles), size=num_people)]
    return np.maximum(weights + spread * rng.standard_normal(weights.shape), 0.0)
