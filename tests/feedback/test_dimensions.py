import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from prefgym.feedback.comparison import Feedback
from prefgym.feedback.dimensions import (
    CriterionComparison,
    fit_heads,
    lexicographic_preference,
    scalarise,
)
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.logistic import fit_logistic, sigmoid
from prefgym.feedback.reward_inputs import InputConfig, RewardInputs
from prefgym.feedback.reward_model import RewardModelConfig
from prefgym.feedback.segment import Segments

NAN = math.nan
NO_PARAMETERS = torch.zeros(1, 0, dtype=torch.float64)


def compared(preference: list[list[float]]) -> CriterionComparison:
    count = len(preference)
    return CriterionComparison(
        np.zeros(count, np.int64), np.ones(count, np.int64), np.array(preference)
    )


def test_each_criterion_reads_its_own_head_and_what_was_not_asked_counts_nothing() -> None:
    answers = compared([[1.0, NAN], [0.0, 1.0], [NAN, NAN]])
    assert isinstance(answers, Feedback)
    # gaps log 3 and log 2: probabilities 3/4 and 2/3
    returns = torch.tensor([[[math.log(3), math.log(2)], [0.0, 0.0]]], dtype=torch.float64)
    likelihood = answers.log_likelihood(returns, NO_PARAMETERS)
    expected = [0.75, 0.25 * 2 / 3, 1.0]
    assert likelihood.exp().tolist() == [pytest.approx(expected)]


def test_a_tie_is_half_of_each() -> None:
    returns = torch.tensor([[[math.log(3)], [0.0]]], dtype=torch.float64)
    likelihood = compared([[0.5]]).log_likelihood(returns, NO_PARAMETERS)
    assert likelihood.exp().item() == pytest.approx((0.75 * 0.25) ** 0.5)


def test_agreement_counts_what_was_decided() -> None:
    returns = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    answers = compared([[1.0, NAN], [1.0, 1.0], [NAN, 0.5]])
    assert answers.agreement(returns) == pytest.approx(2 / 3)
    assert math.isnan(compared([[NAN, 0.5]]).agreement(returns))
    assert not compared([[NAN, 0.5]]).informative
    assert compared([[NAN, 0.6]]).informative


def test_a_batch_speaks_of_each_segment_once() -> None:
    preference = np.array([[1.0], [NAN], [0.0]])
    answers = CriterionComparison(np.array([7, 3, 7]), np.array([3, 9, 9]), preference)
    used, local = answers.take(np.array([0, 2])).localise()
    assert used.tolist() == [3, 7, 9]
    assert (local.first.tolist(), local.second.tolist()) == ([1, 1], [0, 2])
    np.testing.assert_array_equal(local.preference, [[1.0], [0.0]])


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.inf])
def test_a_preference_is_a_probability_or_missing(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\], or nan"):
        compared([[wrong, NAN]])


def test_criteria_that_were_asked_of_some_pairs_only_are_fitted_with_the_others() -> None:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(80, 4, 3))
    seen = steps.astype(np.float32)
    some = Segments(seen, seen[..., :1], seen, np.ones((80, 4), bool), steps)
    first, shift = rng.integers([80, 79], size=(300, 2)).T
    second = (first + 1 + shift) % 80
    worth = steps.sum(axis=1)[:, :2]
    said = (worth[first] > worth[second]).astype(float)
    said[rng.random(said.shape) < 0.6] = NAN
    inputs = RewardInputs(
        InputConfig(action=False), spaces.Box(-9.0, 9.0, (3,)), spaces.Box(-1.0, 1.0, (1,))
    )
    model, report = fit(
        None,
        some,
        [CriterionComparison(first, second, said)],
        model_config=RewardModelConfig(inputs=inputs.config, heads=("one", "two")),
        inputs=inputs,
        config=FitConfig(family="linear"),
        generator=torch.Generator().manual_seed(0),
    )
    assert report.agreement > 0.9
    found = model.returns(some).mean(dim=0).numpy()
    for head in (0, 1):
        assert np.corrcoef(found[:, head], worth[:, head])[0, 1] > 0.9


def related_heads(num_heads: int, number: int, *, rng: np.random.Generator):
    """Weights that share two directions of eight, and so many answers about each."""
    weight = rng.normal(size=(num_heads, 2)) @ (2 * rng.normal(size=(2, 8)))
    rows = rng.normal(size=(num_heads * number, 8))
    preference = np.full((len(rows), num_heads), NAN)
    head = np.repeat(np.arange(num_heads), number)
    prob = sigmoid((rows * weight[head]).sum(axis=1))
    preference[np.arange(len(rows)), head] = rng.random(len(rows)) < prob
    return weight, rows, preference


def test_heads_that_have_something_in_common_are_learned_better_together() -> None:
    test = np.random.default_rng(9).normal(size=(1000, 8))
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        weight, rows, preference = related_heads(8, 25, rng=rng)
        joint = fit_heads(rows, preference, PopulationConfig())
        wide = np.eye(8) / 8
        for head, true in enumerate(weight):
            asked = ~np.isnan(preference[:, head])
            told = preference[asked, head]
            alone = fit_logistic(rows[asked], told, prior_precision=wide).weight[0]
            right = [
                ((test @ w > 0) == (test @ true > 0)).mean() for w in (joint.weight[head], alone)
            ]
            gains.append(right[0] - right[1])
    assert np.mean(gains) > 0.02
    assert not joint.prior.mean.any()


def test_of_a_head_that_nobody_was_asked_about_nothing_is_known() -> None:
    _, rows, preference = related_heads(3, 20, rng=np.random.default_rng(1))
    preference[:, 1] = NAN
    heads = fit_heads(rows, preference, PopulationConfig())
    np.testing.assert_allclose(heads.weight[1], 0.0, atol=1e-9)
    np.testing.assert_allclose(heads.covariance[1], heads.prior.covariance, rtol=1e-6)
    assert np.trace(heads.covariance[0]) < np.trace(heads.covariance[1])


def test_heads_are_put_together_late() -> None:
    heads = np.array([[1.0, 2.0], [3.0, -1.0]])
    np.testing.assert_allclose(scalarise(heads, np.array([2.0, 1.0])), [4.0, 5.0])


def test_a_later_head_decides_only_what_earlier_ones_leave_open() -> None:
    gaps = np.array([[0.05, 2.0, -9.0], [-1.0, 2.0, 9.0], [0.1, -0.2, 0.3], [0.0, 0.1, 0.0]])
    margins = np.array([0.1, 0.5, 0.0])
    assert lexicographic_preference(gaps, (0, 1, 2), margins).tolist() == [1.0, 0.0, 1.0, 0.5]
    assert lexicographic_preference(gaps, (2, 0), margins).tolist() == [0.0, 1.0, 1.0, 0.5]
    turned = lexicographic_preference(-gaps, (0, 1, 2), margins)
    np.testing.assert_allclose(turned, [0.0, 1.0, 0.0, 0.5])
