import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.trajectory import Trajectories, concatenate, from_rollout


def rollout(terminated: object, truncated: object, *, states: bool = False) -> Trajectories:
    """Trajectories whose step t of environment e is observed as 10 e + t, and then as that + 0.5.

    Args:
        terminated: (env, time), as it is easiest to write.
        truncated: likewise.
    """
    ends, cuts = np.array(terminated, bool).T, np.array(truncated, bool).T
    time, env = np.indices(ends.shape)
    code = (10 * env + time).astype(np.float32)[..., None]
    return from_rollout(
        observations=code,
        actions=-code,
        next_observations=code + np.float32(0.5),
        criteria=np.concatenate([code, 2 * code], axis=2).astype(np.float64),
        terminated=ends,
        truncated=cuts,
        states=np.tile(code[..., None], (1, 1, 2, 3)) if states else None,
    )


def test_a_rollout_with_resets_is_split_at_them() -> None:
    # environment 0: terminates at step 1, runs on; environment 1: time limit at 2, terminates at 4
    got = rollout(
        [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]],
        [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]],
        states=True,
    )
    assert got.lengths.tolist() == [2, 3, 3, 2]
    assert got.starts.tolist() == [0, 2, 5, 8]
    assert got.terminated.tolist() == [True, False, False, True]
    assert got.num_steps == 10
    assert got.observations[:, 0].tolist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert got.actions[:, 0].tolist() == [0, -1, -2, -3, -4, -10, -11, -12, -13, -14]
    # the consequence of a last step is its own, not the next episode's first observation
    assert got.next_observations[1, 0] == 1.5
    assert got.criteria[7].tolist() == [12, 24]
    assert got.states is not None
    assert got.states.shape == (10, 2, 3)
    assert got.states[9].tolist() == [[14] * 3] * 2


def test_a_step_that_terminates_at_the_time_limit_has_terminated() -> None:
    assert rollout([[0, 1]], [[0, 1]]).terminated.tolist() == [True]


def test_the_end_of_recording_is_no_termination() -> None:
    assert rollout([[0, 0]], [[0, 0]]).terminated.tolist() == [False]


def test_the_flags_given_are_left_alone() -> None:
    flags = np.zeros((3, 1), bool)
    steps = np.zeros((3, 1, 1), np.float32)
    from_rollout(steps, steps, steps, steps.astype(np.float64), flags, flags)
    assert not flags.any()


@given(st.lists(st.lists(st.sampled_from("-tl"), min_size=6, max_size=6), min_size=1, max_size=4))
def test_every_step_is_in_one_trajectory_of_its_environment(endings: list[list[str]]) -> None:
    marks = np.array(endings)
    got = rollout(marks == "t", marks == "l")
    code = got.observations[:, 0]
    assert sorted(code.tolist()) == sorted(
        10 * e + t for e in range(len(endings)) for t in range(6)
    )
    assert got.terminated.sum() == (marks == "t").sum()
    for start, length, terminated in zip(got.starts, got.lengths, got.terminated, strict=True):
        steps = code[start : start + length]
        assert np.array_equal(np.diff(steps), np.ones(length - 1))
        env, last = divmod(int(steps[-1]), 10)
        assert (endings[env][last] == "t") == terminated
        assert all(endings[env][int(step) - 10 * env] == "-" for step in steps[:-1])


def test_recordings_are_laid_end_to_end() -> None:
    first, second = rollout([[0, 1, 0]], [[0, 0, 0]]), rollout([[0, 0]], [[0, 0]])
    both = concatenate([first, second])
    assert both.lengths.tolist() == [2, 1, 2]
    assert both.terminated.tolist() == [True, False, False]
    assert both.observations[:, 0].tolist() == [0, 1, 2, 0, 1]
    assert both.states is None


def test_render_states_are_kept_only_where_every_recording_has_them() -> None:
    drawn, plain = rollout([[0, 0]], [[0, 0]], states=True), rollout([[0, 0]], [[0, 0]])
    assert concatenate([drawn, plain]).states is None
    states = concatenate([drawn, drawn]).states
    assert states is not None
    assert len(states) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": np.array([3])}, "same number of steps"),
        ({"lengths": np.array([2, 0]), "terminated": np.ones(2, bool)}, "at least one step"),
    ],
)
def test_lengths_that_cannot_be_are_refused(changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trajectories(**{**two_steps(), **changes})


@pytest.mark.parametrize(
    "changes", [{"states": np.zeros((5, 1), np.float32)}, {"terminated": np.ones(2, bool)}]
)
def test_arrays_that_disagree_are_refused(changes: dict[str, np.ndarray]) -> None:
    with pytest.raises((ValueError, TypeError)):  # a checker of shapes may come first
        Trajectories(**{**two_steps(), **changes})


def two_steps() -> dict[str, np.ndarray]:
    steps = np.zeros((2, 1), np.float32)
    return {
        "observations": steps,
        "actions": steps,
        "next_observations": steps,
        "criteria": np.zeros((2, 1)),
        "lengths": np.array([2]),
        "terminated": np.array([True]),
    }
