import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.segment import (
    Segments,
    concatenate,
    cut,
    sample_starts,
    stack,
    whole_episode_starts,
)
from prefgym.feedback.trajectory import Trajectories


def trajectories(*episodes: tuple[int, bool], states: bool = False) -> Trajectories:
    """Episodes of (length, whether they terminated); the observation counts the steps."""
    lengths = np.array([length for length, _ in episodes], np.int64)
    count = np.arange(lengths.sum(), dtype=np.float32)[:, None]
    return Trajectories(
        observations=count,
        actions=-count,
        next_observations=count + 1,
        criteria=count.astype(np.float64),
        lengths=lengths,
        terminated=np.array([terminated for _, terminated in episodes]),
        states=np.tile(count[:, :, None], (1, 4, 2)) if states else None,
    )


def starts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_window_past_a_termination_is_padded_and_masked() -> None:
    got = cut(trajectories((3, True), (5, False)), starts(1, 3, 4), 4)
    assert got.mask.tolist() == [[True, True, False, False], [True] * 4, [True] * 4]
    assert got.observations[..., 0].tolist() == [[1, 2, 2, 2], [3, 4, 5, 6], [4, 5, 6, 7]]
    assert got.next_observations[0, :, 0].tolist() == [2, 3, 3, 3]
    assert got.actions[1, :, 0].tolist() == [-3, -4, -5, -6]
    assert got.criteria[0, :, 0].tolist() == [1, 2, 2, 2]
    assert got.terminated.tolist() == [True, False, False]
    assert got.states is None
    assert len(got) == 3


def test_a_window_that_ends_with_the_episode_needs_no_padding() -> None:
    assert cut(trajectories((3, True)), starts(0), 3).mask.all()


def test_a_window_past_a_time_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="segments of 4 steps may not reach past a time limit"):
        cut(trajectories((3, False), (5, True)), starts(0), 4)


@pytest.mark.parametrize("start", [-1, 3])
def test_a_window_outside_the_recording_is_refused(start: int) -> None:
    with pytest.raises(ValueError, match=f"steps 0 to 2, got {start} to {start}"):
        cut(trajectories((3, True)), starts(start), 2)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=6),
    st.integers(1, 9),
    st.floats(0.0, 1.0),
    st.integers(0, 99),
)
def test_sampled_windows_stay_in_one_episode_and_never_cross_a_time_limit(
    episodes: list[tuple[int, bool]], length: int, share: float, seed: int
) -> None:
    pool = trajectories(*episodes)
    rng = np.random.default_rng(seed)
    if not any(terminated or steps >= length for steps, terminated in episodes):
        with pytest.raises(ValueError, match="longest recorded episode"):
            sample_starts(pool, length, 30, anchored_share=share, rng=rng)
        return
    drawn = sample_starts(pool, length, 30, anchored_share=share, rng=rng)
    for start, mask in zip(drawn, cut(pool, drawn, length).mask, strict=True):
        episode = np.searchsorted(pool.starts, start, side="right") - 1
        left = pool.starts[episode] + pool.lengths[episode] - start
        assert mask.sum() == min(left, length)
        assert pool.terminated[episode] or left >= length


def test_windows_are_uniform_over_all_legal_ones() -> None:
    # 7 windows of 4 steps in the first, none in the second, 1 in the third
    pool = trajectories((10, False), (3, False), (4, False))
    drawn = sample_starts(pool, 4, 80_000, rng=np.random.default_rng(0))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0, 1, 2, 3, 4, 5, 6, 13]
    # chi-square with 7 degrees of freedom: its 99.9 % quantile is 24.3
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 24.3


def test_the_anchored_share_holds_a_termination() -> None:
    # Of 1000 + 96 legal windows (96 in the second) 5 hold the end, so uniform draws rarely do.
    pool = trajectories((1000, True), (100, False))
    for share in (0.0, 0.5, 1.0):
        rng = np.random.default_rng(1)
        drawn = sample_starts(pool, 5, 20_000, anchored_share=share, rng=rng)
        realised = float(((drawn >= 995) & (drawn < 1000)).mean())
        expected = share + (1 - share) * 5 / 1096
        assert abs(realised - expected) < 4 * (expected * (1 - expected) / 20_000) ** 0.5 + 1e-12


def test_anchored_windows_are_uniform_over_where_the_end_lies() -> None:
    pool = trajectories((2, True), (50, True))
    rng = np.random.default_rng(2)
    drawn = sample_starts(pool, 4, 60_000, anchored_share=1.0, rng=rng)
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0, 1, 48, 49, 50, 51]
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 20.5  # 5 degrees of freedom, 99.9 %


def test_the_same_generator_gives_the_same_windows() -> None:
    pool = trajectories((30, True), (30, False))
    first, second = (sample_starts(pool, 5, 50, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_segment_longer_than_any_episode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"longest recorded episode \(7 steps\), got 8; use short"):
        sample_starts(trajectories((7, False), (3, False)), 8, 10, rng=np.random.default_rng(0))


def test_a_segment_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        sample_starts(trajectories((7, False)), 0, 10, rng=np.random.default_rng(0))


@pytest.mark.parametrize("states", [True, False])
def test_segments_survive_the_form_in_which_they_are_stored(states: bool) -> None:
    segments = cut(trajectories((6, True), states=states), starts(0, 4), 3)
    restored = stack([segments.arrays(i) for i in range(2)])
    assert_equal(restored, segments)
    assert ("states" in segments.arrays(0)) == states


def test_segments_are_taken_in_the_order_asked_for() -> None:
    segments = cut(trajectories((6, True), states=True), starts(0, 1, 2), 2)
    assert segments.take(starts(2, 0, 2)).observations[:, 0, 0].tolist() == [2, 0, 2]
    assert_equal(concatenate([segments.take(starts(0)), segments.take(starts(1, 2))]), segments)


def test_render_states_are_kept_only_where_every_batch_has_them() -> None:
    drawn = cut(trajectories((6, True), states=True), starts(0), 2)
    plain = cut(trajectories((6, True)), starts(0), 2)
    assert concatenate([drawn, plain]).states is None
    assert concatenate([plain, drawn]).states is None


def test_shorter_segments_are_padded_by_their_last_step_masked_out() -> None:
    long = cut(trajectories((6, True), states=True), starts(0), 6)
    short = cut(trajectories((6, True)), starts(2), 3)
    got = stack([long.arrays(0), short.arrays(0)])
    assert got.mask.tolist() == [[True] * 6, [True] * 3 + [False] * 3]
    assert got.observations[1, :, 0].tolist() == [2, 3, 4, 4, 4, 4]
    assert got.states is None  # not all have them
    np.testing.assert_array_equal(got.steps(0, 3).observations[1:], short.observations)


def test_nothing_cannot_be_stacked() -> None:
    with pytest.raises(ValueError, match="at least one segment"):
        stack([])


def assert_equal(got: Segments, expected: Segments) -> None:
    for i in range(len(expected)):
        left, right = got.arrays(i), expected.arrays(i)
        assert left.keys() == right.keys()
        for name in right:
            assert left[name].dtype == right[name].dtype
            assert np.array_equal(left[name], right[name])


def test_whole_episodes_begin_at_their_beginning_and_end_truly() -> None:
    steps = np.zeros((12, 1), np.float32)
    recorded = Trajectories(
        steps,
        steps,
        steps,
        steps.astype(np.float64),
        lengths=np.array([3, 2, 5, 2]),
        terminated=np.array([True, True, True, False]),
        begin=np.array([False, True, True, True]),
    )
    starts = whole_episode_starts(recorded, 4, 50, rng=np.random.default_rng(0))
    assert set(starts.tolist()) == {3}  # the first lacks its beginning, the third is too long
    starts = whole_episode_starts(recorded, 6, 50, rng=np.random.default_rng(0))
    assert set(starts.tolist()) == {3, 5}
    with pytest.raises(ValueError, match="above the steps of some recorded whole episode, got 2"):
        whole_episode_starts(recorded, 2, 5, rng=np.random.default_rng(0))
