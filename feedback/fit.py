"""Fitting a reward model to every answer at once; its family is chosen by held-out likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prefgym.feedback.comparison import Feedback, joint_log_likelihood
from prefgym.feedback.fit_linear import (
    fit_linear,
    held_out_linear,
    posterior_members,
    return_features,
)
from prefgym.feedback.fit_mlp import LabelledSteps, train_mlp
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import (
    RewardModel,
    RewardModelConfig,
    masked_returns,
    new_reward_model,
    step_rewards,
)
from prefgym.feedback.reward_nets import Family, LinearSquares, MLPEnsemble
from prefgym.feedback.segment import Segments


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a reward model is fitted.

    Short fits are deliberate: with 80 or more gradient steps per round Pendulum runs were lost.
    `family` "auto" compares both families by cross-validated log-likelihood at every fit.
    `l2` are the penalties to try for the linear family: from next to none, for answers without
    noise, to one that next to nothing is learned from, for coin flips.
    """

    family: Literal["auto", "mlp", "linear"] = "auto"
    steps_first: int = 60
    steps: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    num_folds: int = 5
    l2: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

    def __post_init__(self) -> None:
        if min(self.steps_first, self.steps, self.batch_size) < 1:
            raise ValueError("steps_first, steps and batch_size must be at least 1")
        if self.num_folds < 2 or not self.l2 or min(self.l2) <= 0:
            raise ValueError("num_folds must be at least 2 and every l2 positive")


class FitReport(NamedTuple):
    """What a fit found.

    `held_out` has the cross-validated log-likelihood per answer of each family that was tried:
    log(0.5) = -0.69 is guessing; empty for a wanted MLP, or a single answer. `agreement` is the
    share of the fitted answers that the model's returns get right; nan if all are ties. `l2` is
    the penalty that the linear family was, or would have been, fitted with; nan under a prior.
    """

    family: Family
    held_out: dict[str, float]
    agreement: float
    l2: float


class _Scores(NamedTuple):
    """What cross-validation found: log-likelihoods per answer, and the best penalty."""

    held_out: dict[str, float]
    l2: float


def fit(
    previous: RewardModel | None,
    segments: Segments,
    feedback: Sequence[Feedback],
    *,
    model_config: RewardModelConfig,
    inputs: RewardInputs,
    config: FitConfig,
    num_fits: int = 0,
    generator: torch.Generator,
) -> tuple[RewardModel, FitReport]:
    """A reward model fitted to all answers; `previous` is left as it was.

    An MLP continues from `previous` where that is an MLP too; the linear family is solved anew.

    Args:
        previous: the last round's model, if any.
        segments: every labelled segment; the feedback holds indices into it.
        feedback: batches of answers, of any kinds.
        model_config: shape of the model.
        inputs: what it reads.
        config: how to fit.
        num_fits: fits before this one; decides how long a fresh MLP trains.
        generator: source of initial weights, folds, minibatches and posterior draws.

    Raises:
        ValueError: if there is no answer, an answer is about a segment that is not there, or a
            segment holds NaN or infinity.
    """
    _check_answers(len(segments), feedback)
    model = new_reward_model(model_config, inputs, "linear", generator=generator)
    set_input_units(model, segments)
    rows, mask = model.segment_inputs(segments)
    labelled = LabelledSteps(rows, mask, feedback)
    num_steps = config.steps_first + config.steps * num_fits
    scores = _cross_validate(labelled, model_config, config, num_steps, generator)
    family = _choose(config.family, scores.held_out)
    if family == "linear":
        _solve_linear(model, labelled, scores.l2, generator)
    else:
        mlp = new_reward_model(model_config, inputs, "mlp", generator=generator)
        mlp.input_mean.copy_(model.input_mean)
        mlp.input_sd.copy_(model.input_sd)
        if previous is not None and previous.family == "mlp":
            mlp.net.load_state_dict(previous.net.state_dict())
            num_steps = config.steps
        _train(mlp.net, labelled, config, num_steps, None, generator)
        model = mlp
    model.informed.fill_(any(kind.informative for kind in feedback))
    step = step_rewards(model.net, labelled.inputs).mean(dim=0)
    set_output_units(model, step[mask], offset_known=compares_lengths(mask, feedback))
    agreement = overall_agreement(feedback, masked_returns(step[None], mask)[0])
    return model, FitReport(family, scores.held_out, agreement, scores.l2)


def _check_answers(num_segments: int, feedback: Sequence[Feedback]) -> None:
    kinds = [kind for kind in feedback if len(kind)]
    if not kinds:
        raise ValueError("at least one answer is needed to fit a reward model, got none")
    used = np.concatenate([kind.localise()[0] for kind in kinds])
    if used.min() < 0 or used.max() >= num_segments:
        raise ValueError(
            f"answers must be about segments 0 to {num_segments - 1}, "
            f"got indices from {used.min()} to {used.max()}"
        )


def _choose(wanted: Literal["auto", "mlp", "linear"], held_out: dict[str, float]) -> Family:
    if wanted != "auto":
        return wanted
    if "mlp" not in held_out:  # a single answer: the family that needs the least
        return "linear"
    return "linear" if held_out["linear"] >= held_out["mlp"] else "mlp"


def set_input_units(model: RewardModel, segments: Segments) -> None:
    """Standardise the inputs on the labelled steps; constant columns keep unit scale."""
    if model.config.form == "potential":
        segments = segments.last_steps()
    rows = model.inputs.select(segments.observations, segments.actions, segments.next_observations)
    if not np.isfinite(rows).all():
        raise ValueError("labelled segments must be finite, got NaN or infinity in a step")
    real = rows[segments.mask]
    mean = real.mean(axis=0, dtype=np.float64)
    deviation = real - mean
    sd = np.sqrt(np.einsum("sc,sc->c", deviation, deviation) / len(real))
    model.input_mean.copy_(torch.from_numpy(mean))
    model.input_sd.copy_(torch.from_numpy(np.where(sd > 1e-6, sd, 1.0)))


def compares_lengths(mask: Bool[Tensor, "segment time"], feedback: Sequence[Feedback]) -> bool:
    """Whether answers tell what a step is worth as such, by segments with more and fewer of them.

    A takeover is shorter than a clip, but it is only set beside another of its own length. An
    answer about one segment sets it beside all others of its kind.
    """
    if mask.all():
        return False
    length = mask.sum(dim=1).numpy()
    for kind in feedback:
        spoken = [kind.take(np.array([i])).localise()[0] for i in range(len(kind))]
        if spoken and all(len(segments) == 1 for segments in spoken):
            spoken = [np.concatenate(spoken)]
        if any(length[segments].min() < length[segments].max() for segments in spoken):
            return True
    return False


def set_output_units(
    model: RewardModel, heads: Float[Tensor, "step head"], *, offset_known: bool
) -> None:
    """Scale the reward to unit size on the labelled steps.

    Where answers set segments of different lengths beside each other the reward's offset has been
    learned (an absorbing state earns exactly 0) and must be kept: divide by the root mean square.
    Where none does, the offset is free: centre, and divide by the standard deviation.
    """
    model.head_mean.copy_(heads.mean(dim=0))
    model.head_sd.copy_(heads.std(dim=0, correction=0).clamp_min(1e-6))
    utility = model.utility(heads)
    offset = torch.zeros(()) if offset_known else utility.mean()
    model.output_offset.copy_(offset)
    model.output_scale.copy_((utility - offset).square().mean().sqrt().clamp_min(1e-6))


def _cross_validate(
    labelled: LabelledSteps,
    model_config: RewardModelConfig,
    config: FitConfig,
    num_steps: int,
    generator: torch.Generator,
) -> _Scores:
    """Scores of the families that may be chosen, on the same random folds of the answers.

    A fold's network is one member, trained as long as the model would be: a little worse than
    the ensemble's mean, as the best of several penalties is a little better than it will do.
    """
    num_folds = min(config.num_folds, labelled.num_answers)
    if config.family == "mlp" or num_folds < 2:
        return _Scores({}, max(config.l2))
    fold = torch.randperm(labelled.num_answers, generator=generator) % num_folds
    train = (fold[None, :] != torch.arange(num_folds)[:, None]).float()
    held_out: dict[str, float] = {}
    if config.family == "auto":
        net = MLPEnsemble(
            labelled.inputs.shape[-1],
            num_members=num_folds,
            hidden=model_config.hidden,
            num_heads=len(model_config.heads),
            generator=generator,
        )
        parameters = _train(net, labelled, config, num_steps, train, generator)
        returns = masked_returns(step_rewards(net, labelled.inputs), labelled.mask)
        likelihood = joint_log_likelihood(labelled.feedback, returns, parameters)
        held_out["mlp"] = float((likelihood * (1 - train)).sum() / labelled.num_answers)
    features = return_features(labelled.inputs, labelled.mask)
    linear = held_out_linear(
        features, labelled.feedback, config.l2, train.double(), num_heads=len(model_config.heads)
    )
    best = int(linear.argmax())
    held_out["linear"] = float(linear[best])
    return _Scores(held_out, config.l2[best])


def _solve_linear(
    model: RewardModel, labelled: LabelledSteps, l2: float, generator: torch.Generator
) -> None:
    assert isinstance(model.net, LinearSquares)
    features = return_features(labelled.inputs, labelled.mask)
    penalty = torch.tensor([l2], dtype=torch.float64)
    num_members, _, num_heads = model.net.weight.shape
    solution = fit_linear(features, labelled.feedback, penalty, num_heads=num_heads)
    model.net.weight.copy_(posterior_members(solution, num_members, generator=generator))


def _train(
    net: torch.nn.Module,
    labelled: LabelledSteps,
    config: FitConfig,
    num_steps: int,
    weights: Float[Tensor, "member answer"] | None,
    generator: torch.Generator,
) -> list[Float[Tensor, "member _"]]:
    assert isinstance(net, MLPEnsemble)
    return train_mlp(
        net,
        labelled,
        num_steps=num_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weights=weights,
        generator=generator,
    )


def overall_agreement(
    feedback: Sequence[Feedback], returns: Float[Tensor, "segment head"]
) -> float:
    """Agreement of all kinds that have something to agree with, weighted by their answers."""
    kinds = [kind for kind in feedback if kind.informative]
    scores = [kind.agreement(returns) for kind in kinds]
    return float(np.average(scores, weights=[len(kind) for kind in kinds])) if kinds else np.nan
