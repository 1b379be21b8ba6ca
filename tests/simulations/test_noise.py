import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.simulations.noise import (
    Fatigue,
    FeatureNoise,
    Flip,
    Lapse,
    Situation,
    all_turned,
    said_prob,
)

SHARES = st.floats(0.0, 1.0)
PIECES = st.lists(
    st.one_of(
        st.builds(Flip, SHARES),
        st.builds(Lapse, SHARES, SHARES),
        st.builds(Fatigue, SHARES, st.floats(1.0, 1e4)),
        st.builds(
            FeatureNoise, st.just(0), st.sampled_from(["high", "low", "alike"]), SHARES, SHARES
        ),
    ),
    max_size=4,
)


def situation(number=(0,), level=None, contrast=None):
    number = np.array(number)
    half = np.full((len(number), 1), 0.5)
    as_column = lambda ranks: half if ranks is None else np.array(ranks)[:, None]  # noqa: E731
    return Situation(number, as_column(level), as_column(contrast))


def test_pieces_by_hand():
    np.testing.assert_allclose(Flip(0.3).turned(situation()), [[0.3, 0.3]])
    # a fifth of the answers are clicks, nine in ten of them on the first: an answer meant for the
    # first is lost to 0.2 x 0.1 of them, one meant for the second to 0.2 x 0.9
    np.testing.assert_allclose(Lapse(0.2, first=0.9).turned(situation()), [[0.02, 0.18]])


def test_fatigue_rises_from_nothing_towards_its_most():
    found = Fatigue(most=0.6, scale=100.0).turned(situation([0, 100, 10**6]))
    at_scale = 0.5 * 0.6 * (1 - np.exp(-1))
    np.testing.assert_allclose(found, [[0.0, 0.0], [at_scale, at_scale], [0.3, 0.3]])


def test_feature_noise_strikes_where_the_clips_look_so():
    seen = situation([0] * 4, level=[0.1, 0.4, 0.6, 0.9], contrast=[0.9, 0.6, 0.4, 0.1])

    def struck(where, share):
        return FeatureNoise(0, where, share, flip=0.4).turned(seen)[:, 0].tolist()

    assert struck("high", 0.5) == [0.0, 0.0, 0.4, 0.4]
    assert struck("low", 0.25) == [0.4, 0.0, 0.0, 0.0]
    assert struck("alike", 0.5) == [0.0, 0.0, 0.4, 0.4]
    assert struck("high", 0.0) == [0.0] * 4
    assert struck("low", 1.0) == [0.4] * 4


def test_two_adversaries_in_one_person_cancel():
    np.testing.assert_array_equal(all_turned([Flip(1.0), Flip(1.0)], situation()), [[0.0, 0.0]])


def test_what_follows_a_random_click_does_not_matter_to_the_truth():
    """After a fair coin, a flip is still a fair coin; a click after all else is only a click."""
    fair = all_turned([Lapse(1.0), Flip(0.8)], situation())
    np.testing.assert_allclose(fair, [[0.5, 0.5]])
    last = all_turned([Flip(0.8), Lapse(1.0, first=0.7)], situation())
    np.testing.assert_allclose(last, [[0.3, 0.7]])


@given(PIECES, SHARES)
def test_pieces_act_one_after_the_other(pieces, meant):
    seen = situation([3], level=[0.4], contrast=[0.6])
    prob = np.array([meant])
    for piece in pieces:
        prob = said_prob(prob, piece.turned(seen))
    together = said_prob(np.array([meant]), all_turned(pieces, seen))
    np.testing.assert_allclose(together, prob, atol=1e-12)
    assert (all_turned(pieces, seen) >= -1e-12).all()
    assert (all_turned(pieces, seen) <= 1 + 1e-12).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(1.5), r"share of flips must be in \[0, 1\], got 1.5"),
        (lambda: Lapse(-0.1), r"share of lapses must be in \[0, 1\], got -0.1"),
        (lambda: Lapse(0.5, first=2.0), r"first of lapses must be in \[0, 1\], got 2.0"),
        (lambda: Fatigue(most=2.0), r"most of fatigue must be in \[0, 1\], got 2.0"),
        (lambda: Fatigue(scale=0.0), r"scale of fatigue must be > 0 answers, got 0.0"),
        (lambda: FeatureNoise(-1), "criterion of feature noise must be >= 0, got -1"),
        (lambda: FeatureNoise(0, "high", 1.5), r"share of feature noise must be in \[0, 1\]"),
        (lambda: FeatureNoise(0, "high", 0.5, np.nan), "flip of feature noise must be in"),
    ],
)
def test_impossible_pieces_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_unknown_place_of_feature_noise_is_refused():
    with pytest.raises((ValueError, TypeError), match="where"):
        FeatureNoise(0, "left")  # type: ignore[arg-type]  # a type checker may come first
