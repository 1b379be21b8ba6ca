"""How far people agree: with each other, with themselves, and with what is known to be right.

Answers of several people to the same questions come as counts: how many chose each level of each
unit, a unit being a question. All that is reported of them is a function of sums over units, so
one matrix product gives a bootstrap sample of any of it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

Counts = Int64[np.ndarray, "unit level"]
Sums = Float64[np.ndarray, "sample total"]
Values = Float64[np.ndarray, " sample"]

NUM_SAMPLES = 1000
PRIOR_RIGHT, PRIOR_WRONG = 8.0, 2.0  # answers: what is thought of a person before the first one
_NORMAL_QUANTILE = 1.959963984540054  # of .975
_BLOCK = 2_000_000  # drawn counts held at a time


class Estimate(NamedTuple):
    """A figure with its 95 % interval; nan where too little is known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def krippendorff_alpha(
    counts: Counts, *, ordinal: bool = True, mirrored: bool = False, rng: np.random.Generator
) -> Estimate:
    """Krippendorff's alpha, with a bootstrap interval over units.

    1 is perfect agreement, 0 what chance gives. Alpha = 1 - (n - 1) sum o d / sum n n d, over the
    coincidences o of levels in units that at least two people answered; Krippendorff, Content
    Analysis (2018), chapter 12. Undefined where everyone always says the same.

    Args:
        counts: answers of each level.
        ordinal: whether levels are an order, or only differ.
        mirrored: whether the order of the levels of a unit is arbitrary, as that of the two
            segments compared is; alpha then does not depend on it.
        rng: for the interval.
    """
    num_levels = counts.shape[1]
    pairs = _coincidences(counts)
    if mirrored:
        pairs = (pairs + pairs[:, ::-1, ::-1]) / 2

    def alpha(sums: Sums) -> Values:
        return _alpha(sums.reshape(-1, num_levels, num_levels), ordinal=ordinal)

    return bootstrap(pairs.reshape(len(pairs), num_levels**2), alpha, rng=rng)


def fleiss_kappa(counts: Counts, *, mirrored: bool = False, rng: np.random.Generator) -> Estimate:
    """Fleiss' kappa, with a bootstrap interval over units; levels only differ.

    Fleiss 1971, where every unit has the same number of answers; otherwise each unit that at least
    two people answered counts by its number of answers. Arguments as for `krippendorff_alpha`.
    """
    shared = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    num_answers = shared.sum(axis=1, keepdims=True)
    agreeing = (shared * (shared - 1)).sum(axis=1, keepdims=True) / (num_answers - 1)
    levels = (shared + shared[:, ::-1]) / 2 if mirrored else shared

    def kappa(sums: Sums) -> Values:
        total = sums[:, 0]
        expected = np.square(sums[:, 2:] / total[:, None]).sum(axis=1)
        return (sums[:, 1] / total - expected) / (1 - expected)

    return bootstrap(np.concatenate([num_answers, agreeing, levels], axis=1), kappa, rng=rng)


def cohen_kappa(table: Int64[np.ndarray, "level level"]) -> float:
    """Cohen's kappa of two people: `table[a, b]` units that one called a and the other b."""
    share = table / table.sum()
    expected = float(share.sum(axis=0) @ share.sum(axis=1))
    return float(np.trace(share) - expected) / (1 - expected) if expected < 1 else float("nan")


def bootstrap(
    units: Float64[np.ndarray, "unit total"],
    statistic: Callable[[Sums], Values],
    *,
    num_samples: int = NUM_SAMPLES,
    rng: np.random.Generator,
) -> Estimate:
    """A statistic of sums over units, with its 95 % percentile interval over redrawn units.

    Args:
        units: what each unit adds to the totals.
        statistic: of totals, one row per sample.
        num_samples: how often to draw.
        rng: what draws.
    """
    count = len(units)
    if count == 0:
        return UNKNOWN
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(units.sum(axis=0)[None])[0])
        if not np.isfinite(value):
            return UNKNOWN
        block = max(1, _BLOCK // count)
        drawn = []
        for start in range(0, num_samples, block):
            size = min(block, num_samples - start)
            weights = rng.multinomial(count, np.full(count, 1 / count), size=size)
            drawn.append(statistic(weights.astype(np.float64) @ units))
        low, high = np.nanquantile(np.concatenate(drawn), [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def wilson(successes: int, trials: int) -> Estimate:
    """A share and its 95 % interval by Wilson 1927, which holds for few trials and shares of 0."""
    if trials == 0:
        return UNKNOWN
    share, z2 = successes / trials, _NORMAL_QUANTILE**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = share * (1 - share) / trials + z2 / (4 * trials**2)
    half = _NORMAL_QUANTILE * np.sqrt(spread) / (1 + z2 / trials)
    # at shares of 0 and 1 rounding could leave the share itself outside
    low, high = min(middle - half, share), max(middle + half, share)
    return Estimate(share, float(max(low, 0.0)), float(min(high, 1.0)))


def trust(
    raters: Int64[np.ndarray, " answer"],
    units: Int64[np.ndarray, " answer"],
    firsts: Bool[np.ndarray, " answer"],
    truth: Float64[np.ndarray, " unit"],
    num_raters: int,
    *,
    num_rounds: int = 100,
) -> Float64[np.ndarray, " rater"]:
    """How probable it is that each person's choice between two is right.

    The one-coin model of Dawid & Skene 1979, fitted by EM from a Beta(8, 2) prior: what several
    people chose tells what is right, and that tells who is. A unit that one person answered and
    nobody knows tells nothing. nan for a person of whom nothing is known.

    Args:
        raters: who answered.
        units: what was asked.
        firsts: whether the first was chosen; ties and skips are left out.
        truth: 1 where the first is known to be right, 0 where the second is, else nan.
        num_raters: number of people.
        num_rounds: of EM.
    """
    known = ~np.isnan(truth)
    telling = known[units] | (np.bincount(units, minlength=len(truth)) > 1)[units]
    raters, units, firsts = raters[telling], units[telling], firsts[telling]
    answers = np.bincount(raters, minlength=num_raters)
    right = np.full(num_raters, PRIOR_RIGHT / (PRIOR_RIGHT + PRIOR_WRONG))
    signs = np.where(firsts, 1.0, -1.0)
    for _ in range(num_rounds):
        votes = signs * np.log(right / (1 - right))[raters]
        odds = np.bincount(units, votes, minlength=len(truth))
        # of exp, so that many agreeing answers cannot overflow it
        first_right = np.where(known, truth, 0.5 * (1 + np.tanh(odds / 2)))
        agreed = np.where(firsts, first_right[units], 1 - first_right[units])
        hits = np.bincount(raters, agreed, minlength=num_raters)
        right = (PRIOR_RIGHT + hits) / (PRIOR_RIGHT + PRIOR_WRONG + answers)
    return np.where(answers > 0, right, np.nan)


def _coincidences(counts: Counts) -> Float64[np.ndarray, "shared level level"]:
    """Pairs of answers of each unit that at least two people answered, n(n-1)/(n-1) of them."""
    shared = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    pairs = shared[:, :, None] * shared[:, None, :]
    levels = np.arange(counts.shape[1])
    pairs[:, levels, levels] -= shared
    return pairs / (shared.sum(axis=1) - 1)[:, None, None]


def _alpha(pairs: Float64[np.ndarray, "sample level level"], *, ordinal: bool) -> Values:
    """Alpha of each sample's summed coincidences."""
    levels = pairs.sum(axis=2)
    distance = _ordinal_distance(levels) if ordinal else 1.0 - np.eye(levels.shape[1])
    observed = (pairs * distance).sum(axis=(1, 2))
    expected = (levels[:, :, None] * levels[:, None, :] * distance).sum(axis=(1, 2))
    return 1 - (levels.sum(axis=1) - 1) * observed / expected


def _ordinal_distance(
    levels: Float64[np.ndarray, "sample level"],
) -> Float64[np.ndarray, "sample level level"]:
    """Squared number of answers between two levels, half of those on them included."""
    middle = np.cumsum(levels, axis=1) - levels / 2
    return np.square(middle[:, :, None] - middle[:, None, :])
