"""Raters: who answers queries. A simulated person and a real one look alike from here."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from prefgym.feedback.query import Queries
from prefgym.feedback.segment import Segments
from prefgym.simulations.crowd import Crowd, answer_crowd, rate_crowd
from prefgym.simulations.judges import Judge, rate
from prefgym.simulations.raters import (
    Answers,
    Calibration,
    Teacher,
    answer,
    calibrate,
    segment_returns,
)


@runtime_checkable
class Rater(Protocol):
    """Someone who can be asked. `prepare` shows what a round is about before it begins."""

    name: str

    def prepare(self, candidates: Queries) -> None:
        """Look at the round's candidate queries, of which some will be asked."""
        ...

    def answer(self, queries: Queries, *, rng: np.random.Generator) -> Answers:
        """Answers to every query, in order."""
        ...

    def rate(
        self, segments: Segments, heads: Sequence[str], *, rng: np.random.Generator
    ) -> Float64[np.ndarray, "segment head"]:
        """Ratings of every segment on the named criteria; nan where one was not rated."""
        ...


class SimulatedRater:
    """A B-Pref teacher who judges by gold criteria with weights of its own.

    Its thresholds and its rationality are relative to the round's candidate queries, so requested
    rates of ties, skips and mistakes are the realised ones whatever the scale of the reward.
    """

    def __init__(
        self,
        teacher: Teacher,
        weights: Float64[np.ndarray, " criterion"],
        *,
        judge: Judge | None = None,
        criteria: Sequence[str] = (),
    ) -> None:
        """A person.

        Args:
            teacher: how comparisons are answered.
            weights: of the criteria in the person's return.
            judge: how ratings are given; None: this person does not rate.
            criteria: names of the criteria, as ratings call them.
        """
        self.name = teacher.name if judge is None else judge.name
        self.teacher = teacher
        self.weights = weights
        self.judge = judge
        self.criteria = tuple(criteria)
        self._calibration: Calibration | None = None

    def prepare(self, candidates: Queries) -> None:
        """Set this round's thresholds from the candidate queries."""
        returns = self.returns(candidates.segments)
        self._calibration = calibrate(self.teacher, returns[candidates.pairs])

    @property
    def calibration(self) -> Calibration:
        """The person's scales in this round.

        Raises:
            RuntimeError: if `prepare` was not called first.
        """
        if self._calibration is None:
            raise RuntimeError("prepare(candidates) must be called before the first answer")
        return self._calibration

    def returns(
        self, segments: Segments, *, discount: float = 1.0
    ) -> Float64[np.ndarray, " segment"]:
        """The person's own return of every segment.

        Raises:
            ValueError: if the segments have another number of criteria than the person weighs.
        """
        if segments.criteria.shape[-1] != len(self.weights):
            raise ValueError(
                f"rater {self.name!r} weighs {len(self.weights)} criteria, "
                f"got segments with {segments.criteria.shape[-1]}"
            )
        return segment_returns(segments.criteria, segments.mask, self.weights, discount=discount)

    def answer(self, queries: Queries, *, rng: np.random.Generator) -> Answers:
        """Answers to every query, from gold criteria alone.

        Raises:
            RuntimeError: if `prepare` was not called first.
        """
        calibration = self.calibration
        returns = self.returns(queries.segments)[queries.pairs]
        recent = self.returns(queries.segments, discount=self.teacher.discount)[queries.pairs]
        return answer(self.teacher, returns, recent, calibration, rng=rng)

    def rate(
        self, segments: Segments, heads: Sequence[str], *, rng: np.random.Generator
    ) -> Float64[np.ndarray, "segment head"]:
        """Ratings from the criteria that the segments have come to.

        Raises:
            ValueError: if this person does not rate, or a head is not a criterion.
        """
        if self.judge is None:
            raise ValueError(f"rater {self.name!r} does not rate; give it a judge")
        return rate(self.judge, _rated_criteria(segments, heads, self.criteria), rng=rng)


class Ratings(NamedTuple):
    """Ratings of segments, and who gave each."""

    values: Float64[np.ndarray, "segment head"]
    rater: Shaped[np.ndarray, " segment"]


class CrowdRater:
    """Many simulated people, of whom one is drawn to answer each query.

    Answers carry the names of those who gave them. How many answers each has given decides how
    tired they are and how far they have drifted: a resumed run has to `recall` it.
    """

    name = "crowd"

    def __init__(
        self,
        crowd: Crowd,
        truth: SimulatedRater,
        *,
        criteria: Sequence[str] = (),
        style_columns: Sequence[int] = (),
    ) -> None:
        """A crowd.

        Args:
            crowd: who they are.
            truth: someone who never errs, for measuring what the answers are worth.
            criteria: names of the criteria, as ratings call them.
            style_columns: observation columns whose rise over a clip is weighed after the
                criteria, by people who also mind how something is done.
        """
        self.crowd = crowd
        self.truth = truth
        self.criteria = tuple(criteria)
        self.style_columns = tuple(style_columns)
        self._given: Int64[np.ndarray, " rater"] = np.zeros(len(crowd), np.int64)
        self._reference: Float64[np.ndarray, "candidate 2 criterion"] | None = None

    def recall(self, given: Mapping[str, int]) -> None:
        """Set how many answers each has given before this round, by name; others: none."""
        self._given = np.array([given.get(name, 0) for name in self.crowd.names], np.int64)

    def prepare(self, candidates: Queries) -> None:
        """Let everybody see the round's candidate queries."""
        self.truth.prepare(candidates)
        self._reference = self._sums(candidates.segments, 1.0)[candidates.pairs]

    def answer(self, queries: Queries, *, rng: np.random.Generator) -> Answers:
        """Answers to every query, each by whoever it went to.

        Raises:
            RuntimeError: if `prepare` was not called first.
        """
        if self._reference is None:
            raise RuntimeError("prepare(candidates) must be called before the first answer")
        rater = self.crowd.assign(len(queries), rng=rng)
        answers = answer_crowd(
            self.crowd,
            rater,
            lambda discount: self._sums(queries.segments, discount)[queries.pairs],
            self._reference,
            self._given,
            rng=rng,
        )
        self._given = self._given + np.bincount(rater, minlength=len(self.crowd))
        return answers

    def rate(
        self, segments: Segments, heads: Sequence[str], *, rng: np.random.Generator
    ) -> Float64[np.ndarray, "segment head"]:
        """Ratings of every segment, each by whoever it went to."""
        return self.rate_each(segments, heads, rng=rng).values

    def rate_each(
        self, segments: Segments, heads: Sequence[str], *, rng: np.random.Generator
    ) -> Ratings:
        """Ratings and who gave them.

        Raises:
            ValueError: if a head is not a criterion.
        """
        rated = _rated_criteria(segments, heads, self.criteria)
        rater = self.crowd.assign(len(rated), rng=rng)
        values = rate_crowd(self.crowd, rater, rated, rng=rng)
        self._given = self._given + np.bincount(rater, minlength=len(self.crowd))
        return Ratings(values, np.array(self.crowd.names)[rater])

    def _sums(
        self, segments: Segments, discount: float
    ) -> Float64[np.ndarray, "segment criterion"]:
        """What people weigh of each segment, column by column."""
        rise = segments.next_observations.astype(np.float64) - segments.observations
        seen = np.concatenate([segments.criteria, rise[:, :, self.style_columns]], axis=-1)
        if seen.shape[-1] != self.crowd.weights.shape[1]:
            raise ValueError(
                f"the crowd weighs {self.crowd.weights.shape[1]} criteria, "
                f"got segments with {seen.shape[-1]}"
            )
        one = np.ones(1)
        columns = [
            segment_returns(seen[:, :, [column]], segments.mask, one, discount=discount)
            for column in range(seen.shape[-1])
        ]
        return np.stack(columns, axis=-1)


def _rated_criteria(
    segments: Segments, heads: Sequence[str], criteria: Sequence[str]
) -> Float64[np.ndarray, "segment head"]:
    """What segments have come to on the criteria to rate.

    Raises:
        ValueError: if a head is not a criterion.
    """
    unknown = sorted(set(heads) - set(criteria))
    if unknown:
        raise ValueError(
            f"heads must be criteria of the environment ({', '.join(criteria)}), "
            f"got {', '.join(unknown)}"
        )
    total = (segments.criteria * segments.mask[:, :, None]).sum(axis=1)
    columns = [criteria.index(head) for head in heads]
    return np.asarray(total[:, columns])
