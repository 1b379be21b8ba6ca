"""A simulated person: a teacher of B-Pref with more of what people have."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.simulations.answers import Answers
from prefgym.simulations.judges import EXPERT, Judge
from prefgym.simulations.noise import Noise, Situation, all_turned, said_prob
from prefgym.simulations.raters import Calibration, Teacher, answer, first_prob, perceived_gap


@dataclass(frozen=True, slots=True)
class Drift:
    """How what a person wants moves with the answers they give.

    Up to answer `begin` the weights are the person's own; they go evenly to `towards`, which they
    have reached at answer `end`. `begin` = `end` is a change of mind between two answers. Ties and
    skips go by thresholds that were set before: who skips should not drift within a round.
    """

    towards: tuple[float, ...]
    begin: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.end:
            raise ValueError(f"drift must have 0 <= begin <= end, got {self.begin} and {self.end}")

    def weights(
        self,
        weights: Float64[np.ndarray, "query criterion"],
        number: Int64[np.ndarray, " query"],
    ) -> Float64[np.ndarray, "query criterion"]:
        """The weights by which each answer is given.

        Raises:
            ValueError: if the drift is towards another number of criteria.
        """
        if len(self.towards) != weights.shape[1]:
            raise ValueError(
                f"drift must be towards {weights.shape[1]} weights, got {len(self.towards)}"
            )
        span = max(self.end - self.begin, 1)
        moved = np.clip((number - self.begin) / span, 0.0, 1.0)
        moved = np.where(number >= self.end, 1.0, moved)[:, None]
        return (1 - moved) * weights + moved * np.array(self.towards)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: log-normal, and longer where the person is undecided.

    seconds = median (1 + hesitation 4 p (1 - p)) exp(spread z) with z standard normal and p the
    probability of meaning the first. Christiano et al. 2017 report 3 to 5 s per comparison.

    Args:
        median: of an answer that the person is sure of [s].
        spread: standard deviation of the logarithm.
        hesitation: how much longer a coin flip takes, as a share.
    """

    median: float = 4.0
    spread: float = 0.5
    hesitation: float = 0.5

    def __post_init__(self) -> None:
        if not (self.median > 0 and self.spread >= 0 and self.hesitation >= 0):
            raise ValueError(
                "latency must have median > 0, spread >= 0 and hesitation >= 0, "
                f"got {self.median}, {self.spread} and {self.hesitation}"
            )

    def medians(self, prob: Float64[np.ndarray, " query"]) -> Float64[np.ndarray, " query"]:
        """Median seconds where the first is meant with these probabilities."""
        return self.median * (1 + self.hesitation * 4 * prob * (1 - prob))


@dataclass(frozen=True, slots=True)
class Person:
    """What kind of person answers, whatever it is that they want.

    Args:
        teacher: how a comparison is perceived, with the ties, skips and mistakes of B-Pref.
        side_bias: log-odds by which the clip shown first is favoured.
        noises: what happens to an answer between meaning and saying it, in this order. Ties and
            skips stay what they are.
        drift: how what they want moves; None: it stays.
        latency: how long answers take.
        judge: how this person rates.
    """

    teacher: Teacher
    side_bias: float = 0.0
    noises: tuple[Noise, ...] = ()
    drift: Drift | None = None
    latency: Latency = Latency()
    judge: Judge = EXPERT

    def __post_init__(self) -> None:
        if not np.isfinite(self.side_bias):
            raise ValueError(
                f"side_bias of {self.teacher.name!r} must be finite, got {self.side_bias}"
            )

    def weights_at(
        self,
        weights: Float64[np.ndarray, "query criterion"],
        number: Int64[np.ndarray, " query"],
    ) -> Float64[np.ndarray, "query criterion"]:
        """What is wanted after so many answers."""
        return weights if self.drift is None else self.drift.weights(weights, number)


class Shown(NamedTuple):
    """What queries show a person: sums of the criteria over each of two clips."""

    criteria: Float64[np.ndarray, "query 2 criterion"]
    recent: Float64[np.ndarray, "query 2 criterion"]
    """The same with the person's discount."""


def answer_as(
    person: Person,
    weights: Float64[np.ndarray, "query criterion"],
    shown: Shown,
    calibration: Calibration,
    situation: Situation,
    *,
    rng: np.random.Generator,
) -> Answers:
    """What people of this kind say, each query with the weights of whom it was put to.

    Args:
        person: the kind of all of them.
        weights: what they want before any drift.
        shown: the queries.
        calibration: their scales in this round.
        situation: of each answer.
        rng: four numbers per query are drawn, whatever the answers.
    """
    weights = person.weights_at(weights, situation.number)
    recent = weigh(shown.recent, weights)
    meant = answer(
        person.teacher,
        weigh(shown.criteria, weights),
        recent,
        calibration,
        side_bias=person.side_bias,
        rng=rng,
    )
    first = meant.preference == 1
    turned = all_turned(person.noises, situation)
    chance = np.where(first, turned[:, 0], turned[:, 1])
    struck = (rng.random(len(chance)) < chance) & ~meant.tied & ~meant.skipped
    median = person.latency.medians(_meant_prob(person, recent, calibration))
    seconds = median * np.exp(person.latency.spread * rng.standard_normal(len(chance)))
    return meant._replace(
        preference=np.where(struck, 1 - meant.preference, meant.preference),
        flipped=meant.flipped ^ struck,
        seconds=seconds,
    )


def answer_prob(
    person: Person,
    weights: Float64[np.ndarray, "query criterion"],
    shown: Shown,
    calibration: Calibration,
    situation: Situation,
) -> Float64[np.ndarray, " query"]:
    """Probability that the first is named, where the answer is neither a tie nor a skip."""
    recent = weigh(shown.recent, person.weights_at(weights, situation.number))
    meant = _meant_prob(person, recent, calibration)
    mistake = person.teacher.mistake
    meant = meant * (1 - mistake) + (1 - meant) * mistake
    return said_prob(meant, all_turned(person.noises, situation))


def weigh(
    criteria: Float64[np.ndarray, "query 2 criterion"],
    weights: Float64[np.ndarray, "query criterion"],
) -> Float64[np.ndarray, "query 2"]:
    """Weighted sums, criterion by criterion: equal clips then have equal returns to the bit."""
    returns = np.zeros(criteria.shape[:2])
    for index in range(criteria.shape[2]):
        returns += weights[:, index, None] * criteria[:, :, index]
    return returns


def _meant_prob(
    person: Person, recent: Float64[np.ndarray, "query 2"], calibration: Calibration
) -> Float64[np.ndarray, " query"]:
    gap, teacher = perceived_gap(recent), person.teacher
    return first_prob(gap, teacher.rationality, calibration.return_sd, person.side_bias)
