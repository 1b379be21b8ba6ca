"""Raters: who answers queries. A simulated person and a real one look alike from here."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from prefgym.feedback.query import Queries
from prefgym.feedback.segment import Segments
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
        returns = self.returns(candidates)
        self._calibration = calibrate(self.teacher, returns[candidates.pairs])

    def returns(
        self, queries: Queries, *, discount: float = 1.0
    ) -> Float64[np.ndarray, " segment"]:
        """The person's own return of every segment.

        Raises:
            ValueError: if the segments have another number of criteria than the person weighs.
        """
        segments = queries.segments
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
        if self._calibration is None:
            raise RuntimeError("prepare(candidates) must be called before the first answer")
        returns = self.returns(queries)[queries.pairs]
        recent = self.returns(queries, discount=self.teacher.discount)[queries.pairs]
        return answer(self.teacher, returns, recent, self._calibration, rng=rng)

    def rate(
        self, segments: Segments, heads: Sequence[str], *, rng: np.random.Generator
    ) -> Float64[np.ndarray, "segment head"]:
        """Ratings from the criteria that the segments have come to.

        Raises:
            ValueError: if this person does not rate, or a head is not a criterion.
        """
        if self.judge is None:
            raise ValueError(f"rater {self.name!r} does not rate; give it a judge")
        unknown = sorted(set(heads) - set(self.criteria))
        if unknown:
            raise ValueError(
                f"heads must be criteria of the environment ({', '.join(self.criteria)}), "
                f"got {', '.join(unknown)}"
            )
        total = (segments.criteria * segments.mask[:, :, None]).sum(axis=1)
        columns = [self.criteria.index(head) for head in heads]
        return rate(self.judge, total[:, columns], rng=rng)
