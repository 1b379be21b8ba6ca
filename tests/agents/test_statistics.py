import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from prefgym.agents.statistics import Interval, iqm, normalised_score, stratified_bootstrap

SCORES = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([7.0], 7),
        ([1.0, 3.0], 2),
        ([1.0, 2.0, 6.0], (0.25 * 1 + 2 + 0.25 * 6) / 1.5),
        ([100.0, 3.0, 0.0, 1.0], 2),
        ([0.0, 1.0, 2.0, 4.0, 100.0], (0.75 * 1 + 2 + 0.75 * 4) / 2.5),
        ([-900.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 900.0], 3.5),
    ],
)
def test_iqm_is_the_mean_of_the_middle_half(scores: list[float], expected: float) -> None:
    assert iqm(scores) == pytest.approx(expected)


def test_iqm_reduces_the_last_axis() -> None:
    rows = np.array([[0.0, 1.0, 3.0, 100.0], [4.0, 4.0, 4.0, 4.0]])
    np.testing.assert_allclose(iqm(rows), [2, 4])


@given(SCORES, st.floats(0.1, 10), st.floats(-10, 10))
def test_iqm_follows_scale_and_shift(scores: list[float], scale: float, shift: float) -> None:
    moved = iqm(np.array(scores) * scale + shift)
    assert moved == pytest.approx(float(iqm(scores)) * scale + shift, abs=1e-9)


@given(SCORES)
def test_iqm_does_not_see_the_order(scores: list[float]) -> None:
    assert iqm(scores[::-1]) == pytest.approx(float(iqm(scores)))


def test_iqm_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        iqm([])


def test_equal_seeds_have_an_interval_of_no_width() -> None:
    scores = [[0.5] * 5, [0.7] * 5]
    interval = stratified_bootstrap(scores, rng=np.random.default_rng(0))
    assert interval == pytest.approx(Interval(0.6, 0.6, 0.6))


def test_a_resample_holds_every_task() -> None:
    """Resampling across tasks would give means other than .5 here."""
    interval = stratified_bootstrap(
        [[0.0, 0.0], [1.0, 1.0]], lambda x: x.mean(axis=-1), rng=np.random.default_rng(0)
    )
    assert interval == Interval(0.5, 0.5, 0.5)


def test_two_seeds_give_the_quantiles_worked_by_hand() -> None:
    """The mean of two draws from {0, 1} is 0, .5, 1 with probability 1/4, 1/2, 1/4."""
    interval = stratified_bootstrap(
        [[0.0, 1.0]],
        lambda x: x.mean(axis=-1),
        num_resamples=4000,
        confidence=0.4,
        rng=np.random.default_rng(0),
    )
    assert interval == Interval(0.5, 0.5, 0.5)
    wide = stratified_bootstrap(
        [[0.0, 1.0]], lambda x: x.mean(axis=-1), confidence=0.6, rng=np.random.default_rng(0)
    )
    assert wide == Interval(0.5, 0.0, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(size=(300, 1, 20))
    intervals = [
        stratified_bootstrap(x, lambda s: s.mean(axis=-1), num_resamples=400, rng=rng)
        for x in samples
    ]
    covered = np.mean([low <= 0 <= high for _, low, high in intervals])
    assert 0.88 <= covered <= 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = np.random.default_rng(3).normal(size=(4, 5))
    first, second = (stratified_bootstrap(scores, rng=np.random.default_rng(7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.array([0.1, 0.2]), r"axes \(task, seed\)"),
        ([[]], r"axes \(task, seed\)"),
        ([[0.1, math.nan]], "finite, got 1"),
    ],
)
def test_unusable_scores_are_refused(
    scores: NDArray[np.float64] | list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stratified_bootstrap(scores, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("confidence", "num_resamples"), [(0.0, 10), (1.0, 10), (0.95, 0)])
def test_unusable_settings_are_refused(confidence: float, num_resamples: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        stratified_bootstrap(
            [[1.0]],
            confidence=confidence,
            num_resamples=num_resamples,
            rng=np.random.default_rng(0),
        )


def test_floor_is_zero_and_oracle_one() -> None:
    np.testing.assert_allclose(
        normalised_score(np.array([-40.0, -15.0, -20.0, -65.0]), -40.0, -15.0), [0, 1, 0.8, -1]
    )


def test_an_oracle_below_the_floor_gives_no_number() -> None:
    assert np.isnan(normalised_score(-20.0, floor=-15.0, oracle=-40.0))
    assert np.isnan(normalised_score(1.0, floor=1.0, oracle=1.0))
