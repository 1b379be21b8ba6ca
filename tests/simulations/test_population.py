import numpy as np
import pytest

from prefgym.simulations.drivers import CRITERIA, PROFILES, driver_weights
from prefgym.simulations.population import (
    DRIVER_GROUPS,
    READER_GROUPS,
    STYLE_COLUMNS,
    Group,
    sample_drivers,
    sample_like_profiles,
    sample_population,
)
from prefgym.simulations.text_gold import CRITERIA as TEXT_CRITERIA


def rng(seed=0):
    return np.random.default_rng(seed)


def test_drivers_at_both_ends_and_between_by_hand():
    found = driver_weights(np.array([0.0, 0.5, 1.0]))
    # 1 / b; (v0 - 24.5) / (38.89 - 24.5); T - 0.8; politeness
    span = 140 / 3.6 - 24.5
    expected = [
        [1.0, (100 / 3.6 - 24.5) / span, 1.2, 1.0],
        [1 / 2, (120 / 3.6 - 24.5) / span, 0.7, 0.5],
        [1 / 3, 1.0, 0.2, 0.0],
    ]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_aggressiveness_lies_between_the_published_ends(wrong):
    with pytest.raises(ValueError, match=r"aggressiveness must be in \[0, 1\]"):
        driver_weights(np.array([0.5, wrong]))


def test_shares_are_met_to_the_nearest_person():
    groups = (Group("many", (1.0, 0.0), share=4.0), Group("few", (0.0, 1.0), share=1.0))
    for num_people, few in ((50, 10), (7, 1), (3, 1), (1, 0)):
        population = sample_population(groups, num_people, rng=rng())
        assert population.weights.shape == (num_people, 2)
        assert (population.group == 1).sum() == few


def test_people_of_a_group_lie_around_it_and_never_on_the_other_side():
    group = Group("one", (1.0, -1.0, 0.0, 0.1), spread=0.2)
    weights = sample_population([group], 20_000, rng=rng()).weights
    np.testing.assert_allclose(weights[:, :2].mean(axis=0), [1.0, -1.0], atol=0.01)
    np.testing.assert_allclose(weights[:, :2].std(axis=0), 0.2, rtol=0.02)
    assert (weights[:, 2] == 0).all()
    assert (weights[:, 3] >= 0).all()
    assert 0.2 < (weights[:, 3] == 0).mean() < 0.4  # normal below 0: 31 %


def test_groups_stand_in_random_order_and_the_same_seed_gives_the_same_people():
    one = sample_population(DRIVER_GROUPS, 40, rng=rng(1))
    again = sample_population(DRIVER_GROUPS, 40, rng=rng(1))
    assert one.weights.tobytes() == again.weights.tobytes()
    assert (np.diff(one.group) != 0).sum() > 5
    assert not np.array_equal(one.group, sample_population(DRIVER_GROUPS, 40, rng=rng(2)).group)


@pytest.mark.parametrize(
    ("groups", "columns"),
    [(DRIVER_GROUPS, CRITERIA), (READER_GROUPS, (*TEXT_CRITERIA, "length"))],
)
def test_cultures_want_different_things(groups, columns):
    """Of random pairs of clips that differ as much in each criterion, they dispute a third."""
    weights = np.array([group.weights for group in groups])
    assert weights.shape == (2, len(columns))
    gap = rng().normal(size=(20_000, len(columns))) @ weights.T
    assert 0.25 < (np.sign(gap[:, 0]) != np.sign(gap[:, 1])).mean() < 0.6


def test_columns_of_style_are_named():
    assert STYLE_COLUMNS[-1] == "length"
    assert len(STYLE_COLUMNS) == len(READER_GROUPS[0].weights)


def test_a_sampled_driver_is_like_the_published_ones():
    weights = sample_drivers(5000, spread=0.0, rng=rng())
    ends = driver_weights(np.array([0.0, 1.0]))
    assert (weights >= ends.min(axis=0)).all()
    assert (weights <= ends.max(axis=0)).all()
    # who wants pace more wants a gap less
    assert np.corrcoef(weights[:, 1], weights[:, 2])[0, 1] < -0.9
    moved = sample_drivers(5000, rng=rng())
    assert (moved >= 0).all()
    assert np.std(moved - weights) == pytest.approx(0.1, rel=0.2)
    assert weights.shape[1] == len(next(iter(PROFILES.values())).weights)


def test_drivers_are_like_the_profiles_in_equal_shares():
    profiles = np.array([profile.weights for profile in PROFILES.values()])
    exact = sample_like_profiles(8000, spread=0.0, rng=rng())
    number = (exact[:, None] == profiles).all(axis=2)
    np.testing.assert_allclose(number.mean(axis=0), 1 / len(profiles), atol=0.02)
    moved = sample_like_profiles(8000, rng=rng())
    assert (moved >= 0).all()
    far = moved[(exact > 0.9).any(axis=1)].max(axis=1)  # its heaviest weight, 1 on the mean
    assert np.std(far) == pytest.approx(0.15, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Group("x", ()), "weights of group 'x' must be finite numbers, got"),
        (lambda: Group("x", (np.nan,)), "must be finite numbers"),
        (lambda: Group("x", (1.0,), spread=-1.0), "spread >= 0 and share > 0, got -1.0 and 1.0"),
        (lambda: Group("x", (1.0,), share=0.0), "share > 0"),
        (lambda: sample_population((), 3, rng=rng()), "needs groups"),
        (
            lambda: sample_population((Group("x", (1.0,)), Group("y", (1.0, 2.0))), 3, rng=rng()),
            "weights of one length",
        ),
        (
            lambda: sample_population(DRIVER_GROUPS, 0, rng=rng()),
            "num_people must be at least 1, got 0",
        ),
    ],
)
def test_impossible_populations_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
