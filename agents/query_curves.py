"""Where learning curves reach a level, and how that compares, with an interval over seeds."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from prefgym.agents.benchmark import Result
from prefgym.agents.statistics import Interval, Statistic, stratified_bootstrap

NUM_QUERIES = (*range(10, 101, 10), 120, 140, 160, 200)
SHARE = 0.95


def curve(row: Result, key: str) -> Float64[np.ndarray, " round"]:
    """A list of numbers in a result."""
    values = row[key]
    assert isinstance(values, list)  # written by `measure`
    return np.array(values, np.float64)


def wanted(row: Result, floor: float) -> float:
    """95 % of the way from the floor to where uniform queries end."""
    return floor + SHARE * (float(curve(row, "uniform")[-1]) - floor)


def first_reach(
    scores: Float64[np.ndarray, " round"], costs: Float64[np.ndarray, " round"], level: float
) -> float:
    """The cost at which a curve first meets a level, straight lines between; all of it if never.

    >>> first_reach(np.array([0.5, 0.75, 1.0]), np.array([10.0, 20.0, 40.0]), 0.875)
    30.0
    """
    there = np.flatnonzero(scores >= level)
    if not len(there):
        return float(costs[-1])
    i = int(there[0])
    if i == 0:
        return float(costs[0])
    part = (level - scores[i - 1]) / (scores[i] - scores[i - 1])
    return float(costs[i - 1] + part * (costs[i] - costs[i - 1]))


def costs_to_reach(
    rows: Sequence[Result], rule: str, *, floor: float = 0.0, seconds: bool = False
) -> Float64[np.ndarray, " seed"]:
    """Of every seed, the queries or seconds to 95 % of what uniform queries end at."""
    found = []
    for row in rows:
        costs = curve(row, f"{rule}, seconds") if seconds else np.array(NUM_QUERIES, np.float64)
        found.append(first_reach(curve(row, rule), costs, wanted(row, floor)))
    return np.array(found)


def never(rows: Sequence[Result], rule: str, *, floor: float = 0.0) -> int:
    """How many seeds do not get there."""
    return sum(bool(curve(row, rule).max() < wanted(row, floor)) for row in rows)


def cost_ratio(
    rows: Sequence[Result], rule: str, *, floor: float = 0.0, seconds: bool = False
) -> Interval:
    """Mean cost of a rule over that of uniform queries, with seeds resampled in pairs."""
    own = costs_to_reach(rows, rule, floor=floor, seconds=seconds)
    plain = costs_to_reach(rows, "uniform", floor=floor, seconds=seconds)

    def ratio(seed: Float64[np.ndarray, "*batch seed"]) -> Float64[np.ndarray, "*batch"]:
        index = seed.astype(np.int64)
        return np.asarray(own[index].mean(axis=-1) / plain[index].mean(axis=-1))

    return _over_seeds(len(rows), ratio)


def mean_curve_ratio(rows: Sequence[Result], rule: str, *, floor: float = 0.0) -> Interval:
    """The same with the curves averaged over seeds first: a lucky round of one counts for less."""
    own = np.stack([curve(row, rule) for row in rows])
    plain = np.stack([curve(row, "uniform") for row in rows])
    costs = np.array(NUM_QUERIES, np.float64)

    def one(index: Float64[np.ndarray, " seed"]) -> float:
        chosen = index.astype(np.int64)
        mean, reference = own[chosen].mean(axis=0), plain[chosen].mean(axis=0)
        level = floor + SHARE * (float(reference[-1]) - floor)
        return first_reach(mean, costs, level) / first_reach(reference, costs, level)

    def ratio(seed: Float64[np.ndarray, "*batch seed"]) -> Float64[np.ndarray, "*batch"]:
        return np.apply_along_axis(one, -1, seed)

    return _over_seeds(len(rows), ratio)


def mean_at(rows: Sequence[Result], key: str, index: int) -> Interval:
    """Mean over seeds of a curve at one of its places."""
    scores = [float(curve(row, key)[index]) for row in rows]
    rng = np.random.default_rng(0)
    return stratified_bootstrap([scores], lambda values: values.mean(axis=-1), rng=rng)


def _over_seeds(num_seeds: int, statistic: Statistic) -> Interval:
    """The interval of a statistic of the seeds' numbers, of which those of a resample are given."""
    numbers = np.arange(num_seeds, dtype=np.float64)
    return stratified_bootstrap([numbers.tolist()], statistic, rng=np.random.default_rng(0))
