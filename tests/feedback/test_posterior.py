from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.fit_linear import fit_linear, return_features
from prefgym.feedback.posterior import widen
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModelConfig
from prefgym.feedback.segment import Segments

BOX = spaces.Box(-9.0, 9.0, (3,))
L2 = FitConfig().l2


def problem(seed=0, *, ties=False):
    """Eighty comparisons of fifty clips by somebody with linear wishes."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(50, 4, 3)).astype(np.float32)
    segments = Segments(steps, steps, steps, np.ones((50, 4), bool), np.zeros((50, 4, 1)))
    first, second = rng.integers(50, size=(2, 80))
    gap = (steps.sum(axis=1) @ [1.0, -1.0, 0.2])[first] - (steps.sum(axis=1) @ [1.0, -1.0, 0.2])[
        second
    ]
    preference = (rng.random(80) < 1 / (1 + np.exp(-gap))).astype(np.float64)
    if ties:
        preference[np.abs(gap) < 0.5] = 0.5
    return segments, (Comparison(first, second, preference),)


def fitted(segments, feedback, family="linear", seed=0):
    config = RewardModelConfig(InputConfig(action=False))
    return fit(
        None,
        segments,
        feedback,
        model_config=config,
        inputs=RewardInputs(config.inputs, BOX, BOX),
        config=FitConfig(family=family),
        generator=torch.Generator().manual_seed(seed),
    )[0]


def wide(model, segments, feedback, num_members, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return widen(model, segments, feedback, L2, num_members, generator=generator)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_draws_have_the_posterior_of_the_penalty_that_was_taken(seed, ties):
    segments, feedback = problem(seed, ties=ties)
    model = fitted(segments, feedback, seed=seed)
    found = wide(model, segments, feedback, 4000)
    weight = found.net.weight.double()
    mean = model.net.weight.double().mean(dim=0)
    torch.testing.assert_close(weight.mean(dim=0), mean, atol=1e-4, rtol=1e-3)
    features = return_features(*model.segment_inputs(segments))
    precisions = [
        fit_linear(features, feedback, torch.tensor([l2], dtype=torch.float64)) for l2 in L2
    ]
    taken = [one for one in precisions if torch.allclose(one.weight[0], mean, atol=1e-4, rtol=1e-3)]
    assert len(taken) == 1
    expected = torch.linalg.inv(taken[0].precision[0]).diagonal()
    torch.testing.assert_close(weight.flatten(1).var(dim=0), expected, rtol=0.15, atol=1e-6)


def test_the_wide_model_gives_the_same_reward():
    segments, feedback = problem()
    model = fitted(segments, feedback)
    found = wide(model, segments, feedback, 64)
    assert found.config == replace(model.config, num_members=64)
    steps = segments.observations[:, 0]
    done = np.zeros(len(steps), bool)
    arguments = steps, steps, steps, done
    np.testing.assert_allclose(found.reward(*arguments), model.reward(*arguments), atol=1e-4)
    assert found.returns(segments).shape[0] == 64


def test_same_seed_same_draws():
    segments, feedback = problem()
    model = fitted(segments, feedback)
    one, again, other = (wide(model, segments, feedback, 8, seed) for seed in (1, 1, 2))
    assert torch.equal(one.net.weight, again.net.weight)
    assert not torch.equal(one.net.weight, other.net.weight)


def test_an_ensemble_of_networks_stays_as_it_is():
    segments, feedback = problem()
    model = fitted(segments, feedback, "mlp")
    assert wide(model, segments, feedback, 64) is model


def test_who_has_learned_nothing_has_no_posterior():
    segments, (compared,) = problem()
    ties = (replace(compared, preference=np.full(80, 0.5)),)
    model = fitted(segments, ties)
    assert not bool(model.informed)
    assert wide(model, segments, ties, 64) is model
