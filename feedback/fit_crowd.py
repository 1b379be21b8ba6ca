"""Fitting a reward model to the comparisons of a crowd: EM around `fit`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.crowd import Crowd, CrowdConfig, honest_prob, learn_crowd, new_crowd
from prefgym.feedback.fit import FitConfig, FitReport, fit
from prefgym.feedback.fit_linear import fit_linear, return_features
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel, RewardModelConfig
from prefgym.feedback.segment import Segments
from prefgym.feedback.trusted import TrustedComparison, trusted

_INNER_ROUNDS = 20  # of EM about raters alone, which costs nothing beside a fit
_FOLDS = 10


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
    solved anew in every round, and judges raters by what it expects where they are left out: of
    few answers it expects nearly all that it was fitted to, an adversary's too. An MLP takes as
    many gradient steps in all as it would in `fit`, and the raters are judged anew between them.
    Other kinds of feedback are taken as they are.

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

    def everything(told: TrustedComparison) -> list[Feedback]:
        return [*feedback[:place], told, *feedback[place + 1 :]]

    def fit_once(
        start: RewardModel | None, told: TrustedComparison, how: FitConfig, fits: int
    ) -> tuple[RewardModel, FitReport]:
        return fit(
            start,
            segments,
            everything(told),
            model_config=model_config,
            inputs=inputs,
            config=how,
            num_fits=fits,
            generator=generator,
        )

    def gaps() -> Float64[np.ndarray, " answer"]:
        if report.family == "linear" and comparison.num_raters > 1:
            return _gaps_left_out(
                model, report.l2, segments, everything(told), place, generator=generator
            )
        return _gaps(model.returns(segments).mean(dim=(0, 2)).double().numpy(), comparison)

    crowd = new_crowd(comparison.num_raters, crowd_config)
    told = trusted(comparison, np.ones(len(comparison)), crowd)
    model, first = fit_once(previous, told, config, num_fits)
    report, start = first, previous
    how = _in_parts(config, first, previous, num_rounds, num_fits)
    for _ in range(num_rounds):
        crowd, told = _judge(comparison, gaps(), crowd, crowd_config)
        near = replace(how, l2=_neighbours(config.l2, report.l2))
        model, report = fit_once(start, told, near, 0 if first.family == "mlp" else num_fits)
        start = model if first.family == "mlp" else previous
    crowd, _ = _judge(comparison, gaps(), crowd, crowd_config)
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


def _neighbours(penalties: Sequence[float], chosen: float) -> tuple[float, ...]:
    """The penalty of the round before and those next to it: the best one moves little at a time.

    >>> _neighbours((0.1, 10.0, 1.0), 10.0)
    (1.0, 10.0)
    """
    ordered = sorted(penalties)
    place = ordered.index(chosen)
    return tuple(ordered[max(place - 1, 0) : place + 2])


def _gaps(
    returns: Float64[np.ndarray, " segment"], comparison: Comparison
) -> Float64[np.ndarray, " answer"]:
    return returns[comparison.first] - returns[comparison.second]


def _gaps_left_out(
    model: RewardModel,
    l2: float,
    segments: Segments,
    feedback: Sequence[Feedback],
    place: int,
    *,
    generator: torch.Generator,
) -> Float64[np.ndarray, " answer"]:
    """The gap of every comparison to a linear model that has not heard who gave it.

    Raters are dealt into folds, and a model is fitted without each.
    """
    told = feedback[place]
    assert isinstance(told, TrustedComparison)
    comparison = told.comparison
    num_folds = min(_FOLDS, comparison.num_raters)
    dealt = torch.randperm(comparison.num_raters, generator=generator) % num_folds
    fold = dealt[torch.from_numpy(comparison.raters)]
    sizes = [len(kind) for kind in feedback]
    kept = [torch.ones(num_folds, size, dtype=torch.float64) for size in sizes]
    kept[place] = (fold[None, :] != torch.arange(num_folds)[:, None]).double()
    features = return_features(*model.segment_inputs(segments))
    penalty = torch.full((num_folds,), l2, dtype=torch.float64)
    num_heads = len(model.config.heads)
    solution = fit_linear(features, feedback, penalty, torch.cat(kept, dim=1), num_heads=num_heads)
    returns = solution.returns(features).mean(dim=2).numpy()
    gaps = np.stack([_gaps(of_fold, comparison) for of_fold in returns])
    return np.asarray(gaps[fold.numpy(), np.arange(len(comparison))])


def _judge(
    comparison: Comparison,
    gap: Float64[np.ndarray, " answer"],
    crowd: Crowd,
    config: CrowdConfig,
) -> tuple[Crowd, TrustedComparison]:
    """What the answers say of the raters if these gaps are right, and how to read the answers."""
    for _ in range(_INNER_ROUNDS):
        crowd = learn_crowd(comparison, gap, honest_prob(comparison, gap, crowd), crowd, config)
    return crowd, trusted(comparison, honest_prob(comparison, gap, crowd), crowd)
