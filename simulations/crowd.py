"""Crowds: many simulated raters, each with weights of their own and of some kind of person."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from prefgym.simulations.answers import Answers, concatenate, take
from prefgym.simulations.judges import rate
from prefgym.simulations.noise import Situation
from prefgym.simulations.person import Person, Shown, answer_as, answer_prob, weigh
from prefgym.simulations.raters import Calibration, calibrate

Look = Callable[[float], Float64[np.ndarray, "query 2 criterion"]]
"""A discount -> the sums of the criteria over the clips of each query."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many raters.

    Args:
        kinds: the kinds of person among them.
        kind: index of each one's kind.
        weights: what each wants.
        activity: how much of the work each does, in proportion to each other.
        leniency: added to each one's ratings [levels].
        bad: who is no help: for measuring only.
        group: whose culture each is of: for measuring only.
    """

    kinds: tuple[Person, ...]
    kind: Int64[np.ndarray, " rater"]
    weights: Float64[np.ndarray, "rater criterion"]
    activity: Float64[np.ndarray, " rater"]
    leniency: Float64[np.ndarray, " rater"]
    bad: Bool[np.ndarray, " rater"]
    group: Int64[np.ndarray, " rater"]

    def __post_init__(self) -> None:
        if len(self) < 1 or not 0 <= self.kind.min() <= self.kind.max() < len(self.kinds):
            raise ValueError(
                f"a crowd must have raters, each of one of its {len(self.kinds)} kinds"
            )
        if not (np.isfinite(self.activity).all() and (self.activity >= 0).all()):
            raise ValueError("activity must be finite and at least 0")
        if self.activity.sum() == 0:
            raise ValueError("somebody of a crowd must be active")

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called: a number, which tells nothing of the person."""
        digits = len(str(len(self)))
        return tuple(f"rater-{number:0{digits}d}" for number in range(1, len(self) + 1))

    def assign(self, num_queries: int, *, rng: np.random.Generator) -> Int64[np.ndarray, " query"]:
        """Who answers each query: independent draws by activity."""
        return rng.choice(len(self), size=num_queries, p=self.activity / self.activity.sum())


def answer_crowd(
    crowd: Crowd,
    rater: Int64[np.ndarray, " query"],
    look: Look,
    reference: Float64[np.ndarray, "candidate 2 criterion"],
    given: Int64[np.ndarray, " rater"],
    *,
    rng: np.random.Generator,
) -> Answers:
    """What the raters say, each to their own queries in order.

    Args:
        crowd: the raters.
        rater: who answers each query.
        look: shows the queries.
        reference: the round's candidate queries, undiscounted: they set everybody's scales.
        given: answers each had given before.
        rng: four numbers per query are drawn, whatever the answers.
    """
    parts = _parts(crowd, rater, look, reference, given)
    answers = [
        answer_as(p.person, p.weights, p.shown, p.scales, p.situation, rng=rng) for p in parts
    ]
    back = np.argsort(np.concatenate([part.query for part in parts]))
    return take(concatenate(answers), back)._replace(rater=np.array(crowd.names)[rater])


def crowd_prob(
    crowd: Crowd,
    rater: Int64[np.ndarray, " query"],
    look: Look,
    reference: Float64[np.ndarray, "candidate 2 criterion"],
    given: Int64[np.ndarray, " rater"],
) -> Float64[np.ndarray, " query"]:
    """Probability that the first is named, where the answer is neither a tie nor a skip."""
    found = np.empty(len(rater))
    for part in _parts(crowd, rater, look, reference, given):
        arguments = part.person, part.weights, part.shown, part.scales, part.situation
        found[part.query] = answer_prob(*arguments)
    return found


def rate_crowd(
    crowd: Crowd,
    rater: Int64[np.ndarray, " item"],
    criteria: Float64[np.ndarray, "item criterion"],
    *,
    rng: np.random.Generator,
) -> Float64[np.ndarray, "item criterion"]:
    """Ratings of items, each by one rater: their kind's judge, as lenient as they are."""
    found = np.empty(criteria.shape)
    for number in np.unique(rater):
        judge = crowd.kinds[crowd.kind[number]].judge
        own = replace(judge, bias=judge.bias + float(crowd.leniency[number]))
        items = rater == number
        found[items] = rate(own, criteria[items], rng=rng)
    return found


def count_before(rater: Int64[np.ndarray, " query"]) -> Int64[np.ndarray, " query"]:
    """How many earlier queries of the batch went to the same rater.

    >>> count_before(np.array([2, 0, 2, 2, 0]))
    array([0, 0, 1, 2, 1])
    """
    order = np.argsort(rater, kind="stable")
    new = np.flatnonzero(np.diff(rater[order], prepend=-1))
    first = np.repeat(new, np.diff(new, append=len(rater)))
    before = np.empty(len(rater), np.int64)
    before[order] = np.arange(len(rater)) - first
    return before


class _Part(NamedTuple):
    """The queries that went to people of one kind."""

    person: Person
    query: Int64[np.ndarray, " part"]
    weights: Float64[np.ndarray, "part criterion"]
    shown: Shown
    scales: Calibration
    situation: Situation


def _parts(
    crowd: Crowd,
    rater: Int64[np.ndarray, " query"],
    look: Look,
    reference: Float64[np.ndarray, "candidate 2 criterion"],
    given: Int64[np.ndarray, " rater"],
) -> list[_Part]:
    number = given[rater] + count_before(rater)
    criteria = look(1.0)
    level = _ranks(criteria.mean(axis=1), reference.mean(axis=1))
    contrast = _ranks(
        np.abs(np.diff(criteria, axis=1))[:, 0], np.abs(np.diff(reference, axis=1))[:, 0]
    )
    parts = []
    for kind, person in enumerate(crowd.kinds):
        query = np.flatnonzero(crowd.kind[rater] == kind)
        if len(query) == 0:
            continue
        discount = person.teacher.discount
        recent = criteria if discount == 1 else look(discount)
        situation = Situation(number[query], level[query], contrast[query])
        parts.append(
            _Part(
                person,
                query,
                crowd.weights[rater[query]],
                Shown(criteria[query], recent[query]),
                _scales(crowd, person, rater[query], reference, given),
                situation,
            )
        )
    return parts


def _scales(
    crowd: Crowd,
    person: Person,
    rater: Int64[np.ndarray, " part"],
    reference: Float64[np.ndarray, "candidate 2 criterion"],
    given: Int64[np.ndarray, " rater"],
) -> Calibration:
    """Every query's scales: those of its rater, by what they want as the round begins."""
    who, index = np.unique(rater, return_inverse=True)
    weights = person.weights_at(crowd.weights[who], given[who])
    rows = np.empty((len(who), 3))
    for row, own in zip(rows, weights, strict=True):
        returns = weigh(reference, np.broadcast_to(own, (len(reference), len(own))))
        found = calibrate(person.teacher, returns)
        row[:] = found.return_sd, found.equal_gap, found.skip_return
    return Calibration(*rows[index].T)


def _ranks(
    values: Float64[np.ndarray, "query criterion"],
    reference: Float64[np.ndarray, "candidate criterion"],
) -> Float64[np.ndarray, "query criterion"]:
    """Share of the candidates that are lower, equal ones counted half, criterion by criterion."""
    ranks = np.empty(values.shape)
    for column in range(values.shape[1]):
        known, sought = np.sort(reference[:, column]), values[:, column]
        lower, no_higher = (np.searchsorted(known, sought, side) for side in ("left", "right"))
        ranks[:, column] = (lower + no_higher) / 2
    return ranks / len(reference)
