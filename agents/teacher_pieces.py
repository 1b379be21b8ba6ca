"""Every piece of a simulated person beside its closed form, on clips of diverse drivers."""

from collections.abc import Mapping, Sequence
from math import exp, inf, sqrt
from typing import NamedTuple

import numpy as np

from prefgym.simulations.answers import Answers
from prefgym.simulations.crowd import Crowd, answer_crowd, crowd_prob
from prefgym.simulations.crowds import BAD_PEOPLE, EXPERT_PERSON, WORKER
from prefgym.simulations.noise import Fatigue, FeatureNoise, Flip, Lapse, Noise, Situation
from prefgym.simulations.person import Drift, Latency, Person, Shown, answer_as
from prefgym.simulations.raters import TEACHERS, Calibration, Teacher

NUM_DRAWS = 100_000
NUM_RATERS = 500
NUM_REFERENCE = 1000
QUANTILE = 2.576  # of the normal distribution, for a central 99 %
SCALE = (1000.0, 12.5)

NOISY = TEACHERS["noisy"]


def _errs(*noises: Noise) -> Person:
    return Person(NOISY, noises=noises)


PIECES: Mapping[str, Person] = {
    "none": Person(NOISY),
    "side bias of 0.8": Person(NOISY, side_bias=0.8),
    "drift to the opposite, answers 50 to 150": Person(
        NOISY, drift=Drift((0.0, 0.0, -1.0, 0.0), 50, 150)
    ),
    "change of mind at answer 100": Person(NOISY, drift=Drift((0.0, 1.0, 0.0, 0.0), 100, 100)),
    "fatigue to 60 % lapses, scale 100": _errs(Fatigue(0.6, 100.0)),
    "90 % flips where comfort is high (30 %)": _errs(FeatureNoise(0, "high", 0.3, 0.9)),
    "90 % flips where pace is low (30 %)": _errs(FeatureNoise(1, "low", 0.3, 0.9)),
    "50 % flips where safety is alike (50 %)": _errs(FeatureNoise(2, "alike", 0.5, 0.5)),
    "adversary": BAD_PEOPLE["adversary"],
    "contrary in 75 %": BAD_PEOPLE["contrary"],
    "20 % lapses": _errs(Lapse(0.2)),
    "random clicker": BAD_PEOPLE["clicker"],
    "clicks on the first in 90 %": BAD_PEOPLE["sided"],
    "tired": BAD_PEOPLE["tired"],
    "myopic and mistaken": Person(Teacher("both", rationality=2.0, discount=0.9, mistake=0.1)),
    "expert": EXPERT_PERSON,
    "crowd worker": WORKER,
    "several at once": Person(
        NOISY,
        side_bias=-0.5,
        noises=(Flip(0.2), Lapse(0.2, first=0.8), Fatigue(0.5, 100.0)),
    ),
}


class Clips(NamedTuple):
    """Queries of clips: sums of the criteria, by discount, and what the person wants."""

    criteria: Mapping[float, np.ndarray]
    weights: np.ndarray


def piece_rows(clips: Clips) -> list[list[str]]:
    """A row of the table for every piece.

    `NUM_RATERS` people of each kind answer `NUM_DRAWS` queries between them. Realised shares of
    answers for the clip that is truly better and for the first, each with the central 99 % that
    the closed form leaves; and how many answers stay when every reward r becomes a r + b.
    """
    return [_row(name, person, clips) for name, person in PIECES.items()]


def _row(name: str, person: Person, clips: Clips) -> list[str]:
    answers, prob = _ask(person, clips, 1.0, 0.0)
    other, _ = _ask(person, clips, *SCALE)
    decided = ~answers.tied & ~answers.skipped
    first = (answers.preference == 1)[decided]
    better_first = (_truth(clips) > 0)[decided]
    prob = prob[decided]
    return [
        name,
        verdict(first == better_first, np.where(better_first, prob, 1 - prob)),
        verdict(first, prob),
        f"{int(np.sum(answers.preference == other.preference))} / {NUM_DRAWS}",
    ]


def verdict(happened: np.ndarray, prob: np.ndarray) -> str:
    """A realised share, and the central 99 % of the sum of independent events."""
    share, expected = happened.mean(), prob.mean()
    half = QUANTILE * sqrt(float((prob * (1 - prob)).sum())) / len(prob)
    inside = abs(share - expected) <= half + 0.5 / len(prob)
    word = "in" if inside else "OUTSIDE"
    return f"{share:.4f} {word} {expected - half:.4f}..{expected + half:.4f}"


def _queries(clips: Clips) -> np.ndarray:
    """Which clip pair each draw is about: all of them, again and again."""
    return np.arange(NUM_DRAWS) % len(clips.criteria[1.0])


def _truth(clips: Clips) -> np.ndarray:
    gaps = clips.criteria[1.0] @ clips.weights
    return np.asarray((gaps[:, 0] - gaps[:, 1])[_queries(clips)])


def _crowd(person: Person, weights: np.ndarray) -> Crowd:
    nobody = np.zeros(NUM_RATERS)
    return Crowd(
        kinds=(person,),
        kind=nobody.astype(np.int64),
        weights=np.tile(weights, (NUM_RATERS, 1)),
        activity=nobody + 1,
        leniency=nobody,
        bad=nobody > 0,
        group=nobody.astype(np.int64),
    )


def _ask(person: Person, clips: Clips, a: float, b: float) -> tuple[Answers, np.ndarray]:
    """Answers and their probabilities where every sum of rewards r is a r + b."""
    crowd, index = _crowd(person, clips.weights), _queries(clips)
    rng = np.random.default_rng(0)
    rater = crowd.assign(NUM_DRAWS, rng=rng)
    shown = {discount: sums[index] * a + b for discount, sums in clips.criteria.items()}
    reference = clips.criteria[1.0][:NUM_REFERENCE] * a + b
    given = np.zeros(NUM_RATERS, np.int64)
    answers = answer_crowd(crowd, rater, shown.__getitem__, reference, given, rng=rng)
    return answers, crowd_prob(crowd, rater, shown.__getitem__, reference, given)


def latency_rows() -> list[list[str]]:
    """How long answers take by how far the clips lie apart, for the noisy teacher."""
    person = Person(NOISY, latency=Latency(median=4.0, spread=0.5, hesitation=0.5))
    return [_latency_row(person, gap) for gap in (0.0, 0.5, 1.0, 2.0)]


def _latency_row(person: Person, gap: float) -> list[str]:
    """Answers about the same pair again and again; its returns lie `gap` SDs apart."""
    criteria = np.tile([[gap], [0.0]], (NUM_DRAWS, 1, 1))
    nothing = np.zeros((NUM_DRAWS, 1))
    answers = answer_as(
        person,
        nothing + 1,
        Shown(criteria, criteria),
        Calibration(1.0, 0.0, -inf),
        Situation(np.zeros(NUM_DRAWS, np.int64), nothing, nothing),
        rng=np.random.default_rng(0),
    )
    p = 1 / (1 + exp(-person.teacher.rationality * gap))
    median = person.latency.median * (1 + person.latency.hesitation * 4 * p * (1 - p))
    assert answers.seconds is not None
    faster = verdict(answers.seconds < median, np.full(NUM_DRAWS, 0.5))
    return [f"{gap:g}", f"{median:.2f} s", f"{np.median(answers.seconds):.2f} s", faster]


def outside(rows: Sequence[Sequence[str]]) -> int:
    """How many verdicts are outside their interval."""
    return sum("OUTSIDE" in cell for row in rows for cell in row)
