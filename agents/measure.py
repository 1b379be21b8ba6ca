"""How well a reward model follows a rater and the gold reward."""

import numpy as np
import torch

from prefgym.agents.ask import Asked
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments

CALIBRATION_BINS = 10


def or_none(value: float) -> float | None:
    """None in place of nan, which JSON does not know."""
    return None if np.isnan(value) else value


def agreement(model: RewardModel, asked: Asked) -> float | None:
    """Share of a round's decided answers that the model predicts; None where nothing is known."""
    if not bool(model.informed):
        return None
    return or_none(asked.feedback.agreement(model.returns(asked.segments).mean(dim=0)))


def step_correlation(model: RewardModel, segments: Segments, weights: np.ndarray) -> float | None:
    """Correlation of learned and gold reward over real steps; None where either is constant.

    Of a model that judges what segments have come to, correlation with their gold returns.
    """
    with torch.inference_mode():
        rows, mask = model.segment_inputs(segments)
        utility = model.utility(model.net(rows[mask]).mean(dim=0))
        learned = model.scale_output(utility).double().numpy()
    each = segments.criteria @ weights
    potential = model.config.form == "potential"
    gold = (each * segments.mask).sum(axis=1) if potential else each[segments.mask]
    if not bool(model.informed) or learned.std() < 1e-9 or gold.std() < 1e-9:
        return None
    return float(np.corrcoef(learned, gold)[0, 1])


def calibration_row(probability: np.ndarray, preference: np.ndarray) -> dict[str, object]:
    """Predicted probability against frequency, in equal bins of probability."""
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = count > 0
    predicted = np.bincount(bins, weights=probability, minlength=CALIBRATION_BINS)[used]
    realised = np.bincount(bins, weights=preference, minlength=CALIBRATION_BINS)[used]
    return {
        "kind": "calibration",
        "probability": (predicted / count[used]).tolist(),
        "frequency": (realised / count[used]).tolist(),
        "count": count[used].tolist(),
    }
