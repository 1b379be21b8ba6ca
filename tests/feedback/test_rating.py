import math

import numpy as np
import pytest
import torch

from prefgym.feedback.comparison import Feedback
from prefgym.feedback.rating import Rating


def ratings(values, segment=None, rater=None, **options):
    values = np.array(values, float).reshape(len(values), -1)
    segment = np.arange(len(values)) if segment is None else np.array(segment)
    rater = np.zeros(len(values), np.int64) if rater is None else np.array(rater)
    return Rating(segment, values, rater, **options)


def random_ratings(noise, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 6, (12, 3)).astype(float)
    values[rng.random(values.shape) < 0.2] = np.nan
    return ratings(
        values, rng.integers(0, 4, 12), rng.integers(0, 2, 12), noise=noise, num_raters=2
    )


def test_a_rating_is_feedback():
    assert isinstance(ratings([3.0, 4.0]), Feedback)


def test_a_normal_rating_by_hand():
    # scale 2, offset 1: 2 * 3 - 1 - 4 = 1, so log 2 - 1/2
    answer = ratings([3.0])
    found = answer.log_likelihood(torch.full((1, 1, 1), 4.0), torch.tensor([[2.0, 1.0]]))
    assert found.item() == pytest.approx(math.log(2) - 0.5)


def test_a_huber_rating_far_off_costs_linearly():
    answer = ratings([0.0], noise="huber")
    near, far = (
        answer.log_likelihood(torch.full((1, 1, 1), r), torch.tensor([[1.0, 0.0]])).item()
        for r in (10.0, 20.0)
    )
    assert near - far == pytest.approx(13.5)


def test_ordinal_probabilities_sum_to_one():
    parameters = torch.tensor([[-2.0, -0.5, 0.4, 3.0, 0.7]])
    total = sum(
        ratings([float(r)], noise="ordinal")
        .log_likelihood(torch.full((1, 1, 1), 0.9), parameters)
        .exp()
        .item()
        for r in range(1, 6)
    )
    assert total == pytest.approx(1.0)


def test_the_middle_of_three_levels_by_hand():
    # cut points -1 and 1, no offset, R = 0: sigmoid(1) - sigmoid(-1)
    answer = ratings([2.0], noise="ordinal", levels=(1, 3))
    found = answer.log_likelihood(torch.zeros(1, 1, 1), torch.tensor([[-1.0, 1.0, 0.0]]))
    middle = 1 / (1 + math.exp(-1)) - 1 / (1 + math.exp(1))
    assert found.item() == pytest.approx(math.log(middle), rel=1e-5)


@pytest.mark.parametrize("noise", ["normal", "huber", "ordinal"])
def test_gradients_are_right(noise):
    answer = random_ratings(noise)
    returns = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start = answer.initial_parameters().double().repeat(2, 1)
    assert torch.autograd.gradcheck(
        answer.log_likelihood, (returns.requires_grad_(), start.requires_grad_())
    )


@pytest.mark.parametrize("noise", ["normal", "huber", "ordinal"])
def test_the_likelihood_is_jointly_concave(noise):
    answer = random_ratings(noise)
    generator = torch.Generator().manual_seed(1)
    start = answer.initial_parameters().double()

    def value(point):
        returns, parameters = point[:12].view(1, 4, 3), point[12:][None]
        return answer.log_likelihood(returns, parameters).sum()

    for _ in range(20):
        point = torch.cat([torch.randn(12, dtype=torch.float64, generator=generator), start])
        hessian = torch.autograd.functional.hessian(value, point)
        assert torch.linalg.eigvalsh(hessian).max() < 1e-8


def test_what_was_not_rated_does_not_count():
    both = ratings([[3.0, np.nan], [np.nan, 2.0]])
    returns = torch.zeros(1, 2, 2)
    parameters = torch.tensor([[1.0, 0.0]])
    moved = returns.clone()
    moved[0, 0, 1] = moved[0, 1, 0] = 9.0
    assert torch.equal(
        both.log_likelihood(returns, parameters), both.log_likelihood(moved, parameters)
    )


def test_localised_ratings_say_the_same():
    answer = random_ratings("normal").take(np.array([1, 4, 7]))
    used, local = answer.localise()
    returns = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(2))
    theta = answer.initial_parameters()[None]
    assert torch.equal(
        answer.log_likelihood(returns, theta), local.log_likelihood(returns[:, used], theta)
    )


def test_equal_ratings_tell_nothing_apart():
    assert not ratings([[3.0, 4.0], [3.0, np.nan]]).informative
    assert ratings([[3.0, 4.0], [3.0, 5.0]]).informative


def test_agreement_counts_pairs_of_one_rater():
    answer = ratings([1.0, 2.0, 3.0, 9.0], rater=[0, 0, 0, 1], num_raters=2)
    returns = torch.tensor([[0.0], [2.0], [1.0], [-5.0]])
    assert answer.agreement(returns) == pytest.approx(2 / 3)


def test_wrong_ratings_are_refused():
    with pytest.raises(ValueError, match="whole numbers from 1 to 5, got values from 0 to 6"):
        ratings([0.0, 6.0], noise="ordinal")
    with pytest.raises(ValueError, match=r"raters must be in \[0, 1\), got 0 to 1"):
        ratings([1.0, 2.0], rater=[0, 1])
    with pytest.raises(ValueError, match="must be finite"):
        ratings([np.inf])
