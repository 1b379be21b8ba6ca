import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.comparison import (
    Comparison,
    Feedback,
    comparison_log_likelihood,
    joint_log_likelihood,
    preference_prob,
)

GAPS = st.floats(-50.0, 50.0)
NO_TIES = torch.zeros(1, 0, dtype=torch.float64)


def comparison(first: list[int], second: list[int], preference: list[float]) -> Comparison:
    indices = np.array(first, np.int64), np.array(second, np.int64)
    return Comparison(*indices, np.array(preference, np.float64))


def probability(gap: float, preference: float, log_tie: float | None = None) -> float:
    tie = NO_TIES if log_tie is None else torch.tensor([[log_tie]], dtype=torch.float64)
    return math.exp(
        comparison_log_likelihood(
            torch.tensor([[gap]], dtype=torch.float64),
            torch.tensor([preference], dtype=torch.float64),
            tie,
        ).item()
    )


def column(*returns: float) -> torch.Tensor:
    """Returns of one member with one head."""
    return torch.tensor(returns, dtype=torch.float64)[None, :, None]


def test_bradley_terry_by_hand() -> None:
    # e^gap = 3, so three to one
    assert probability(math.log(3), 1.0) == pytest.approx(0.75)
    assert probability(math.log(3), 0.0) == pytest.approx(0.25)
    log_prob = math.log(probability(math.log(3), 0.8))
    assert log_prob == pytest.approx(0.8 * math.log(0.75) + 0.2 * math.log(0.25))


def test_davidson_by_hand() -> None:
    # e^(gap/2) = 2 and nu = 1.5: first, tie and second are as 2 : 1.5 : 0.5
    gap, log_tie = 2 * math.log(2), math.log(1.5)
    assert probability(gap, 1.0, log_tie) == pytest.approx(0.5)
    assert probability(gap, 0.5, log_tie) == pytest.approx(0.375)
    assert probability(gap, 0.0, log_tie) == pytest.approx(0.125)
    # less than sure, but no tie: a mixture of the two decided outcomes
    log_prob = math.log(probability(gap, 0.75, log_tie))
    assert log_prob == pytest.approx(0.75 * math.log(0.5) + 0.25 * math.log(0.125))


def test_without_ties_a_half_is_half_of_each() -> None:
    assert probability(math.log(3), 0.5) == pytest.approx((0.75 * 0.25) ** 0.5)


@given(GAPS, GAPS, GAPS)
def test_one_of_the_two_is_preferred_and_only_the_gap_matters(
    first: float, second: float, shift: float
) -> None:
    a, b = torch.tensor([[first], [second]], dtype=torch.float64)
    there, back = preference_prob(a, b), preference_prob(b, a)
    assert float(there + back) == pytest.approx(1.0)
    assert float(preference_prob(a + shift, b + shift)) == pytest.approx(float(there), abs=1e-9)
    assert float(there) == pytest.approx(probability(first - second, 1.0), abs=1e-12)


@given(GAPS, st.floats(-9.0, 9.0))
def test_first_tie_and_second_are_all_there_is(gap: float, log_tie: float) -> None:
    total = sum(probability(gap, preference, log_tie) for preference in (1.0, 0.5, 0.0))
    assert total == pytest.approx(1.0)


@given(GAPS, st.floats(0.0, 1.0), st.one_of(st.none(), st.floats(-9.0, 9.0)))
def test_the_order_of_a_pair_does_not_matter(
    gap: float, preference: float, log_tie: float | None
) -> None:
    there, back = (
        probability(*answer, log_tie) for answer in ((gap, preference), (-gap, 1 - preference))
    )
    if (preference == 0.5) == (1 - preference == 0.5):  # 1 - p may round to a half
        assert there == pytest.approx(back)


@pytest.mark.parametrize("preference", [1.0, 0.8, 0.5, 0.0])
@pytest.mark.parametrize("log_tie", [None, 0.0, -9.0])
@pytest.mark.parametrize("size", [1000.0, -1000.0, 0.0])
def test_far_apart_returns_still_give_a_gradient(
    size: float, log_tie: float | None, preference: float
) -> None:
    gap = torch.tensor([[size]], requires_grad=True)
    tie = torch.zeros(1, 0) if log_tie is None else torch.tensor([[log_tie]], requires_grad=True)
    value = comparison_log_likelihood(gap, torch.tensor([preference]), tie)
    (gradient,) = torch.autograd.grad(value.sum(), gap)
    assert torch.isfinite(value).all()
    assert torch.isfinite(gradient).all()
    surprised = size * (preference - 0.5) < 0
    if surprised and log_tie is None:
        assert abs(float(gradient)) == pytest.approx(abs(preference - (size > 0)), abs=1e-6)
    elif surprised:
        assert float(gradient) * size < 0


def test_an_answer_reads_its_own_two_segments() -> None:
    answers = comparison([2, 0], [0, 1], [1.0, 0.0])
    got = answers.log_likelihood(column(1.0, 0.0, 1.0 + math.log(3)), NO_TIES)
    expected = [math.log(0.75), math.log(1 / (1 + math.e))]
    assert got.tolist() == [pytest.approx(expected)]


def test_heads_count_equally() -> None:
    returns = torch.tensor([[[0.0, 2 * math.log(3)], [0.0, 0.0]]]).double()
    got = comparison([0], [1], [1.0]).log_likelihood(returns, NO_TIES)
    assert float(got.exp()) == pytest.approx(0.75)


def test_a_batch_speaks_of_each_segment_once() -> None:
    answers = comparison([7, 3, 7, 9], [3, 9, 9, 7], [1.0, 0.5, 0.0, 0.2])
    used, local = answers.localise()
    assert used.tolist() == [3, 7, 9]
    assert local.first.tolist() == [1, 0, 1, 2]
    assert local.second.tolist() == [0, 2, 2, 1]
    returns = torch.randn(2, 10, 1, generator=torch.Generator().manual_seed(0))
    tie = torch.zeros(2, 1)
    there = answers.log_likelihood(returns, tie)
    assert torch.equal(there, local.log_likelihood(returns[:, used], tie))


def test_answers_are_taken_in_the_order_asked_for() -> None:
    answers = comparison([0, 1, 2], [1, 2, 0], [1.0, 0.5, 0.0]).take(np.array([2, 0]))
    assert answers.first.tolist() == [2, 0]
    assert answers.preference.tolist() == [0.0, 1.0]
    assert len(answers) == 2


def test_the_tie_rate_starts_where_equal_returns_tie_as_often_as_was_said() -> None:
    answers = comparison([0] * 4, [1] * 4, [0.5, 1.0, 0.0, 1.0])
    start = answers.initial_parameters()
    assert start.exp().item() == pytest.approx(2 * 1 / 3.5)
    assert probability(0.0, 0.5, start.item()) == pytest.approx(0.25, abs=0.05)
    assert torch.isfinite(comparison([0], [1], [0.5]).initial_parameters()).all()


def test_who_never_ties_has_no_tie_rate() -> None:
    assert comparison([0], [1], [0.7]).initial_parameters().shape == (0,)
    assert comparison([], [], []).initial_parameters().shape == (0,)


def test_ties_alone_inform_of_nothing() -> None:
    assert not comparison([0, 1], [1, 0], [0.5, 0.5]).informative
    assert comparison([0, 1], [1, 0], [0.5, 0.6]).informative
    assert not comparison([], [], []).informative


def test_agreement_is_the_share_of_decided_answers_predicted() -> None:
    returns = torch.tensor([[3.0], [2.0], [1.0], [1.0]])
    answers = comparison([0, 2, 0, 1], [1, 1, 2, 2], [1.0, 1.0, 0.5, 0.9])
    assert answers.agreement(returns) == pytest.approx(2 / 3)
    assert comparison([2, 3], [3, 2], [1.0, 1.0]).agreement(returns) == 0.5
    assert math.isnan(comparison([0], [1], [0.5]).agreement(returns))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan, math.inf])
def test_a_preference_is_a_probability(wrong: float) -> None:
    with pytest.raises(ValueError, match=rf"in \[0, 1\], got {wrong}; leave out.*can't tell"):
        comparison([0, 0], [1, 1], [1.0, wrong])


def test_who_answered_goes_with_the_answers_and_changes_no_likelihood() -> None:
    plain = comparison([7, 3, 7], [3, 9, 9], [1.0, 0.5, 0.0])
    assert plain.raters.tolist() == [0, 0, 0]
    columns = plain.first, plain.second, plain.preference
    told = Comparison(*columns, rater=np.array([4, 0, 2]), num_raters=5)
    used, local = told.localise()
    assert local.raters.tolist() == [4, 0, 2]
    taken = local.take(np.array([2, 0]))
    assert (taken.raters.tolist(), taken.num_raters) == ([2, 4], 5)
    assert plain.take(np.array([1])).rater is None
    returns = torch.randn(2, 10, 1, generator=torch.Generator().manual_seed(0))
    tie = torch.zeros(2, 1)
    same = local.log_likelihood(returns[:, used], tie)
    assert torch.equal(same, plain.log_likelihood(returns, tie))


@pytest.mark.parametrize("wrong", [-1, 2])
def test_raters_are_numbered_from_nothing(wrong: int) -> None:
    one = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=rf"in \[0, 2\), got {wrong} to {wrong}"):
        Comparison(one, one, np.ones(1), rater=np.array([wrong]), num_raters=2)


def test_columns_must_be_of_one_length() -> None:
    with pytest.raises((ValueError, TypeError)):  # a checker of shapes may come first
        comparison([0], [1], [1.0, 0.0])


def test_kinds_follow_one_another_in_a_joint_likelihood() -> None:
    kinds: list[Feedback] = [comparison([0], [1], [1.0]), comparison([1], [0], [0.5])]
    tie = torch.tensor([[math.log(2.0)]]).double()
    got = joint_log_likelihood(kinds, column(0.0, 0.0), [NO_TIES, tie])
    assert got.exp().tolist() == [pytest.approx([0.5, 0.5])]
    assert isinstance(kinds[0], Feedback)
