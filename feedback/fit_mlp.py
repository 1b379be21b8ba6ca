"""Gradient fit of MLP ensembles: minibatches of answers, each segment in one evaluated once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from prefgym.feedback.comparison import Feedback
from prefgym.feedback.reward_model import segment_returns
from prefgym.feedback.reward_nets import MLPEnsemble

# What a kind learns about its raters is a number or two per member, with a far steeper likelihood
# than a network's weights: at their rate a tie rate would hardly move in a short fit.
RATER_LEARNING_RATE = 0.05


class LabelledSteps(NamedTuple):
    """Standardised steps of every labelled segment, and the answers about the segments."""

    inputs: Float[Tensor, "segment time input"]
    mask: Bool[Tensor, "segment time"]
    feedback: Sequence[Feedback]

    @property
    def num_answers(self) -> int:
        """Answers of all kinds together."""
        return sum(len(kind) for kind in self.feedback)


def train_mlp(
    net: MLPEnsemble,
    labelled: LabelledSteps,
    *,
    num_steps: int,
    batch_size: int,
    learning_rate: float,
    weights: Float[Tensor, "member answer"] | None = None,
    generator: torch.Generator,
) -> list[Float[Tensor, "member _"]]:
    """Adam on minibatches of answers; returns what each kind of feedback learned about raters.

    Args:
        net: trained in place.
        labelled: what to fit.
        num_steps: gradient steps.
        batch_size: answers per step.
        learning_rate: Adam's, for the networks.
        weights: how much each answer counts to each member; None: all count 1.
        generator: source of the minibatches.
    """
    num_members = len(net.weights[0])
    parameters = [
        kind.initial_parameters().repeat(num_members, 1).requires_grad_()
        for kind in labelled.feedback
    ]
    groups: list[dict[str, object]] = [{"params": list(net.parameters()), "lr": learning_rate}]
    learned = [theta for theta in parameters if theta.numel()]
    if learned:
        groups.append({"params": learned, "lr": RATER_LEARNING_RATE})
    optimiser = torch.optim.Adam(groups, foreach=True)
    for chosen in minibatches(labelled.num_answers, batch_size, num_steps, generator=generator):
        loss = _loss(net, labelled, parameters, chosen, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return [theta.detach() for theta in parameters]


def _loss(
    net: MLPEnsemble,
    labelled: LabelledSteps,
    parameters: Sequence[Float[Tensor, "member _"]],
    chosen: Int64[np.ndarray, " chosen"],
    weights: Float[Tensor, "member answer"] | None,
) -> Float[Tensor, ""]:
    """Negative log-likelihood per chosen answer, summed over members.

    The sum gives each member the gradient of training it alone.
    """
    loss = torch.zeros(())
    begin = 0
    for kind, theta in zip(labelled.feedback, parameters, strict=True):
        mine = chosen[(chosen >= begin) & (chosen < begin + len(kind))]
        if len(mine):
            used, answers = kind.take(mine - begin).localise()
            returns = segment_returns(net, labelled.inputs[used], labelled.mask[used])
            likelihood = answers.log_likelihood(returns, theta)
            if weights is not None:
                likelihood = likelihood * weights[:, mine]
            loss = loss - likelihood.sum() / len(chosen)
        begin += len(kind)
    return loss


def minibatches(
    num_answers: int, batch_size: int, num_steps: int, *, generator: torch.Generator
) -> list[Int64[np.ndarray, " chosen"]]:
    """Shuffled minibatches, reshuffled every pass over the answers; a pass drops its remainder."""
    size = min(batch_size, num_answers)
    per_pass = num_answers // size
    batches: list[Int64[np.ndarray, " chosen"]] = []
    while len(batches) < num_steps:
        order = torch.randperm(num_answers, generator=generator).numpy()
        batches += [np.sort(order[i * size : (i + 1) * size]) for i in range(per_pass)]
    return batches[:num_steps]
