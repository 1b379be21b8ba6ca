"""Choices of one behaviour over others: corrections, interventions and demonstrations."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from prefgym.feedback.ranking import check_places, localise_places, log_sum

ChoiceKind = Literal["correction", "intervention", "demonstration"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Answers given by doing: `segment[answer, 0]` was chosen over the other places of its row.

    Whoever acts picks c from what could have been done, C, with probability

        P(c) = exp(R_c) / sum over j in C of exp(R_j)

    (reward-rational choice: Jeon, Milli & Dragan 2020, eq. 1). The kinds differ in C alone:

    - correction: the behaviour as corrected, and as it was;
    - intervention: what the person did over the next steps, and what the policy would have done;
    - demonstration: what the person showed, and the policy's alternatives; -1 marks an empty
      place.

    The returns' unit is that in which the person's rationality is 1. It is fixed: as a parameter
    times the returns the likelihood would not be jointly concave.
    """

    kind: ChoiceKind
    segment: Int64[np.ndarray, "answer place"]

    def __post_init__(self) -> None:
        check_places(self.segment, f"a {self.kind}")
        if (self.segment[:, 0] < 0).any():
            raise ValueError(f"a {self.kind} must begin with what was chosen, got an empty place")
        if self.kind != "demonstration" and self.segment.shape[1] != 2:
            raise ValueError(
                f"a {self.kind} must be of 2 segments, got {self.segment.shape[1]} places"
            )

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Choice":
        """The choices at `index`."""
        return Choice(self.kind, self.segment[index])

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "Choice"]:
        """The segments that could be chosen, once each, and the choices in their indices."""
        used, segment = localise_places(self.segment)
        return used, Choice(self.kind, segment)

    @property
    def informative(self) -> bool:
        """Whether there is any choice: each tells what was chosen from the rest."""
        return len(self) > 0

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """Nothing to learn about the rater."""
        return torch.zeros(0)

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability of each choice; heads count equally."""
        del parameters
        own = returns.mean(dim=-1)[:, np.maximum(self.segment, 0)]
        return own[:, :, 0] - log_sum(own, torch.from_numpy(self.segment < 0))

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of what was not chosen that the returns put below what was; nan if nothing."""
        own = returns.mean(dim=-1).numpy()[np.maximum(self.segment, 0)]
        gap = (own[:, :1] - own[:, 1:])[self.segment[:, 1:] >= 0]
        return float((1 + np.sign(gap).mean()) / 2) if len(gap) else float("nan")
