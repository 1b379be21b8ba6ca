import os
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

import prefgym.envs
from prefgym.envs.driving import DENSITIES, REWARD_INPUTS, DrivingConfig, DrivingEnv
from prefgym.simulations.drivers import PROFILES, DriverProfile


def make(**options):
    return gymnasium.make("prefgym/Driving-v0", **options)


def column(env, name):
    return env.unwrapped.observation_names.index(name)


def episode(env, policy, seed=0):
    """Returns observations, rewards and criteria of one episode."""
    observation, _ = env.reset(seed=seed)
    observations, rewards, criteria = [observation], [], []
    truncated = False
    while not truncated:
        observation, reward, terminated, truncated, info = env.step(policy(observation))
        assert terminated is False
        observations.append(observation)
        rewards.append(reward)
        criteria.append(info["criteria"])
    return np.array(observations), np.array(rewards), np.array(criteria)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"actions": "discrete"},
        {"actions": "continuous"},
        {"scenario": "merge"},
        {"driver": "idm", "density": "dense"},
    ],
)
def test_both_checkers_are_silent(options):
    env = make(render_mode="rgb_array", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
        check_env_for_sb3(env.unwrapped)


def test_importing_the_environments_does_not_import_torch_and_registers_once():
    script = "import sys, prefgym.envs; assert 'torch' not in sys.modules; prefgym.envs.register()"
    subprocess.run([sys.executable, "-W", "error", "-c", script], env=os.environ, check=True)
    prefgym.envs.register()
    assert gymnasium.spec("prefgym/Driving-v0").vector_entry_point is not None


@pytest.mark.parametrize(("scenario", "steps"), [("highway", 80), ("merge", 40)])
def test_an_episode_is_truncated_after_its_time_and_never_terminates(scenario, steps):
    env = make(scenario=scenario)
    env.action_space.seed(0)
    _, rewards, _ = episode(env, lambda _: env.action_space.sample())
    assert len(rewards) == steps


def test_the_same_seed_gives_the_same_bytes_whatever_came_before():
    first, second = make(), make()
    second.reset(seed=99)
    for _ in range(3):
        second.step([1, 2, 0])
    runs = [episode(env, lambda _: [2, 2, 1], seed=7) for env in (first, second)]
    for one, other in zip(*runs, strict=True):
        assert one.tobytes() == other.tobytes()


def test_observations_stay_inside_their_space():
    for options in ({}, {"scenario": "merge"}, {"density": "stop-and-go"}):
        env = make(**options)
        env.action_space.seed(1)
        for seed in range(5):
            observations, _, _ = episode(env, lambda _, env=env: env.action_space.sample(), seed)
            assert (observations >= env.observation_space.low).all()
            assert (observations <= env.observation_space.high).all()


def test_the_reward_is_the_weighted_sum_of_criteria_within_their_bounds():
    for name, profile in PROFILES.items():
        env = make(profile=name)
        env.action_space.seed(2)
        _, rewards, criteria = episode(env, lambda _, env=env: env.action_space.sample())
        assert env.unwrapped.criteria == ("comfort", "efficiency", "safety", "courtesy")
        assert criteria.min() >= -1.0
        assert criteria.max() <= 0.0
        assert rewards == pytest.approx(criteria @ np.array(profile.weights))


def test_a_person_of_ones_own_may_judge():
    env = make(profile=DriverProfile("only speed", (0.0, 2.0, 0.0, 0.0)))
    _, rewards, criteria = episode(env, lambda _: [1, 1, 2])
    assert rewards == pytest.approx(2.0 * criteria[:, 1])


def test_every_observation_column_has_a_name_and_a_reward_model_finds_its_inputs():
    env = make()
    names = env.unwrapped.observation_names
    assert len(set(names)) == len(names) == env.observation_space.shape[0]
    assert set(REWARD_INPUTS) <= set(names)


def test_the_observation_shows_the_half_second_that_passed():
    env = make()
    env.reset(seed=4)
    jerk, felt = column(env, "jerk"), []
    for _ in range(6):
        felt.append(env.step([1, 1, 2])[0][jerk])
    steady = felt[-1]
    braked = env.step([1, 0, 3])[0][jerk]
    assert braked > steady


def test_a_lane_change_is_felt_and_takes_four_seconds():
    for seed in range(20):
        env = make()
        observation, _ = env.reset(seed=seed)
        lane, sway = column(env, "lane"), column(env, "lateral_acceleration")
        if observation[lane] == 1.0:
            continue
        after, *_ = env.step([2, 1, 2])
        if after[lane] > observation[lane]:
            break
    swaying = [after[sway]] + [env.step([1, 1, 2])[0][sway] for _ in range(8)]
    assert all(value > 0.0 for value in swaying[:8])
    assert swaying[8] == 0.0


def test_the_three_kinds_of_action_mean_the_same():
    several, single, continuous = (
        make(actions=kind) for kind in ("multi-discrete", "discrete", "continuous")
    )
    # left, faster, .8 s
    runs = [
        episode(several, lambda _: [2, 2, 0]),
        episode(single, lambda _: 2 * 12 + 2 * 4 + 0),
        episode(continuous, lambda _: np.array([1.0, 1.0, -1.0], dtype=np.float32)),
    ]
    for run in runs[1:]:
        assert run[0].tobytes() == runs[0][0].tobytes()


def test_the_idm_driver_ignores_the_actions():
    runs = [episode(make(driver="idm"), lambda _, a=a: a) for a in ([0, 0, 0], [2, 2, 3])]
    assert runs[0][0].tobytes() == runs[1][0].tobytes()


def test_denser_traffic_is_slower():
    speeds = []
    for density in ("free", "normal", "dense", "stop-and-go"):
        vector = gymnasium.make_vec(
            "prefgym/Driving-v0", num_envs=50, driver="idm", density=density
        )
        _, infos = vector.reset(seed=0)
        speeds.append(infos["state"][:, :, 2].mean())
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[0] > 29.0
    assert speeds[-1] < 10.0
    assert list(DENSITIES) == ["free", "normal", "dense", "stop-and-go"]


def test_the_state_shows_the_ego_first_and_moves_as_its_speed_says():
    env = make()
    _, info = env.reset(seed=0)
    before = info["state"]
    _, _, _, _, info = env.step([1, 1, 2])
    after = info["state"]
    assert after.shape == (30, 4)
    assert after.dtype == np.float32
    assert after[0, 0] - before[0, 0] == pytest.approx(0.5 * before[0, 2], rel=0.1)
    assert set(np.unique(after[:, 3])) <= {4.5, 12.0}


def test_a_picture_is_drawn_of_now_and_of_any_recorded_state():
    env = make(render_mode="rgb_array")
    _, info = env.reset(seed=0)
    first = env.render()
    env.step([1, 2, 0])
    assert first.shape == (160, 640, 3)
    assert first.dtype == np.uint8
    assert (env.render() != first).any()
    assert (env.unwrapped.render_state(info["state"]) == first).all()
    assert DrivingEnv().render() is None


def test_profiles_disagree_about_clips():
    vector = gymnasium.make_vec("prefgym/Driving-v0", num_envs=300)
    vector.reset(seed=0)
    rng = np.random.default_rng(0)
    total = np.zeros((300, 4))
    for _ in range(20):
        _, _, _, _, infos = vector.step(rng.integers([3, 3, 4], size=(300, 3)))
        total += infos["criteria"]
    scores = np.array([total @ profile.weights for profile in PROFILES.values()])
    order = scores[:, :, None] > scores[:, None, :]
    for one in range(4):
        for other in range(one):
            assert 0.1 < np.mean(order[one] != order[other]) < 0.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "roundabout"}, "scenario must be one of highway, merge, got 'roundabout'"),
        ({"density": "rush"}, "density must be one of free, normal, dense, stop-and-go"),
        ({"density": 0.0}, r"density must be in \(0, 80\]"),
        ({"density": float("nan")}, r"density must be in \(0, 80\]"),
        ({"density": None}, r"density must be in \(0, 80\]"),
        ({"profile": "angry"}, "profile must be one of comfort-first"),
        ({"actions": "pedals"}, "actions must be one of"),
        ({"driver": "me"}, "driver must be one of agent, idm, got 'me'"),
        ({"scenario": "merge", "traffic": "x.csv"}, "needs scenario 'highway'"),
        ({"traffic": "no-such-file.csv"}, "no-such-file.csv"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(options, message):
    with pytest.raises((ValueError, OSError), match=message):
        DrivingEnv(**options)


def test_actions_of_the_wrong_shape_or_value_are_refused():
    env = DrivingEnv()
    env.reset(seed=0)
    for action, message in (
        ([1, 1], r"must have the shape \(3,\), got \(2,\)"),
        ([1, 1, 4], "must be in its action space"),
        ([1, 1, -1], "must be in its action space"),
        ([1, 1, np.nan], "must be in its action space"),
    ):
        with pytest.raises(ValueError, match=message):
            env.step(action)


def test_a_step_needs_an_episode():
    for call in (DrivingEnv().step, lambda _: DrivingEnv(render_mode="rgb_array").render()):
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
            call([1, 1, 2])


def test_an_unknown_render_mode_is_refused():
    with pytest.raises(ValueError, match="render_mode must be None or 'rgb_array'"):
        DrivingEnv(render_mode="human")


def test_the_default_configuration_is_the_published_one():
    assert DrivingConfig() == DrivingConfig("highway", "normal", "safety-first")


def test_an_episode_starts_from_recorded_traffic():
    folder = os.environ.get("PREFGYM_DATA")
    csv = os.path.join(folder or "", "ngsim-us101", "tracks.csv.gz")
    if folder is None or not os.path.exists(csv):
        pytest.skip("PREFGYM_DATA does not hold ngsim-us101/tracks.csv.gz")
    env = make(traffic=csv)
    starts = [env.reset(seed=seed)[1]["state"] for seed in range(5)]
    speeds = np.array([state[state[:, 3] > 0.0, 2].mean() for state in starts])
    assert (speeds > 3.0).all()
    assert (speeds < 20.0).all()
    assert len({state.tobytes() for state in starts}) == 5
    observations, rewards, _ = episode(env, lambda _: [1, 1, 2])
    assert len(rewards) == 80
    assert np.isfinite(rewards).all()
    assert (observations <= env.observation_space.high).all()
