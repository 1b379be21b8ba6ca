"""Raters: who answers queries. A simulated person and a real one look alike from here."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from prefgym.feedback.query import Queries
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


class SimulatedRater:
    """A B-Pref teacher who judges by gold criteria with weights of its own.

    Its thresholds and its rationality are relative to the round's candidate queries, so requested
    rates of ties, skips and mistakes are the realised ones whatever the scale of the reward.
    """

    def __init__(self, teacher: Teacher, weights: Float64[np.ndarray, " criterion"]) -> None:
        self.name = teacher.name
        self.teacher = teacher
        self.weights = weights
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
