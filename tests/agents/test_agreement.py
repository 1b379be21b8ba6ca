import numpy as np
import pytest

from prefgym.agents.agreement import (
    Ratio,
    agreement_with,
    copied,
    intervals,
    level_shares,
    offsets,
    pair_agreement,
    rater_agreement,
    within_item_sd,
)


def ratings(*items):
    """One article, one criterion, rows of raters' answers."""
    return np.array(items, dtype=float)[None, :, :, None]


def test_ties_of_the_rater_count_half_and_of_the_reference_not_at_all():
    """Of the pairs 5 > 4, 5 > 2, 4 > 2, 2 = 2 the rater ties one and turns none round."""
    reference = ratings([5], [4], [2])[:, :, 0]
    said = ratings([3], [3], [1])[:, :, 0]
    assert pair_agreement(reference, said).value == pytest.approx([2.5 / 3])
    tied = ratings([5], [2], [2])[:, :, 0]
    turned = ratings([1], [1], [2])[:, :, 0]
    assert pair_agreement(tied, turned).value == pytest.approx([0.25])


def test_items_that_do_not_count_take_their_pairs_with_them():
    reference = ratings([3], [2], [1])[:, :, 0]
    said = ratings([3], [2], [5])[:, :, 0]
    only = np.array([[True, True, False]])
    assert pair_agreement(reference, said, only).value == pytest.approx([1.0])


def test_two_raters_are_compared_both_ways():
    """The first decides one pair, the second both of the others: 1/2 and (1 + 1 + 1/2) / 3."""
    both = ratings([2, 3], [1, 1], [1, 2])
    forward = pair_agreement(both[:, :, 0], both[:, :, 1]).value
    backward = pair_agreement(both[:, :, 1], both[:, :, 0]).value
    assert forward == pytest.approx([1.0])
    assert backward == pytest.approx([2.5 / 3])
    assert rater_agreement(both).value == pytest.approx([4.5 / 5])
    assert agreement_with(both[:, :, 0], both).value == pytest.approx([1.0])


def test_spread_offsets_levels_and_copies_by_hand():
    both = ratings([2, 4], [3, 3])
    assert within_item_sd(both).value == pytest.approx([np.sqrt(2) / 2])
    assert within_item_sd(both, ~copied(both)).value == pytest.approx([np.sqrt(2)])
    assert offsets(both, 1).value == pytest.approx([0.5])
    assert level_shares(both).tolist() == [[0.0, 0.25, 0.5, 0.25, 0.0]]
    assert copied(both).tolist() == [[False, True]]


def test_equal_articles_have_an_interval_of_no_width():
    same = Ratio(np.full((10, 2), 3.0), np.full((10, 2), 4.0))
    for interval in intervals(same, rng=np.random.default_rng(0)):
        assert interval == pytest.approx((0.75, 0.75, 0.75))


def test_an_interval_resamples_articles():
    """Half of 100 articles at 0 and half at 1: a binomial share, 0.5 with an SD of 0.05."""
    part = np.repeat([0.0, 1.0], 50)[:, None]
    (found,) = intervals(Ratio(part, np.ones_like(part)), rng=np.random.default_rng(0))
    assert found.estimate == 0.5
    assert (found.low, found.high) == pytest.approx((0.402, 0.598), abs=0.015)
