import gymnasium
import numpy as np
import pytest

import prefgym.envs  # noqa: F401  (registers the environment)
from prefgym.envs.driving_styles import held_styles


def drive(num_envs=64, seed=0):
    """Returns each driver's mean speed [m/s], lane changes and rms jerk."""
    vector = gymnasium.make_vec("prefgym/Driving-v0", num_envs=num_envs)
    act = held_styles(num_envs, rng=np.random.default_rng(seed))
    names = vector.observation_names
    seen, infos = vector.reset(seed=seed)
    speeds, lanes, jerks = [], [], []
    for _ in range(80):
        actions = act(seen)
        assert vector.action_space.contains(actions)
        seen, _, _, _, infos = vector.step(actions)
        speeds.append(infos["state"][:, 0, 2])
        lanes.append(seen[:, names.index("lane")])
        jerks.append(seen[:, names.index("jerk")])
    changes = (np.diff(np.array(lanes), axis=0) != 0).sum(axis=0)
    return np.mean(speeds, axis=0), changes, np.mean(jerks, axis=0)


def test_styles_are_diverse():
    speed, changes, jerk = drive()
    assert np.quantile(speed, 0.9) - np.quantile(speed, 0.1) > 6.0
    assert changes.min() == 0
    assert changes.max() >= 5
    assert np.quantile(jerk, 0.9) > 2.0 * np.quantile(jerk, 0.1)


@pytest.mark.parametrize("actions", ["discrete", "continuous"])
def test_the_same_styles_drive_the_same_in_every_action_space(actions):
    seen = []
    for kind in ("multi-discrete", actions):
        vector = gymnasium.make_vec("prefgym/Driving-v0", num_envs=16, actions=kind)
        act = held_styles(16, vector.single_action_space, rng=np.random.default_rng(2))
        observations, _ = vector.reset(seed=1)
        for _ in range(20):
            chosen = act(observations)
            assert vector.action_space.contains(chosen)
            observations = vector.step(chosen)[0]
        seen.append(observations)
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-3)


def test_styles_are_reproducible():
    one, other = drive(8, seed=3), drive(8, seed=3)
    for first, second in zip(one, other, strict=True):
        assert first.tobytes() == second.tobytes()
