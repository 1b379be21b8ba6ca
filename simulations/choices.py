"""Simulated people who rank, correct and take over: choices by their own returns.

They are the teachers of `raters`, in the same units: `rationality` is per standard deviation of
segment return, and the shares of ties and skips are of the same thresholds. A softmax is drawn as
the greatest of values with Gumbel noise, which gives exactly its probabilities (Luce 1959; Yellott
1977), and a whole ranking at once those of Plackett-Luce.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from prefgym.simulations.raters import Calibration, Teacher

LEAST_GAIN = 0.25  # [SD of segment return] below which nobody takes the trouble
NOTHING = -1


class Ranks(NamedTuple):
    """Ranks of every query's segments, 0 best, equal ranks ties; and which queries were skipped."""

    rank: Int64[np.ndarray, "query place"]
    skipped: Bool[np.ndarray, " query"]


def rank(
    teacher: Teacher,
    returns: Float64[np.ndarray, "query place"],
    calibration: Calibration,
    *,
    rng: np.random.Generator,
) -> Ranks:
    """In what order `teacher` puts the segments of each query.

    As comparisons are answered (`raters.answer`): the best is picked, then the best of the rest,
    with probability proportional to exp(rationality R / SD); by mistake the whole order is turned
    over; neighbours whose returns are closer than the threshold of ties, or are equal to one who
    never errs, share a rank. A query whose best is worst of all is skipped.

    Args:
        teacher: the person.
        returns: undiscounted returns of the segments.
        calibration: thresholds of this round.
        rng: a number per segment and one per query are drawn, whatever the answers.
    """
    noisy = _noisy(returns, temperature(teacher, calibration), rng)
    order = np.argsort(-noisy, axis=1, kind="stable")
    turned = rng.random(len(returns)) < teacher.mistake
    order = np.where(turned[:, None], order[:, ::-1], order)
    gap = np.abs(np.diff(np.take_along_axis(returns, order, axis=1), axis=1))
    tied = gap < calibration.equal_gap
    if teacher.deterministic or teacher.equal > 0 or calibration.return_sd == 0:
        tied |= gap == 0
    place = np.cumsum(np.concatenate([np.zeros((len(order), 1), bool), ~tied], axis=1), axis=1)
    ranks = np.empty(returns.shape, np.int64)
    np.put_along_axis(ranks, order, place, axis=1)
    return Ranks(ranks, returns.max(axis=1) < calibration.skip_return)


def correct(
    teacher: Teacher,
    gains: Float64[np.ndarray, "query option"],
    calibration: Calibration,
    *,
    least_gain: float = LEAST_GAIN,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " query"]:
    """Which correction `teacher` makes of each behaviour; NOTHING where none gains enough.

    Args:
        teacher: the person.
        gains: by how much each option raises the person's return; -inf where there is none.
        calibration: scale of this round.
        least_gain: of the best option, to correct at all [SD of segment return].
        rng: a number per option is drawn, whatever the answers.
    """
    chosen = pick(gains, temperature(teacher, calibration), rng=rng)
    enough = gains.max(axis=1, initial=-math.inf) > least_gain * calibration.return_sd
    return np.where(enough, chosen, NOTHING)


def take_over(
    gains: Float64[np.ndarray, "decision option"],
    calibration: Calibration,
    *,
    least_gain: float = LEAST_GAIN,
) -> tuple[int, int]:
    """The first decision at which somebody takes over, and for what; NOTHING twice if at none.

    Whoever watches does so as soon as the best option would raise their return of the next steps
    by enough, and takes that option.

    Args:
        gains: of each option over what the policy does, over the next steps.
        calibration: scale of this round.
        least_gain: of the best option, to take over at all [SD of segment return].
    """
    best = gains.max(axis=1, initial=-math.inf)
    when = np.flatnonzero(best > least_gain * calibration.return_sd)
    if not len(when):
        return NOTHING, NOTHING
    return int(when[0]), int(gains[when[0]].argmax())


def pick(
    values: Float64[np.ndarray, "query option"],
    temperature: float,
    *,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " query"]:
    """One option of each query, with the probabilities of `pick_prob`."""
    return np.argmax(_noisy(values, temperature, rng), axis=1).astype(np.int64)


def pick_prob(
    values: Float64[np.ndarray, "query option"], temperature: float
) -> Float64[np.ndarray, "query option"]:
    """Softmax of value / temperature; -inf is never picked, and of equals at 0 the first is."""
    there = values > -math.inf
    if math.isinf(temperature):
        return there / there.sum(axis=1, keepdims=True)
    above = values - values.max(axis=1, keepdims=True)
    if temperature == 0:
        best = np.zeros(values.shape)
        best[np.arange(len(values)), above.argmax(axis=1)] = 1.0
        return best
    odds: np.ndarray = np.exp(above / temperature)
    return odds / odds.sum(axis=1, keepdims=True)


def temperature(teacher: Teacher, calibration: Calibration) -> float:
    """Of a teacher's softmax, in units of return; 0 for one who always picks the best."""
    if teacher.rationality == 0:
        return math.inf
    return float(calibration.return_sd / teacher.rationality)


def _noisy(
    values: Float64[np.ndarray, "query option"], temperature: float, rng: np.random.Generator
) -> Float64[np.ndarray, "query option"]:
    """Values plus Gumbel noise of this scale; at an infinite one the noise alone."""
    noise = rng.gumbel(size=values.shape)
    if math.isinf(temperature):
        return np.where(values > -math.inf, noise, -math.inf)
    return values + temperature * noise
