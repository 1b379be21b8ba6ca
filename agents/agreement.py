"""How far raters of the same items agree: pairs ordered alike, spread, offsets and levels used.

Every statistic is a sum over articles divided by another, so that articles can be resampled.
Ratings have the axes (article, item, rater, criterion).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prefgym.agents.statistics import Interval
from prefgym.simulations.judges import LEVELS

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95


class Ratio(NamedTuple):
    """A statistic as the sum of `part` over the sum of `whole`, both (article, criterion)."""

    part: NDArray[np.float64]
    whole: NDArray[np.float64]

    @property
    def value(self) -> NDArray[np.float64]:
        """The statistic of every criterion."""
        return np.asarray(self.part.sum(axis=0) / self.whole.sum(axis=0))


def intervals(ratio: Ratio, *, rng: np.random.Generator) -> list[Interval]:
    """Percentile interval of each criterion's statistic, with articles resampled."""
    count = len(ratio.part)
    chosen = rng.multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    found = (chosen @ ratio.part) / (chosen @ ratio.whole)
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    return [Interval(*map(float, ends)) for ends in zip(ratio.value, low, high, strict=True)]


def pair_agreement(
    reference: NDArray[np.float64],
    said: NDArray[np.float64],
    counted: NDArray[np.bool_] | None = None,
) -> Ratio:
    """Share of an article's pairs that `said` orders as the reference does; its ties count half.

    Pairs that the reference leaves tied do not count.

    Args:
        reference: (article, item, criterion).
        said: likewise.
        counted: (article, item), the items whose pairs count; None: all of them.
    """
    first, second = np.triu_indices(reference.shape[1], 1)
    expected = np.sign(reference[:, first] - reference[:, second])
    found = np.sign(said[:, first] - said[:, second])
    decided = expected != 0
    if counted is not None:
        decided &= (counted[:, first] & counted[:, second])[:, :, None]
    return Ratio(((1 + expected * found) / 2 * decided).sum(axis=1), decided.sum(axis=1) * 1.0)


def rater_agreement(
    ratings: NDArray[np.float64], counted: NDArray[np.bool_] | None = None
) -> Ratio:
    """Pair agreement of one rater with another, over every ordered pair of raters."""
    raters = range(ratings.shape[2])
    return _sum(
        [
            pair_agreement(ratings[:, :, i], ratings[:, :, j], counted)
            for i in raters
            for j in raters
            if i != j
        ]
    )


def agreement_with(reference: NDArray[np.float64], ratings: NDArray[np.float64]) -> Ratio:
    """Pair agreement of one rater with the reference, over all raters."""
    raters = range(ratings.shape[2])
    return _sum([pair_agreement(reference, ratings[:, :, i]) for i in raters])


def within_item_sd(ratings: NDArray[np.float64], counted: NDArray[np.bool_] | None = None) -> Ratio:
    """Mean over items of the standard deviation (n - 1) of an item's ratings."""
    spread = ratings.std(axis=2, ddof=1)
    used = np.ones(spread.shape) if counted is None else counted[:, :, None] * np.ones(spread.shape)
    return Ratio((spread * used).sum(axis=1), used.sum(axis=1))


def level_share(ratings: NDArray[np.float64], level: int) -> Ratio:
    """Share of ratings that are of the level."""
    return Ratio(
        (ratings == level).sum(axis=(1, 2)) * 1.0,
        np.full((len(ratings), ratings.shape[3]), float(ratings.shape[1] * ratings.shape[2])),
    )


def level_shares(ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of ratings of each level: (criterion, level)."""
    low, high = LEVELS
    shares = [level_share(ratings, level).value for level in range(low, high + 1)]
    return np.stack(shares, axis=-1)


def offsets(ratings: NDArray[np.float64], rater: int) -> Ratio:
    """How far one rater's mean lies above the mean of all."""
    above = ratings[:, :, rater] - ratings.mean(axis=2)
    return Ratio(above.sum(axis=1), np.full((len(above), above.shape[2]), float(above.shape[1])))


def copied(ratings: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Items (article, item) that all raters rated alike on every criterion."""
    return np.asarray((ratings.max(axis=2) == ratings.min(axis=2)).all(axis=-1))


def _sum(ratios: list[Ratio]) -> Ratio:
    return Ratio(
        np.sum([ratio.part for ratio in ratios], axis=0),
        np.sum([ratio.whole for ratio in ratios], axis=0),
    )
