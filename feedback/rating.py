"""Ratings of single segments on one or several criteria, by raters with scales of their own."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

RatingNoise = Literal["normal", "huber", "ordinal"]
HUBER_DELTA = 1.35  # in noise SDs: 95 % efficient where the noise is normal after all
_MAX_PAIRS = 2000  # ratings compared with each other for an agreement


@dataclass(frozen=True, slots=True)
class Rating:
    """Answers to "how good is this?", `values[answer, head]`; nan where a criterion was not rated.

    Raters use a scale as they like. With "normal" or "huber" noise rater k is taken to say
    tau_k r = R + c_k + noise of unit size: an offset and a scale of their own. With "ordinal"
    noise only the order of the values counts: P(r <= j) = sigmoid(theta_j + c_k - R), whole
    values, cut points theta shared and an offset per rater. All three are jointly concave in R
    and their own parameters (for the cut points Pratt 1981).
    """

    segment: Int64[np.ndarray, " answer"]
    values: Float64[np.ndarray, "answer head"]
    rater: Int64[np.ndarray, " answer"]
    noise: RatingNoise = "normal"
    num_raters: int = 1
    levels: tuple[int, int] = (1, 5)

    def __post_init__(self) -> None:
        lengths = len(self.segment), len(self.values), len(self.rater)
        if len(set(lengths)) != 1:
            raise ValueError(f"segment, values and rater must be of one length, got {lengths}")
        if self.noise not in get_args(RatingNoise):
            raise ValueError(
                f"noise must be one of {', '.join(get_args(RatingNoise))}, got {self.noise!r}"
            )
        if len(self) and not 0 <= self.rater.min() <= self.rater.max() < self.num_raters:
            raise ValueError(
                f"raters must be in [0, {self.num_raters}), "
                f"got {self.rater.min()} to {self.rater.max()}"
            )
        known = self.values[~np.isnan(self.values)]
        if np.isinf(known).any():
            raise ValueError("ratings must be finite, or nan where a criterion was not rated")
        low, high = self.levels
        if (
            self.noise == "ordinal"
            and not ((known == np.round(known)) & (known >= low) & (known <= high)).all()
        ):
            raise ValueError(
                f"ordinal ratings must be whole numbers from {low} to {high}, "
                f"got values from {known.min():g} to {known.max():g}"
            )

    def __len__(self) -> int:
        return len(self.segment)

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Rating":
        """The ratings at `index`."""
        return self._with(self.segment[index], self.values[index], self.rater[index])

    def localise(self) -> tuple[Int64[np.ndarray, " segment"], "Rating"]:
        """The segments that were rated, once each, and the ratings in their indices."""
        used, local = np.unique(self.segment, return_inverse=True)
        return used, self._with(local.astype(np.int64), self.values, self.rater)

    def _with(
        self,
        segment: Int64[np.ndarray, " answer"],
        values: Float64[np.ndarray, "answer head"],
        rater: Int64[np.ndarray, " answer"],
    ) -> "Rating":
        return Rating(segment, values, rater, self.noise, self.num_raters, self.levels)

    @property
    def informative(self) -> bool:
        """Whether any two ratings of a criterion differ."""
        spread = np.nanmax(self.values, axis=0, initial=-np.inf) - np.nanmin(
            self.values, axis=0, initial=np.inf
        )
        return bool((spread > 0).any())

    def initial_parameters(self) -> Float[Tensor, " parameter"]:
        """Every rater's scale and offset; for ordinal ratings cut points, then offsets."""
        offsets = torch.zeros(self.num_raters)
        if self.noise == "ordinal":
            low, high = self.levels
            share = [self._share_up_to(level) for level in range(low, high)]
            return torch.cat([torch.tensor(share).logit(), offsets])
        spread = float(np.nanstd(self.values))
        scale = torch.full((self.num_raters,), 1 / max(spread, 1e-3))
        return torch.cat([scale, scale * float(np.nanmean(self.values))])

    def _share_up_to(self, level: int) -> float:
        """Share of ratings up to a level, with half a rating more on either side."""
        known = self.values[~np.isnan(self.values)]
        span = self.levels[1] - self.levels[0] + 1
        pseudo = 0.5 * (level - self.levels[0] + 1) / span
        return (float((known <= level).sum()) + pseudo) / (len(known) + 0.5)

    def log_likelihood(
        self,
        returns: Float[Tensor, "member segment head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer"]:
        """Log-probability (or density) of each answer: the sum over its rated criteria."""
        own = returns[:, self.segment]
        values = torch.as_tensor(self.values, dtype=own.dtype)
        rated = ~values.isnan()
        values = values.nan_to_num(float(self.levels[0]))
        if self.noise == "ordinal":
            each = self._ordinal(own, values, parameters)
        else:
            scale, offset = parameters.split(self.num_raters, dim=1)
            scale, offset = scale[:, self.rater, None], offset[:, self.rater, None]
            residual = scale * values - offset - own
            each = scale.log() - _cost(residual, self.noise)
        return torch.where(rated, each, torch.zeros_like(each)).sum(dim=2)

    def _ordinal(
        self,
        own: Float[Tensor, "member answer head"],
        values: Float[Tensor, "answer head"],
        parameters: Float[Tensor, "member parameter"],
    ) -> Float[Tensor, "member answer head"]:
        low, high = self.levels
        cuts, offset = parameters[:, : high - low], parameters[:, high - low :]
        level = values.long() - low
        edge = offset[:, self.rater, None] - own
        # sigmoid(upper) - sigmoid(lower), by its logarithm; the outer levels have one edge only
        upper = cuts[:, level.clamp(max=high - low - 1)] + edge
        lower = cuts[:, (level - 1).clamp(min=0)] + edge
        top, bottom = level == high - low, level == 0
        gap = (upper - lower).masked_fill(top | bottom, 1.0)
        between = functional.logsigmoid(upper) + functional.logsigmoid(-lower)
        between = between + torch.log(-torch.expm1(-gap))
        result = torch.where(bottom, functional.logsigmoid(upper), between)
        return torch.where(top, functional.logsigmoid(-lower), result)

    def agreement(self, returns: Float[Tensor, "segment head"]) -> float:
        """Share of one rater's pairs with different mean ratings that the returns order alike.

        Equal returns count half; nan if no pair differs.
        """
        index = np.flatnonzero(~np.isnan(self.values).any(axis=1))[:_MAX_PAIRS]
        mean = self.values[index].mean(axis=1)
        overall = returns.mean(dim=-1).numpy()[self.segment[index]]
        said = np.sign(mean[:, None] - mean[None, :])
        said[self.rater[index][:, None] != self.rater[index][None, :]] = 0
        found = np.sign(overall[:, None] - overall[None, :])
        decided = said != 0
        return float((1 + (found * said)[decided].mean()) / 2) if decided.any() else float("nan")


def _cost(residual: Tensor, noise: RatingNoise) -> Tensor:
    """Negative log-density of a residual of unit scale, without its constant."""
    if noise == "normal":
        return residual.square() / 2
    size = residual.abs()
    linear = HUBER_DELTA * (size - HUBER_DELTA / 2)
    return torch.where(size <= HUBER_DELTA, residual.square() / 2, linear)
