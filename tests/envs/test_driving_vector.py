import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import prefgym.envs  # noqa: F401  (registers the environment)
from prefgym.envs.driving_vector import driving_vector_env

MODES = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]


def make_pair(mode, num_envs=3, **options):
    """Returns the native vector form and Gymnasium's own batch of single ones."""
    native = gymnasium.make_vec(
        "prefgym/Driving-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        **options,
    )
    batch = gymnasium.make_vec(
        "prefgym/Driving-v0",
        num_envs=num_envs,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        **options,
    )
    return native, batch


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options",
    [
        {"scenario": "merge"},
        {"profile": "courteous", "actions": "discrete"},
        {"actions": "continuous", "density": "dense"},
    ],
)
def test_the_vector_form_is_the_single_form_byte_for_byte_across_autoresets(mode, options):
    native, batch = make_pair(mode, **options)
    assert native.observation_space == batch.observation_space
    assert native.action_space == batch.action_space
    seen, info = native.reset(seed=5)
    seen_batch, info_batch = batch.reset(seed=5)
    assert seen.tobytes() == seen_batch.tobytes()
    assert info["state"].tobytes() == info_batch["state"].tobytes()
    native.action_space.seed(0)
    ends = 0
    for _ in range(100):
        actions = native.action_space.sample()
        one, other = native.step(actions), batch.step(actions)
        for ours, theirs in zip(one[:4], other[:4], strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.tobytes() == theirs.tobytes()
        assert one[4]["state"].tobytes() == other[4]["state"].tobytes()
        for world in np.flatnonzero(other[4].get("_criteria", [])):
            judged, expected = one[4]["criteria"][world], other[4]["criteria"][world]
            assert judged.tobytes() == expected.tobytes()
        if one[3].any():
            ends += 1
            check_final(mode, one[4], other[4])
    assert ends >= 1


def check_final(mode, ours, theirs):
    """Asserts that the ends of episodes are handed out as Gymnasium does."""
    assert ("final_obs" in ours) == (mode == AutoresetMode.SAME_STEP) == ("final_obs" in theirs)
    if mode == AutoresetMode.SAME_STEP:
        for world in np.flatnonzero(theirs["_final_obs"]):
            assert ours["final_obs"][world].tobytes() == theirs["final_obs"][world].tobytes()
            for key in ("criteria", "state"):
                one, other = ours["final_info"][key][world], theirs["final_info"][key][world]
                assert one.tobytes() == other.tobytes()
        assert (ours["_final_obs"] == theirs["_final_obs"]).all()
        assert (ours["_final_info"] == theirs["_final_info"]).all()


def test_in_same_step_mode_the_last_judgement_of_an_episode_stays_in_sight():
    native, _ = make_pair(AutoresetMode.SAME_STEP, scenario="merge")
    native.reset(seed=0)
    for _ in range(40):
        _, rewards, _, truncations, infos = native.step(np.tile([1, 1, 2], (3, 1)))
    assert truncations.all()
    assert infos["_criteria"].all()
    assert rewards == pytest.approx(infos["criteria"] @ native.weights)


def test_in_next_step_mode_the_step_of_a_reset_is_not_judged():
    native, _ = make_pair(AutoresetMode.NEXT_STEP, scenario="merge")
    native.reset(seed=0)
    for _ in range(41):
        _, rewards, _, truncations, infos = native.step(np.tile([1, 1, 2], (3, 1)))
    assert not truncations.any()
    assert not infos["_criteria"].any()
    assert (rewards == 0.0).all()
    assert (infos["criteria"] == 0.0).all()


def test_a_world_depends_on_its_own_seed_alone():
    small, large = driving_vector_env(2), driving_vector_env(5)
    few, _ = small.reset(seed=3)
    many, _ = large.reset(seed=3)
    listed, _ = small.reset(seed=[7, 3])
    assert many[:2].tobytes() == few.tobytes()
    assert listed[1].tobytes() == few[0].tobytes()
    assert many[4].tobytes() == listed[0].tobytes()


def test_what_is_handed_out_is_not_written_again():
    vector = driving_vector_env(2)
    first, info = vector.reset(seed=0)
    kept = first.copy(), info["state"].copy()
    second, rewards, *_, infos = vector.step([[1, 2, 0]] * 2)
    kept_step = second.copy(), rewards.copy(), infos["criteria"].copy()
    vector.step([[1, 0, 3]] * 2)
    for array, copy in zip((first, info["state"]), kept, strict=True):
        assert (array == copy).all()
    for array, copy in zip((second, rewards, infos["criteria"]), kept_step, strict=True):
        assert (array == copy).all()


def test_every_world_can_be_drawn():
    vector = driving_vector_env(2, render_mode="rgb_array")
    vector.reset(seed=0)
    pictures = vector.render()
    assert len(pictures) == 2
    assert (pictures[0] != pictures[1]).any()
    assert driving_vector_env(2).render() is None


def test_the_autoreset_mode_is_announced():
    vector = driving_vector_env(2, autoreset_mode="SameStep")
    assert vector.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert driving_vector_env(2).metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="num_envs must be at least 1, got 0"):
        driving_vector_env(0)
    with pytest.raises(ValueError, match="autoreset_mode must be"):
        driving_vector_env(2, autoreset_mode=AutoresetMode.DISABLED)
    vector = driving_vector_env(2)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        vector.step([[1, 1, 2]] * 2)
    with pytest.raises(ValueError, match="seed must have 2 entries, got 3"):
        vector.reset(seed=[1, 2, 3])
    vector.reset(seed=0)
    with pytest.raises(ValueError, match=r"must have the shape \(2, 3\), got \(3, 2\)"):
        vector.step(np.ones((3, 2)))
