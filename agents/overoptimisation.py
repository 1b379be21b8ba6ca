"""How a true reward rises and falls as a learned one is pursued: Gao's curve."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64


class GaoCurve(NamedTuple):
    """R(d) = d (alpha - beta log d), d the square root of the KL divergence from the start.

    Gao et al. 2022 (arXiv 2210.10760), the form for reinforcement learning. The gold gain is
    greatest at d = exp(alpha / beta - 1) where beta > 0.
    """

    alpha: float
    beta: float
    r_squared: float

    def gain(self, distance: Float64[np.ndarray, " point"]) -> Float64[np.ndarray, " point"]:
        """Gold gained at each distance; 0 at 0."""
        safe = np.maximum(distance, 1e-12)
        return distance * (self.alpha - self.beta * np.log(safe))


def fit_gao(
    distance: Float64[np.ndarray, " point"], gain: Float64[np.ndarray, " point"]
) -> GaoCurve:
    """The curve nearest to gold gains in least squares, and the share of variance it explains.

    Args:
        distance: square roots of KL divergences, not all equal.
        gain: gold minus gold at the start.

    Raises:
        ValueError: if there are fewer than three points, or the gains do not differ.
    """
    if len(distance) != len(gain) or len(gain) < 3:
        raise ValueError(
            "at least three points are needed, one gain for each distance, "
            f"got {len(distance)} distances and {len(gain)} gains"
        )
    spread = float(((gain - gain.mean()) ** 2).sum())
    if spread == 0:
        raise ValueError("gains must differ to fit a curve to, got the same everywhere")
    safe = np.maximum(distance, 1e-12)
    columns = np.stack([distance, -distance * np.log(safe)], axis=1)
    (alpha, beta), *_ = np.linalg.lstsq(columns, gain, rcond=None)
    residual = float(((gain - columns @ np.array([alpha, beta])) ** 2).sum())
    return GaoCurve(float(alpha), float(beta), 1 - residual / spread)
