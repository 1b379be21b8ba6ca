import math
from itertools import permutations

import numpy as np
import pytest
import torch

from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.ranking import Ranking

NOTHING = torch.zeros(1, 0)


def ranking(*orders, rank=None):
    segment = np.array(orders)
    rank = np.tile(np.arange(segment.shape[1]), (len(segment), 1)) if rank is None else rank
    return Ranking(segment, np.array(rank))


def returns(*values):
    return torch.tensor(values, dtype=torch.float64)[None, :, None]


def test_a_ranking_is_feedback():
    assert isinstance(ranking([0, 1]), Feedback)


def test_three_by_hand():
    # e^2 / (e^2 + e^1 + e^0) * e^1 / (e^1 + e^0)
    found = ranking([0, 1, 2]).log_likelihood(returns(2.0, 1.0, 0.0), NOTHING).item()
    e = math.e
    assert found == pytest.approx(math.log(e**2 / (e**2 + e + 1) * e / (e + 1)))


def test_the_probabilities_of_all_orders_sum_to_one():
    orders = ranking(*permutations(range(4)))
    found = orders.log_likelihood(returns(0.3, -1.0, 2.0, 0.5), NOTHING)
    assert found.exp().sum().item() == pytest.approx(1.0)


def test_a_ranking_of_two_is_a_comparison():
    pair = Comparison(np.array([1]), np.array([0]), np.array([1.0]))
    at = returns(0.4, 1.1)
    assert ranking([1, 0]).log_likelihood(at, NOTHING).item() == pytest.approx(
        pair.log_likelihood(at, NOTHING).item()
    )


def test_an_empty_place_changes_nothing():
    at = returns(0.4, 1.1, -0.2)
    short = ranking([2, 0]).log_likelihood(at, NOTHING)
    padded = ranking([2, -1, 0]).log_likelihood(at, NOTHING)
    assert short.item() == pytest.approx(padded.item())


def test_the_order_in_which_ties_are_listed_does_not_matter():
    at = returns(0.4, 1.1, -0.2)
    one = ranking([0, 1, 2], rank=[[0, 0, 1]]).log_likelihood(at, NOTHING)
    other = ranking([1, 0, 2], rank=[[0, 0, 1]]).log_likelihood(at, NOTHING)
    assert one.item() == pytest.approx(other.item())


def test_gradients_are_right_and_the_likelihood_concave():
    answers = Ranking(
        np.array([[0, 1, 2, -1], [3, 2, 0, 1]]), np.array([[0, 0, 1, 9], [2, 1, 0, 3]])
    )
    at = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(
        lambda r: answers.log_likelihood(r, NOTHING.expand(2, 0)), (at.requires_grad_(),)
    )
    hessian = torch.autograd.functional.hessian(
        lambda r: answers.log_likelihood(r.view(1, 4, 3), NOTHING).sum(), at[0].detach().flatten()
    )
    assert torch.linalg.eigvalsh(hessian).max() < 1e-10


def test_a_chosen_ranking_speaks_of_its_own_segments():
    both = Ranking(np.array([[0, 1, -1], [4, 2, 0]]), np.array([[0, 1, 2], [0, 1, 1]]))
    used, local = both.take(np.array([1])).localise()
    assert used.tolist() == [0, 2, 4]
    assert local.segment.tolist() == [[2, 1, 0]]


def test_one_tie_tells_nothing_apart():
    assert not ranking([0, 1, 2], rank=[[0, 0, 0]]).informative
    assert ranking([0, 1, 2], rank=[[0, 1, 0]]).informative


def test_agreement_counts_ordered_pairs():
    answers = ranking([0, 1, 2], rank=[[0, 1, 1]])
    assert answers.agreement(returns(1.0, 0.0, 2.0)[0]) == pytest.approx(0.5)
    assert math.isnan(ranking([0, 1], rank=[[0, 0]]).agreement(returns(1.0, 0.0)[0]))


def test_wrong_rankings_are_refused():
    with pytest.raises(ValueError, match=r"at least 2 segments, got \[ 3 -1\]"):
        ranking([3, -1])
