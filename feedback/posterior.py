"""More members for a linear reward model: draws from the posterior that it was fitted with."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from prefgym.feedback.comparison import Feedback
from prefgym.feedback.fit_linear import fit_linear, posterior_members, return_features
from prefgym.feedback.reward_model import RewardModel, new_reward_model
from prefgym.feedback.reward_nets import LinearSquares
from prefgym.feedback.segment import Segments


def widen(
    model: RewardModel,
    segments: Segments,
    feedback: Sequence[Feedback],
    l2: Sequence[float],
    num_members: int,
    *,
    generator: torch.Generator,
) -> RewardModel:
    """The same reward model with `num_members` draws from its posterior as members.

    Three members, which serve to act on, tell little of where they disagree: a variance of three
    draws is off by its own size. An MLP ensemble, or a model that has learned nothing, is
    returned as it is.

    Args:
        model: fitted to `feedback`.
        segments: every labelled segment.
        feedback: all answers, in indices into the segments.
        l2: the penalties that were tried. Which was taken the model does not keep: it is the one
            whose weights are the model's.
        num_members: how many draws.
        generator: source of the draws.
    """
    if not (isinstance(model.net, LinearSquares) and bool(model.informed)):
        return model
    inputs, mask = model.segment_inputs(segments)
    penalties = torch.tensor(l2, dtype=torch.float64)
    tried = fit_linear(
        return_features(inputs, mask), feedback, penalties, num_heads=len(model.config.heads)
    )
    mean = model.net.weight.double().mean(dim=0)
    own = int((tried.weight - mean).square().sum(dim=(1, 2)).argmin())
    config = replace(model.config, num_members=num_members)
    wide = new_reward_model(config, model.inputs, "linear", generator=generator)
    draws = posterior_members(tried.at(own), num_members, generator=generator)
    wide.load_state_dict(model.state_dict() | {"net.weight": draws.float()})
    return wide
