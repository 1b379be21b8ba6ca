"""Newton's method for the linear family: many penalties and folds solved as one batch."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prefgym.feedback.comparison import Feedback, joint_log_likelihood
from prefgym.feedback.reward_model import masked_returns
from prefgym.feedback.reward_nets import square_features

MAX_ITERATIONS = 30
RATER_PRIOR_SD = 3.0  # keeps a tie rate finite when every answer is a tie
# The reward's offset is what ends of episodes teach; shrinking it as hard as the other weights
# would make them stand in for it.
CONSTANT_SHRINKAGE = 0.01
_SEGMENTS_AT_ONCE = 256
_NUMBERS_AT_ONCE = 4_000_000  # bounds the memory of a Hessian

Loss = Callable[[Float[Tensor, "member coordinate"]], Float[Tensor, " member"]]


class LinearFit(NamedTuple):
    """Penalised maximum-likelihood weights and the curvature there, one row per member."""

    weight: Float[Tensor, "member feature head"]
    parameters: list[Float[Tensor, "member _"]]
    precision: Float[Tensor, "member weight weight"]

    def returns(
        self, features: Float[Tensor, "segment feature"]
    ) -> Float[Tensor, "member segment head"]:
        """Every member's returns of segments with these features."""
        return _returns(self.weight.flatten(1), features)

    def at(self, index: int) -> "LinearFit":
        """One of the members alone."""
        one = slice(index, index + 1)
        parameters = [theta[one] for theta in self.parameters]
        return LinearFit(self.weight[one], parameters, self.precision[one])


def return_features(
    inputs: Float[Tensor, "segment time input"], mask: Bool[Tensor, "segment time"]
) -> Float[Tensor, "segment feature"]:
    """Masked sums of linear features over sqrt(time): what weights multiply to give returns."""
    parts = []
    for steps, real in zip(
        inputs.split(_SEGMENTS_AT_ONCE), mask.split(_SEGMENTS_AT_ONCE), strict=True
    ):
        features = square_features(steps.double().flatten(0, 1)).unflatten(0, steps.shape[:2])
        parts.append(masked_returns(features[None], real)[0])
    return torch.cat(parts)


def fit_linear(
    features: Float[Tensor, "segment feature"],
    feedback: Sequence[Feedback],
    l2: Float[Tensor, " member"],
    weights: Float[Tensor, "member answer"] | None = None,
    *,
    num_heads: int = 1,
    offset: Float[Tensor, " segment"] | None = None,
) -> LinearFit:
    """Weights w that maximise sum(log-likelihood of features @ w) - l2/2 |w|^2, per member.

    The last feature, the constant, is penalised a hundredth as much; what is learned about raters
    has a normal prior. The objective is concave for every kind of feedback: Newton steps, halved
    where they overshoot, converge in about ten.

    Args:
        features: what each segment's return is linear in, the constant's last.
        feedback: all answers.
        l2: each member's penalty.
        weights: how much each answer counts to each member; None: all count 1.
        num_heads: columns of w, one reward each.
        offset: what is added to every head's return of a segment; None: nothing.
    """
    num_weights = features.shape[1] * num_heads
    initial = [kind.initial_parameters().double() for kind in feedback]
    sizes = [num_weights, *(len(theta) for theta in initial)]
    point = torch.cat([torch.zeros(num_weights, dtype=torch.float64), *initial])
    point = point.repeat(len(l2), 1)
    prior = torch.full_like(point, RATER_PRIOR_SD**-2)
    prior[:, :num_weights] = l2[:, None]
    prior[:, num_weights - num_heads : num_weights] *= CONSTANT_SHRINKAGE

    def loss(at: Tensor) -> Float[Tensor, " member"]:
        w, *parameters = at.split(sizes, dim=1)
        returns = _returns(w, features)
        if offset is not None:
            returns = returns + offset[None, :, None]
        likelihood = joint_log_likelihood(feedback, returns, parameters)
        if weights is not None:
            likelihood = likelihood * weights
        return (prior * at.square()).sum(1) / 2 - likelihood.sum(1)

    num_answers = sum(len(kind) for kind in feedback)
    at_once = max(_NUMBERS_AT_ONCE // (len(l2) * num_answers), 1)
    value = loss(point)
    for _ in range(MAX_ITERATIONS):
        gradient, hessian = _derivatives(loss, point, at_once)
        step = torch.linalg.solve(hessian, gradient)
        point, new_value = _halve(loss, point, step, value)
        done = bool((value - new_value <= 1e-9 * (1 + value.abs())).all())
        value = new_value
        if done:
            break
    _, hessian = _derivatives(loss, point, at_once)
    weight, *parameters = point.split(sizes, dim=1)
    by_head = weight.unflatten(1, (features.shape[1], num_heads))
    return LinearFit(by_head, list(parameters), hessian[:, :num_weights, :num_weights])


def _returns(
    weight: Float[Tensor, "member weight"], features: Float[Tensor, "segment feature"]
) -> Float[Tensor, "member segment head"]:
    """Features times weights; a member's weights lie feature by feature, then head by head."""
    num_members, num_features = len(weight), features.shape[1]
    by_head = weight.unflatten(1, (num_features, -1)).mT.flatten(0, 1)
    return (by_head @ features.T).unflatten(0, (num_members, -1)).mT


def _derivatives(
    loss: Loss, point: Float[Tensor, "member coordinate"], at_once: int
) -> tuple[Float[Tensor, "member coordinate"], Float[Tensor, "member coordinate coordinate"]]:
    """Gradient and Hessian of every member (they do not interact), `at_once` columns a time."""
    at = point.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at).sum(), at, create_graph=True)
    size = point.shape[1]
    directions = torch.eye(size, dtype=point.dtype)[:, None, :].expand(size, *point.shape)
    columns = [
        torch.autograd.grad(gradient, at, part, retain_graph=True, is_grads_batched=True)[0]
        for part in directions.split(at_once)
    ]
    return gradient.detach(), torch.cat(columns).permute(1, 0, 2)


def _halve(
    loss: Loss,
    point: Float[Tensor, "member coordinate"],
    step: Float[Tensor, "member coordinate"],
    value: Float[Tensor, " member"],
) -> tuple[Float[Tensor, "member coordinate"], Float[Tensor, " member"]]:
    """The longest of the steps 1, 1/2, 1/4 ... that does not raise a member's loss."""
    best, best_value = point, value
    pending = torch.ones(len(point), dtype=torch.bool)
    for power in range(12):
        trial = point - step * 0.5**power
        trial_value = loss(trial)
        good = pending & (trial_value <= value)
        best = torch.where(good[:, None], trial, best)
        best_value = torch.where(good, trial_value, best_value)
        pending &= ~good
        if not bool(pending.any()):
            break
    return best, best_value


def held_out_linear(
    features: Float[Tensor, "segment feature"],
    feedback: Sequence[Feedback],
    l2: Sequence[float],
    train: Float[Tensor, "fold answer"],
    *,
    num_heads: int = 1,
) -> Float[Tensor, " penalty"]:
    """Cross-validated log-likelihood per answer of every penalty."""
    num_folds, num_answers = train.shape
    penalties = torch.tensor(l2, dtype=torch.float64).repeat_interleave(num_folds)
    weights = train.repeat(len(l2), 1)
    solution = fit_linear(features, feedback, penalties, weights, num_heads=num_heads)
    likelihood = joint_log_likelihood(feedback, solution.returns(features), solution.parameters)
    held_out = (likelihood * (1 - weights)).sum(1).view(len(l2), num_folds)
    return held_out.sum(1) / num_answers


def posterior_members(
    solution: LinearFit, num_members: int, *, generator: torch.Generator
) -> Float[Tensor, "member feature head"]:
    """Draws from the first row's Laplace posterior given its tie rate; their mean is its weight.

    Centring takes 1/`num_members` of the draws' variance, which scaling them up gives back.
    """
    mean, precision = solution.weight[0].flatten(), solution.precision[0]
    factor = torch.linalg.cholesky(precision)
    noise = torch.randn(len(mean), num_members, dtype=torch.float64, generator=generator)
    draws = torch.linalg.solve_triangular(factor.T, noise, upper=True).T
    scale = (num_members / max(num_members - 1, 1)) ** 0.5
    members = mean + (draws - draws.mean(dim=0)) * scale
    return members.unflatten(1, solution.weight.shape[1:])
