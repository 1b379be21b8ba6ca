"""Rankings of several segments, best first, with ties."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranking:
    """Answers to "put these in order": `rank[answer, place]` of `segment[answer, place]`.

    Rank 0 is best and equal ranks are ties; a place with segment -1 is empty. The likelihood is
    Plackett-Luce: whoever ranks picks the best of all with probability proportional to exp(R),
    then the best of the rest. Tied segments are picked one by one from the same rest (Breslow
    1974), in which order does not matter. A ranking of two is a Bradley-Terry comparison.
    """

    segment: Int64[np.ndarray, "answer place"]
    rank: Int64[np.ndarray, "answer place"]

    def __post_init__(self) -> None:
        if self.segment.shape != self.rank.shape:
            raise ValueError(
                f"segment and rank must have one shape, "
                f"got {self.segment.shape} and {self.rank.shape}"
            )
        check_places(self.segment, "a ranking")

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Ranking":
        """The rankings at `index`."""
        return Ranking(self.segment[index], self.rank[index])

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "Ranking"]:
        """The segments that were ranked, once each, and the rankings in their indices."""
        used, segment = localise_places(self.segment)
        return used, Ranking(segment, self.rank)

    @property
    def informative(self) -> bool:
        """Whether any ranking is more than one tie."""
        return bool(self._before().any())

    def _before(self) -> np.ndarray:
        """Whether i is ranked before j, shape (answer, i, j)."""
        shown = self.segment >= 0
        both = shown[:, :, None] & shown[:, None, :]
        ahead: np.ndarray = both & (self.rank[:, :, None] < self.rank[:, None, :])
        return ahead

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """Nothing to learn about the rater."""
        return torch.zeros(0)

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability of each ranking; heads count equally.

        The sum over places i of R_i - log sum over j not ranked before i of exp(R_j).
        """
        del parameters
        shown = torch.from_numpy(self.segment >= 0)
        own = returns.mean(dim=-1)[:, np.maximum(self.segment, 0)]
        passed = torch.from_numpy(self._before()).mT | ~shown[:, None, :]
        rest = log_sum(own[:, :, None, :], passed)
        # no place passes itself, so the rest of a shown place is never empty
        return torch.where(shown, own - rest.masked_fill(~shown, 0.0), 0.0).sum(dim=2)

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of the ordered pairs within rankings that the returns order alike; nan if none."""
        ahead = self._before()
        if not ahead.any():
            return float("nan")
        own = returns.mean(dim=-1).numpy()[np.maximum(self.segment, 0)]
        gap = own[:, :, None] - own[:, None, :]
        return float((1 + np.sign(gap)[ahead].mean()) / 2)


def check_places(segment: Int64[np.ndarray, "answer place"], name: str) -> None:
    """Refuse answers that speak of fewer than two segments.

    Raises:
        ValueError: if there is one.
    """
    few = (segment >= 0).sum(axis=1) < 2
    if few.any():
        raise ValueError(
            f"{name} must be of at least 2 segments, got {segment[few][0]}; -1 marks an empty place"
        )


def localise_places(
    segment: Int64[np.ndarray, "answer place"],
) -> tuple[Int64[np.ndarray, " segment"], Int64[np.ndarray, "answer place"]]:
    """The segments in any place, once each, and the places in their indices; -1 stays empty."""
    used, found = np.unique(segment[segment >= 0], return_inverse=True)
    local = np.full(segment.shape, -1, np.int64)
    local[segment >= 0] = found
    return used, local


def log_sum(
    returns: Float[Tensor, "member ... place"], absent: Bool[Tensor, "... place"]
) -> Float[Tensor, "member ..."]:
    """Logarithm of the sum of exp(return) over the last axis, without what is absent."""
    return returns.masked_fill(absent, -torch.inf).logsumexp(dim=-1)
