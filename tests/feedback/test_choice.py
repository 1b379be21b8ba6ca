import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.choice import Choice
from prefgym.feedback.comparison import Comparison, Feedback
from prefgym.feedback.fit_linear import fit_linear
from prefgym.feedback.fit_mlp import LabelledSteps, train_mlp
from prefgym.feedback.ranking import Ranking
from prefgym.feedback.reward_nets import MLPEnsemble

NOTHING = torch.zeros(1, 0)
KINDS = ["correction", "intervention", "demonstration"]
RETURNS = st.floats(-50.0, 50.0)


def choice(*rows, kind="demonstration"):
    return Choice(kind, np.array(rows, np.int64).reshape(len(rows), -1))


def returns(*values):
    return torch.tensor(values, dtype=torch.float64)[None, :, None]


def random_choices(kind, seed=0, num_answers=40, num_segments=20):
    """Of segments with the returns 2 x[0] - x[1]; the best is chosen."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_segments, 3))
    truth = x @ [2.0, -1.0, 0.0]
    places = 4 if kind == "demonstration" else 2
    rows = np.stack([rng.permutation(num_segments)[:places] for _ in range(num_answers)])
    order = np.argsort(-truth[rows], axis=1)
    rows = np.take_along_axis(rows, order, axis=1)
    if kind == "demonstration":
        rows[::3, -1] = -1
    return x, Choice(kind, rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_choice_is_feedback(kind):
    answers = choice([0, 1], kind=kind)
    assert isinstance(answers, Feedback)
    assert answers.initial_parameters().shape == (0,)
    assert answers.informative
    assert not answers.take(np.zeros(0, np.int64)).informative


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_two_by_hand(kind):
    # e^R are 3 and 1: three to one
    found = choice([0, 1], kind=kind).log_likelihood(returns(math.log(3), 0.0), NOTHING)
    assert found.item() == pytest.approx(math.log(0.75))


def test_one_of_three_by_hand():
    # e^R are 1, 2 and 5
    at = returns(0.0, math.log(2), math.log(5))
    assert choice([1, 0, 2]).log_likelihood(at, NOTHING).item() == pytest.approx(math.log(2 / 8))


def test_heads_count_equally():
    both = torch.tensor([[[0.0, 2 * math.log(3)], [0.0, 0.0]]]).double()
    assert choice([0, 1]).log_likelihood(both, NOTHING).exp().item() == pytest.approx(0.75)


@given(RETURNS, RETURNS)
def test_a_choice_of_two_turned_over_is_exactly_the_other(first, second):
    there, back = returns(first, second), returns(second, first)
    for kind in KINDS:
        one = choice([0, 1], kind=kind)
        other = choice([1, 0], kind=kind)
        assert one.log_likelihood(there, NOTHING).item() == (
            other.log_likelihood(back, NOTHING).item()
        )
        odds = one.log_likelihood(there, NOTHING) - other.log_likelihood(there, NOTHING)
        assert odds.item() == pytest.approx(first - second, abs=1e-12)


@given(st.lists(RETURNS, min_size=3, max_size=3), RETURNS)
def test_only_differences_of_returns_matter(values, shift):
    at, answers = returns(*values), choice([2, 0, 1])
    moved = answers.log_likelihood(at + shift, NOTHING)
    assert moved.item() == pytest.approx(answers.log_likelihood(at, NOTHING).item(), abs=1e-9)


def test_whatever_is_chosen_the_probabilities_sum_to_one():
    at = returns(0.3, -1.0, 2.0)
    total = choice([0, 1, 2], [1, 0, 2], [2, 0, 1]).log_likelihood(at, NOTHING).exp().sum()
    assert total.item() == pytest.approx(1.0)


def test_an_empty_place_changes_nothing_and_order_does_not_matter():
    at = returns(0.4, 1.1, -0.2)
    found = choice([1, 0, 2, -1], [1, -1, 2, 0]).log_likelihood(at, NOTHING)[0].tolist()
    short = choice([1, 2, 0]).log_likelihood(at, NOTHING).item()
    assert found == [pytest.approx(short)] * 2


def test_a_choice_of_two_is_a_comparison_and_a_ranking():
    at = returns(0.4, 1.1)
    found = choice([1, 0]).log_likelihood(at, NOTHING).item()
    pair = Comparison(np.array([1]), np.array([0]), np.array([1.0]))
    ranked = Ranking(np.array([[1, 0]]), np.array([[0, 1]]))
    assert found == pytest.approx(pair.log_likelihood(at, NOTHING).item())
    assert found == pytest.approx(ranked.log_likelihood(at, NOTHING).item())


def test_a_ranking_is_a_choice_from_all_and_then_from_the_rest():
    at = returns(0.3, -1.0, 2.0)
    stages = choice([2, 0, 1], [0, 1, -1]).log_likelihood(at, NOTHING).sum().item()
    ranked = Ranking(np.array([[2, 0, 1]]), np.array([[0, 1, 2]]))
    assert ranked.log_likelihood(at, NOTHING).item() == pytest.approx(stages)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right_and_the_likelihood_concave(kind):
    _, answers = random_choices(kind, num_answers=6, num_segments=5)
    at = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(
        lambda r: answers.log_likelihood(r, NOTHING.expand(2, 0)), (at.requires_grad_(),)
    )
    hessian = torch.autograd.functional.hessian(
        lambda r: answers.log_likelihood(r.view(1, 5, 3), NOTHING).sum(), at[0].detach().flatten()
    )
    assert torch.linalg.eigvalsh(hessian).max() < 1e-10


def test_far_apart_returns_still_give_a_gradient():
    at = returns(-1000.0, 1000.0).requires_grad_()
    choice([0, 1]).log_likelihood(at, NOTHING).sum().backward()
    assert at.grad.flatten().tolist() == [1.0, -1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_both_families_learn_from_choices(kind):
    x, answers = random_choices(kind)
    features = torch.from_numpy(np.column_stack([x, np.ones(len(x))]))
    solution = fit_linear(features, [answers], torch.tensor([0.1], dtype=torch.float64))
    assert answers.agreement(solution.returns(features)[0]) > 0.95
    weight = solution.weight[0, :, 0]
    assert weight[0] > 0 > weight[1]
    assert abs(weight[2]) < 0.3 * weight[0]
    assert abs(weight[3]) < 1e-9  # all segments are alike in it: nothing to learn

    generator = torch.Generator().manual_seed(0)
    net = MLPEnsemble(3, num_members=2, generator=generator)
    steps = torch.from_numpy(x).float()[:, None]
    labelled = LabelledSteps(steps, torch.ones(len(x), 1, dtype=torch.bool), [answers])
    learned = train_mlp(
        net,
        labelled,
        num_steps=100,
        batch_size=16,
        learning_rate=1e-2,
        generator=generator,
    )
    assert [theta.shape for theta in learned] == [(2, 0)]
    with torch.no_grad():
        assert answers.agreement(net(steps[:, 0]).mean(dim=0)) > 0.9


def test_chosen_choices_speak_of_their_own_segments():
    used, local = choice([7, 3, -1], [3, 9, 7]).take(np.array([1])).localise()
    assert used.tolist() == [3, 7, 9]
    assert local.segment.tolist() == [[0, 2, 1]]
    assert local.kind == "demonstration"


def test_agreement_counts_what_was_not_chosen():
    at = returns(1.0, 0.0, 2.0)[0]
    assert choice([0, 1, 2, -1]).agreement(at) == pytest.approx(0.5)
    assert choice([0, 0]).agreement(at) == 0.5
    assert math.isnan(choice([0, 1]).take(np.zeros(0, np.int64)).agreement(at))


def test_wrong_choices_are_refused():
    with pytest.raises(ValueError, match=r"a demonstration must be of at least 2 .*\[ 3 -1\]"):
        choice([3, -1])
    with pytest.raises(ValueError, match="must begin with what was chosen"):
        choice([-1, 3, 4])
    with pytest.raises(ValueError, match="a correction must be of 2 segments, got 3 places"):
        choice([0, 1, 2], kind="correction")
