"""Queries: pairs of segments that a person is asked about."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from prefgym.feedback.segment import Segments


@dataclass(frozen=True, slots=True)
class Queries:
    """Pairs of indices into a batch of segments; the order of a pair is the order shown."""

    segments: Segments
    first: Int64[np.ndarray, " query"]
    second: Int64[np.ndarray, " query"]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Queries":
        """The queries at `index`, over the same segments."""
        return Queries(self.segments, self.first[index], self.second[index])

    @property
    def pairs(self) -> Int64[np.ndarray, "query 2"]:
        """Both indices of each query."""
        return np.stack([self.first, self.second], axis=1)


def random_queries(
    segments: Segments,
    num_queries: int,
    *,
    num_new: int,
    old_share: float = 0.0,
    rng: np.random.Generator,
) -> Queries:
    """Random pairs whose first side is new; `old_share` of the partners are older segments.

    The first `num_new` segments are the new ones. Comparing with older behaviour tells the reward
    model what has become better, not only which of two like clips is. Which of the two is shown
    first is a coin flip.

    Raises:
        ValueError: if there are fewer than two new segments.
    """
    if not 2 <= num_new <= len(segments):
        raise ValueError(
            f"num_new must be at least 2 and at most the {len(segments)} segments, got {num_new}"
        )
    new = rng.integers(num_new, size=num_queries)
    partner = (new + 1 + rng.integers(num_new - 1, size=num_queries)) % num_new
    if len(segments) > num_new:
        old = rng.integers(num_new, len(segments), size=num_queries)
        partner = np.where(rng.random(num_queries) < old_share, old, partner)
    swap = rng.random(num_queries) < 0.5
    return Queries(segments, np.where(swap, partner, new), np.where(swap, new, partner))
