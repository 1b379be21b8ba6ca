"""Simulated people who compare two segments: the teachers of B-Pref, made scale-free.

Lee, Smith, Dragan & Abbeel 2021 ("B-Pref: Benchmarking Preference-Based Reinforcement Learning")
describe people by rationality, myopia, mistakes, skips and ties. Names and parameters are theirs.
Two things differ, so that a parameter means the same in every task and in every round:

- `rationality` is per standard deviation of segment return, not per unit of reward;
- `equal` and `skip` are the shares of queries that the person ties or skips. Their thresholds are
  quantiles over the round's candidate queries, so no sign or scale of reward switches them off.

Answers therefore do not change under r -> a r + b with a > 0, for segments of one length.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from prefgym.simulations.answers import Answers as Answers
from prefgym.simulations.answers import RaterStatistics as RaterStatistics
from prefgym.simulations.answers import rater_statistics as rater_statistics

# Relative differences below this are rounding of the sums, not something a person could see.
_ROUNDING = 1e-12

Scale = float | Float64[np.ndarray, " query"]


@dataclass(frozen=True, slots=True)
class Teacher:
    """What kind of person answers.

    Args:
        name: what reports call this person.
        rationality: inverse temperature [1 / standard deviation of segment return]; 0 answers at
            random, inf always takes the better.
        discount: weight of a step against the step after it; below 1 the end of a clip counts more.
        mistake: probability that a decided answer is turned over.
        skip: share of queries skipped, those in which even the better clip is worst.
        equal: share of the queries not skipped that are called a tie, those with the closest
            returns.
    """

    name: str
    rationality: float = math.inf
    discount: float = 1.0
    mistake: float = 0.0
    skip: float = 0.0
    equal: float = 0.0

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a teacher's name must not be empty")
        if not self.rationality >= 0:
            raise ValueError(
                f"rationality of teacher {self.name!r} must be >= 0 (inf: never errs), "
                f"got {self.rationality}"
            )
        if not 0 < self.discount <= 1:
            raise ValueError(
                f"discount of teacher {self.name!r} must be in (0, 1], got {self.discount}"
            )
        if not 0 <= self.mistake <= 1:
            raise ValueError(
                f"mistake of teacher {self.name!r} must be a probability in [0, 1], "
                f"got {self.mistake}"
            )
        for field, share in (("skip", self.skip), ("equal", self.equal)):
            if not 0 <= share < 1:
                raise ValueError(
                    f"{field} of teacher {self.name!r} must be a share in [0, 1), got {share}"
                )

    @property
    def deterministic(self) -> bool:
        """Whether nothing but a mistake makes this person miss a difference."""
        return math.isinf(self.rationality)


TEACHERS: Mapping[str, Teacher] = {
    teacher.name: teacher
    for teacher in (
        Teacher("oracle"),
        Teacher("stochastic", rationality=1.0),
        Teacher("mistake", mistake=0.1),
        Teacher("skip", skip=0.1),
        Teacher("equal", equal=0.1),
        Teacher("myopic", discount=0.9),
        Teacher("noisy", rationality=2.0),
    )
}
"""The six of B-Pref, and `noisy`, who errs on 17 % of pairs with normally distributed returns and
on more where most clips are alike."""


def find_teacher(name: str) -> Teacher:
    """The published teacher of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in TEACHERS:
        raise ValueError(f"teacher must be one of {', '.join(TEACHERS)}, got {name!r}")
    return TEACHERS[name]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A teacher's scales in units of segment return, for one round.

    One number each; or one per query, where people with scales of their own answer.

    Args:
        return_sd: standard deviation of the returns of the reference segments.
        equal_gap: returns closer than this are a tie.
        skip_return: a query whose better clip returns less than this is skipped.
    """

    return_sd: Scale
    equal_gap: Scale
    skip_return: Scale


def segment_returns(
    criteria: Float[np.ndarray, "*batch time criterion"],
    mask: Bool[np.ndarray, "*batch time"],
    weights: Float[np.ndarray, " criterion"],
    *,
    discount: float = 1.0,
) -> Float64[np.ndarray, "*batch"]:
    """Return of each segment to a person with these weights, over the unmasked steps.

    R = sum_t discount^(H-1-t) sum_k weights_k criteria_tk, with H the window's length: masked
    steps count as steps of reward 0 (an episode that is over).

    >>> segment_returns(np.ones((3, 1)), np.ones(3, bool), np.ones(1), discount=0.5)
    array(1.75)
    """
    # One multiply-add per criterion and a sum along contiguous memory: unlike a matrix product,
    # whose rounding depends on the batch, this gives equal segments equal returns to the last bit.
    rewards = np.zeros(mask.shape, np.float64)
    for index, weight in enumerate(weights):
        rewards += weight * criteria[..., index].astype(np.float64)
    recency = discount ** np.arange(mask.shape[-1] - 1, -1, -1, dtype=np.float64)
    return np.asarray(np.where(mask, rewards * recency, 0.0).sum(axis=-1))


def calibrate(teacher: Teacher, returns: Float64[np.ndarray, "query 2"]) -> Calibration:
    """Thresholds for which `teacher` realises the shares asked for on queries like these.

    Args:
        teacher: the person.
        returns: undiscounted returns of the round's candidate queries, the reference.

    Raises:
        ValueError: if there is no query or a return is not finite.
    """
    _require_finite("returns", returns)
    if len(returns) == 0:
        raise ValueError("a teacher is calibrated on at least one query, got none")
    # Deviations from one of the returns: a common offset then cancels before any rounding.
    deviation = returns - returns[0, 0]
    return_sd = float(deviation.std())
    if return_sd <= _ROUNDING * float(np.abs(returns).max()):
        return_sd = 0.0
    best = returns.max(axis=1)
    skip_return = _share_threshold(best, teacher.skip) if teacher.skip > 0 else -math.inf
    gaps = np.abs(perceived_gap(returns[best >= skip_return]))
    equal_gap = _share_threshold(gaps, teacher.equal) if teacher.equal > 0 else 0.0
    return Calibration(return_sd, equal_gap, skip_return)


def answer(
    teacher: Teacher,
    returns: Float64[np.ndarray, "query 2"],
    myopic_returns: Float64[np.ndarray, "query 2"],
    calibration: Calibration,
    *,
    side_bias: float = 0.0,
    rng: np.random.Generator,
) -> Answers:
    """What `teacher` says about each query.

    In B-Pref's order: skip; label, the first with probability
    sigmoid(rationality (D_1 - D_2) / SD + side_bias); mistake; tie, which overrides the label. A
    person who perceives no difference at all (D_1 = D_2) ties, unless the choice is stochastic and
    ties are unknown to this person (`equal` = 0): then it is a coin flip.

    Args:
        teacher: the person.
        returns: undiscounted returns S of the two segments.
        myopic_returns: returns D with the teacher's `discount`.
        calibration: thresholds of this round.
        side_bias: log-odds by which the clip shown first is favoured.
        rng: two numbers per query are drawn, whatever the answers.
    """
    _require_finite("returns", returns)
    _require_finite("myopic_returns", myopic_returns)
    label_draw, mistake_draw = rng.random((2, len(returns)))
    gap, perceived = perceived_gap(returns), perceived_gap(myopic_returns)

    skipped = returns.max(axis=1) < calibration.skip_return
    label = label_draw < first_prob(
        perceived, teacher.rationality, calibration.return_sd, side_bias
    )
    mistaken = mistake_draw < teacher.mistake
    tied = np.abs(gap) < calibration.equal_gap
    sees_no_difference = teacher.deterministic or teacher.equal > 0
    tied |= (perceived == 0) & (sees_no_difference | (np.asarray(calibration.return_sd) == 0))
    tied &= ~skipped

    preference = np.where(tied, 0.5, label ^ mistaken)
    return Answers(
        preference=np.where(skipped, np.nan, preference),
        better=(1 + np.sign(gap)) / 2,
        flipped=mistaken & ~tied & ~skipped,
        tied=tied,
        skipped=skipped,
    )


def first_prob(
    gap: Float64[np.ndarray, " query"],
    rationality: float,
    return_sd: Scale,
    side_bias: float = 0.0,
) -> Float64[np.ndarray, " query"]:
    """sigmoid(rationality gap / SD + side_bias), and its limits where that is 0 or infinite.

    Who sees a difference without fail is not moved by the side it is shown on.
    """
    if rationality == 0:
        return np.full(gap.shape, (1 + np.tanh(side_bias / 2)) / 2)
    certain: Float64[np.ndarray, " query"] = (1 + np.sign(gap)) / 2
    if math.isinf(rationality):
        return certain
    scale = np.asarray(return_sd)
    logit = rationality / 2 * (gap / np.where(scale == 0, 1.0, scale))
    return np.where(scale == 0, certain, (1 + np.tanh(logit + side_bias / 2)) / 2)


def perceived_gap(returns: Float64[np.ndarray, "query 2"]) -> Float64[np.ndarray, " query"]:
    """First return minus second, 0 where they differ by no more than rounding."""
    gap = returns[:, 0] - returns[:, 1]
    rounding = _ROUNDING * np.abs(returns).max(axis=1, initial=0.0)
    return np.where(np.abs(gap) <= rounding, 0.0, gap)


def _share_threshold(values: Float64[np.ndarray, " query"], share: float) -> float:
    """The value below which lies this share of `values`.

    One of `values` itself, not an interpolation: comparing with it is then exact.
    """
    count = min(round(share * len(values)), len(values) - 1)
    return float(np.partition(values, count)[count])


def _require_finite(name: str, returns: Float64[np.ndarray, "query 2"]) -> None:
    bad = int((~np.isfinite(returns)).sum())
    if bad:
        raise ValueError(
            f"{name} must be finite, got {bad} of {returns.size} that are not; "
            "look for nan or infinite rewards in the environment"
        )
