"""Fitting a reward model to every answer at once; its family is chosen by held-out likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from prefgym.feedback.comparison import Feedback
from prefgym.feedback.fit_linear import fit_linear, held_out_linear, posterior_members
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import (
    RewardModel,
    RewardModelConfig,
    new_reward_model,
    segment_returns,
)
from prefgym.feedback.reward_nets import Family, LinearSquares, MLPEnsemble, square_features
from prefgym.feedback.segment import Segments


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a reward model is fitted.

    Short fits are deliberate: with 80 or more gradient steps per round Pendulum runs were lost.
    `family` "auto" compares both families by cross-validated log-likelihood at every fit.
    """

    family: Literal["auto", "mlp", "linear"] = "auto"
    steps_first: int = 60
    steps: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    num_folds: int = 5
    l2: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

    def __post_init__(self) -> None:
        if min(self.steps_first, self.steps, self.batch_size) < 1:
            raise ValueError("steps_first, steps and batch_size must be at least 1")
        if self.num_folds < 2 or not self.l2 or min(self.l2) <= 0:
            raise ValueError("num_folds must be at least 2 and every l2 positive")


class FitReport(NamedTuple):
    """What a fit found. Log-likelihoods are held-out, per answer; log(0.5) = -0.69 is guessing."""

    family: Family
    held_out: dict[str, float]
    agreement: float


class _Task(NamedTuple):
    """Standardised labelled steps and the answers about them."""

    inputs: Float[Tensor, "segment time input"]
    mask: Bool[Tensor, "segment time"]
    feedback: Sequence[Feedback]

    @property
    def num_answers(self) -> int:
        return sum(len(kind) for kind in self.feedback)


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
        generator: source of initial weights, folds and minibatches.

    Raises:
        ValueError: if there is no answer, or a segment holds NaN or infinity.
    """
    if sum(len(kind) for kind in feedback) == 0:
        raise ValueError("at least one answer is needed to fit a reward model, got none")
    model = new_reward_model(model_config, inputs, "linear", generator=generator)
    _set_input_units(model, segments)
    task = _Task(model.segment_inputs(segments), torch.from_numpy(segments.mask), feedback)
    num_steps = config.steps_first + config.steps * num_fits
    held_out = _held_out(task, model_config, config, num_steps, generator)
    family = _choose(config.family, held_out)
    if family == "linear":
        _solve_linear(model, task, config, generator)
    else:
        mlp = new_reward_model(model_config, inputs, "mlp", generator=generator)
        _set_input_units(mlp, segments)
        if previous is not None and previous.family == "mlp":
            mlp.net.load_state_dict(previous.net.state_dict())
            num_steps = config.steps
        _train_mlp(mlp.net, task, config, num_steps, None, generator)
        model = mlp
    model.informed.fill_(any(kind.informative for kind in feedback))
    _set_output_units(model, task.inputs, task.mask)
    return model, FitReport(family, held_out, _agreement(model, task))


def _choose(wanted: Literal["auto", "mlp", "linear"], held_out: dict[str, float]) -> Family:
    if wanted != "auto":
        return wanted
    return "linear" if held_out["linear"] >= held_out["mlp"] else "mlp"


def _set_input_units(model: RewardModel, segments: Segments) -> None:
    """Standardise the inputs on the labelled steps; constant columns keep unit scale."""
    rows = model.inputs.select(segments.observations, segments.actions, segments.next_observations)[
        segments.mask
    ].astype(np.float64)
    if not np.isfinite(rows).all():
        raise ValueError("labelled segments must be finite, got NaN or infinity in a step")
    sd = rows.std(axis=0)
    model.input_mean.copy_(torch.from_numpy(rows.mean(axis=0)))
    model.input_sd.copy_(torch.from_numpy(np.where(sd > 1e-6, sd, 1.0)))


@torch.no_grad()
def _set_output_units(
    model: RewardModel,
    inputs: Float[Tensor, "segment time input"],
    mask: Bool[Tensor, "segment time"],
) -> None:
    """Scale the reward to unit size on the labelled steps.

    Where labelled windows end in a true termination the reward's offset has been learned (an
    absorbing state earns exactly 0) and must be kept: divide by the root mean square. Where none
    does, the offset is free: centre, and divide by the standard deviation.
    """
    step = model.net(inputs[mask]).mean(dim=(0, 2))
    terminates = not bool(mask.all())
    offset = torch.zeros(()) if terminates else step.mean()
    model.output_offset.copy_(offset)
    model.output_scale.copy_((step - offset).square().mean().sqrt().clamp_min(1e-6))


def _held_out(
    task: _Task,
    model_config: RewardModelConfig,
    config: FitConfig,
    num_steps: int,
    generator: torch.Generator,
) -> dict[str, float]:
    """Cross-validated log-likelihood per answer of each family that may be chosen."""
    num_folds = min(config.num_folds, task.num_answers)
    if config.family != "auto" or num_folds < 2:
        return {"mlp": float("-inf"), "linear": 0.0} if num_folds < 2 else {}
    fold = torch.randperm(task.num_answers, generator=generator) % num_folds
    train = (fold[None, :] != torch.arange(num_folds)[:, None]).float()
    net = MLPEnsemble(
        task.inputs.shape[-1],
        num_members=num_folds,
        hidden=model_config.hidden,
        generator=generator,
    )
    parameters = _train_mlp(net, task, config, num_steps, train, generator)
    with torch.no_grad():
        returns = segment_returns(net, task.inputs, task.mask)
        likelihood = _log_likelihood(task.feedback, returns, parameters)
    mlp = float((likelihood * (1 - train)).sum() / task.num_answers)
    linear = held_out_linear(_features(task), task.feedback, config.l2, train.double())
    return {"mlp": mlp, "linear": float(linear.max())}


def _features(task: _Task) -> Float[Tensor, "segment feature"]:
    """Summed linear features of each segment, in the units of its return."""
    num_segments, num_steps, _ = task.inputs.shape
    features = square_features(task.inputs.double().reshape(num_segments * num_steps, -1))
    features = features.view(num_segments, num_steps, -1)
    return (features * task.mask[:, :, None]).sum(dim=1) / num_steps**0.5


def _solve_linear(
    model: RewardModel, task: _Task, config: FitConfig, generator: torch.Generator
) -> None:
    """Newton fit with the L2 that predicts held-out answers best."""
    features = _features(task)
    l2 = config.l2[0]
    num_folds = min(config.num_folds, task.num_answers)
    if len(config.l2) > 1 and num_folds > 1:
        fold = torch.randperm(task.num_answers, generator=generator) % num_folds
        train = (fold[None, :] != torch.arange(num_folds)[:, None]).double()
        l2 = config.l2[int(held_out_linear(features, task.feedback, config.l2, train).argmax())]
    solution = fit_linear(features, task.feedback, torch.tensor([l2], dtype=torch.float64))
    assert isinstance(model.net, LinearSquares)
    members = posterior_members(solution, len(model.net.weight), generator=generator)
    model.net.weight.copy_(members[:, :, None])


def _log_likelihood(
    feedback: Sequence[Feedback],
    returns: Float[Tensor, "member segment head"],
    parameters: Sequence[Tensor],
) -> Float[Tensor, "member answer"]:
    kinds = zip(feedback, parameters, strict=True)
    return torch.cat([kind.log_likelihood(returns, theta) for kind, theta in kinds], dim=1)


def _train_mlp(
    net: torch.nn.Module,
    task: _Task,
    config: FitConfig,
    num_steps: int,
    weights: Float[Tensor, "member answer"] | None,
    generator: torch.Generator,
) -> list[Tensor]:
    """Adam on minibatches of answers; returns what the kinds of feedback learned about raters.

    Every segment of a minibatch is evaluated once, however many of its answers speak of it.
    """
    assert isinstance(net, MLPEnsemble)
    num_members = len(net.weights[0])
    parameters = [
        kind.initial_parameters().repeat(num_members, 1).requires_grad_() for kind in task.feedback
    ]
    optimiser = torch.optim.Adam(
        [*net.parameters(), *(theta for theta in parameters if theta.numel())],
        lr=config.learning_rate,
        foreach=True,
    )
    ends = np.cumsum([len(kind) for kind in task.feedback])
    for chosen in _minibatches(task.num_answers, config.batch_size, num_steps, generator):
        loss = torch.zeros(())
        kind_of = np.searchsorted(ends, chosen, side="right")
        for number, (kind, theta) in enumerate(zip(task.feedback, parameters, strict=True)):
            local = chosen[kind_of == number] - (ends[number] - len(kind))
            if not len(local):
                continue
            used, answers = kind.take(local).localise()
            returns = segment_returns(net, task.inputs[used], task.mask[used])
            likelihood = answers.log_likelihood(returns, theta)
            if weights is not None:
                likelihood = likelihood * weights[:, chosen[kind_of == number]]
            # a sum over members: each member's gradient is that of training it alone
            loss = loss - likelihood.sum() / len(chosen)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return [theta.detach() for theta in parameters]


def _minibatches(
    num_answers: int, batch_size: int, num_steps: int, generator: torch.Generator
) -> list[Int64[np.ndarray, " chosen"]]:
    """Shuffled minibatches, reshuffled every pass over the answers."""
    size = min(batch_size, num_answers)
    per_pass = max(num_answers // size, 1)
    batches: list[Int64[np.ndarray, " chosen"]] = []
    while len(batches) < num_steps:
        order = torch.randperm(num_answers, generator=generator).numpy()
        batches += [np.sort(order[i * size : (i + 1) * size]) for i in range(per_pass)]
    return batches[:num_steps]


@torch.no_grad()
def _agreement(model: RewardModel, task: _Task) -> float:
    """Share of informative fitted answers whose better side the model ranks first."""
    returns = segment_returns(model.net, task.inputs, task.mask).mean(dim=0, keepdim=True)
    scores = [kind.agreement(returns[0]) for kind in task.feedback if kind.informative]
    return float(np.mean(scores)) if scores else float("nan")
