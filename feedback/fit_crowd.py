"""Fitting a reward model to the comparisons of a crowd: EM around `fit`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.crowd import Crowd, CrowdConfig, honest_prob, learn_crowd, new_crowd
from prefgym.feedback.fit import FitConfig, FitReport, fit
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments
from prefgym.feedback.trusted import TrustedComparison, trusted

_INNER_ROUNDS = 20  # of EM about raters alone, which costs nothing beside a fit


class CrowdFit(NamedTuple):
    """A reward model, what the fit found, and what is known of the raters.

    The report's family and held-out scores are of the fit that took everyone at their word.
    """

    model: RewardModel
    report: FitReport
    crowd: Crowd


def fit_crowd(
    previous: RewardModel | None,
    segments: Segments,
    feedback: Sequence[Feedback],
    *,
    crowd_config: CrowdConfig,
    model_config: RewardModelConfig,
    inputs: RewardInputs,
    config: FitConfig,
    num_rounds: int = 6,
    num_fits: int = 0,
    generator: torch.Generator,
) -> CrowdFit:
    """A reward model fitted as `fit` does, but to what each rater's comparisons are worth.

    The first fit takes everyone at their word and chooses the family. Which answers it expected
    tells how far their raters can be trusted, and that what to fit next. The linear family is
    solved anew in every round. An MLP takes as many gradient steps in all as it would in `fit`,
    and the raters are judged anew between them. Other kinds of feedback are taken as they are.

    Args:
        previous: the last round's model, if any.
        segments: every labelled segment; the feedback holds indices into it.
        feedback: batches of answers, one of them of comparisons.
        crowd_config: what is learned about raters.
        model_config: shape of the model.
        inputs: what it reads.
        config: how to fit.
        num_rounds: fits after the first.
        num_fits: fits before this one; decides how long a fresh MLP trains.
        generator: source of initial weights, folds, minibatches and posterior draws.

    Raises:
        ValueError: if there is not one batch of comparisons, or the answers do not fit the
            segments.
    """
    place, comparison = _comparisons(feedback)

    def fit_once(
        start: RewardModel | None, told: TrustedComparison, how: FitConfig, fits: int
    ) -> tuple[RewardModel, FitReport]:
        return fit(
            start,
            segments,
            [*feedback[:place], told, *feedback[place + 1 :]],
            model_config=model_config,
            inputs=inputs,
            config=how,
            num_fits=fits,
            generator=generator,
        )

    crowd = new_crowd(comparison.num_raters, crowd_config)
    at_their_word = trusted(comparison, np.ones(len(comparison)), crowd)
    model, first = fit_once(previous, at_their_word, config, num_fits)
    report, start = first, previous
    how = _in_parts(config, first, previous, num_rounds, num_fits)
    for _ in range(num_rounds):
        crowd, told = _judge(model, segments, comparison, crowd, crowd_config)
        model, report = fit_once(start, told, how, 0 if first.family == "mlp" else num_fits)
        start = model if first.family == "mlp" else previous
    crowd, _ = _judge(model, segments, comparison, crowd, crowd_config)
    return CrowdFit(model, report._replace(held_out=first.held_out), crowd)


def _comparisons(feedback: Sequence[Feedback]) -> tuple[int, Comparison]:
    """The one batch of comparisons, and its place."""
    found = [(i, kind) for i, kind in enumerate(feedback) if isinstance(kind, Comparison)]
    if len(found) != 1:
        raise ValueError(f"feedback must hold one batch of comparisons, got {len(found)}")
    return found[0]


def _in_parts(
    config: FitConfig,
    first: FitReport,
    previous: RewardModel | None,
    num_rounds: int,
    num_fits: int,
) -> FitConfig:
    """How to fit in every round: the family that was chosen, an MLP for its share of the steps."""
    if first.family == "linear":
        return replace(config, family="linear")
    num_steps = config.steps_first + config.steps * num_fits
    if previous is not None and previous.family == "mlp":
        num_steps = config.steps
    share = -(-num_steps // num_rounds)
    return replace(config, family="mlp", steps_first=share, steps=share)


def _judge(
    model: RewardModel,
    segments: Segments,
    comparison: Comparison,
    crowd: Crowd,
    config: CrowdConfig,
) -> tuple[Crowd, TrustedComparison]:
    """What the answers say of the raters if the model is right, and how to read the answers."""
    overall = model.returns(segments).mean(dim=(0, 2)).double().numpy()
    gap = overall[comparison.first] - overall[comparison.second]
    for _ in range(_INNER_ROUNDS):
        crowd = learn_crowd(comparison, gap, honest_prob(comparison, gap, crowd), crowd, config)
    return crowd, trusted(comparison, honest_prob(comparison, gap, crowd), crowd)
