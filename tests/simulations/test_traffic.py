import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from prefgym.simulations import traffic_layout as layout
from prefgym.simulations.drivers import PROFILES, DriverProfile, random_profile
from prefgym.simulations.recorded import RecordedTraffic, Snapshot
from prefgym.simulations.traffic import Traffic, TrafficSettings, lane_mix
from prefgym.simulations.traffic_motion import advance

WEIGHTS = PROFILES["safety-first"].weights_array()
KEEP = [1.0, 1.0, 2.0]


def started(num_worlds, seed=0, recorded=None, **settings):
    traffic = Traffic(num_worlds, TrafficSettings(**settings), recorded)
    outcome = traffic.empty_outcome()
    draws = np.random.default_rng(seed).random((num_worlds, 2))
    traffic.start(np.ones(num_worlds, dtype=bool), draws, outcome.observations, outcome.states)
    return traffic, outcome


def let_drive(traffic, substeps):
    """Yields after every sub-step of physics in all worlds, the ego driven by IDM and MOBIL."""
    rows = traffic.settings.array()
    timing = rows[layout.DT : layout.DT + 4]
    for _ in range(substeps):
        for arrays in zip(traffic.cars, traffic.lanes, traffic.world, traffic.clock, strict=True):
            advance(*arrays, rows, timing)
        yield


def overlaps(traffic):
    """Returns how many pairs of boxes intersect, in all worlds together."""
    cars, lanes = traffic.cars, traffic.lanes.astype(np.float64)
    elapsed = np.minimum(1.0, cars[:, layout.CHANGE_TIME] / layout.LANE_CHANGE_TIME)
    done = elapsed**3 * (10.0 - 15.0 * elapsed + 6.0 * elapsed**2)
    side = lanes[:, layout.LANE] + (lanes[:, layout.OLD_LANE] - lanes[:, layout.LANE]) * (1 - done)
    x, half = cars[:, layout.X], cars[:, layout.HALF_LENGTH]
    ring = traffic.world[:, layout.RING, None, None]
    along = np.abs(x[:, :, None] - x[:, None, :])
    along = np.minimum(along, ring - along)
    near = along < half[:, :, None] + half[:, None, :]
    beside = layout.LANE_WIDTH * np.abs(side[:, :, None] - side[:, None, :]) < layout.CAR_WIDTH
    return int((near & beside).sum() - x.size) // 2


@pytest.mark.parametrize("density", [(8.0, 16.0), (45.0, 55.0)])
def test_no_two_vehicles_overlap_in_100_000_substeps_of_unprovoked_traffic(density):
    traffic, _ = started(50, density=density, ego_is_idm=True)
    hits = sum(overlaps(traffic) for _ in let_drive(traffic, 1000))  # x 50 worlds, x 2 densities
    assert hits == 0


def test_the_median_jerk_does_not_depend_on_the_step_size():
    medians = []
    for dt in (0.1, 0.02):
        traffic, _ = started(30, dt=dt, ego_is_idm=True)
        jerks = []
        before = traffic.cars[:, layout.ACCEL].copy()
        for _ in let_drive(traffic, round(20.0 / dt)):
            jerks.append(np.abs(traffic.cars[:, layout.ACCEL] - before) / dt)
            before = traffic.cars[:, layout.ACCEL].copy()
        medians.append(np.median(jerks))
    assert medians[0] == pytest.approx(medians[1], rel=0.1)


def test_congested_traffic_accelerates_about_as_measured_on_us_101():
    # 28 excerpts of NGSIM at 13.7 m/s: acceleration 5..95 % -1.23..1.48 m/s2 (speeds averaged
    # over 1 s); rms per driver, 10/50/90 %, .46 / .76 / 1.14, upper bounds as they hold noise.
    traffic, _ = started(20, density=(33.0, 33.0), ego_is_idm=True)
    speeds = []
    for _ in let_drive(traffic, 300):
        speeds.append(traffic.cars[:, layout.SPEED, 1:].copy())
    speed = np.array(speeds)
    accel = speed[10:] - speed[:-10]
    low, high = np.quantile(accel, [0.05, 0.95])
    assert np.mean(speed) == pytest.approx(13.7, abs=1.5)
    assert -1.6 < low < -0.9
    assert 0.7 < high < 1.6
    rms = np.sqrt(np.mean(accel**2, axis=0))
    assert np.median(rms) == pytest.approx(0.7, abs=0.15)


def test_lanes_differ_in_speed_and_trucks_stay_right():
    traffic, _ = started(100)
    lane, speed = traffic.lanes[:, layout.LANE], traffic.cars[:, layout.SPEED]
    means = [speed[lane == index].mean() for index in range(3)]
    assert means[0] + 2.0 < means[1] < means[2]
    long = traffic.cars[:, layout.HALF_LENGTH] > 4.0
    assert (lane[long] == 0).all()


def test_density_is_drawn_within_its_range():
    traffic, _ = started(200)
    density = 10.0 / traffic.world[:, layout.RING] * 1000.0
    assert 8.0 <= density.min() < 8.5
    assert 15.5 < density.max() <= 16.0


def test_an_episode_depends_on_its_draws_alone():
    traffic, first = started(3, seed=1)
    for _ in range(5):
        traffic.step(np.tile(KEEP, (3, 1)), WEIGHTS)
    again = traffic.empty_outcome()
    draws = np.random.default_rng(1).random((3, 2))
    traffic.start(np.ones(3, dtype=bool), draws, again.observations, again.states)
    assert again.observations.tobytes() == first.observations.tobytes()
    fresh, _ = started(3, seed=1)
    for array in ("cars", "lanes", "world", "clock"):
        assert getattr(traffic, array).tobytes() == getattr(fresh, array).tobytes()


def trace(num_steps, **settings):
    """Returns a digest of everything that two worlds do."""
    traffic, outcome = started(2, seed=3, **settings)
    digest = hashlib.sha256(outcome.observations.tobytes() + outcome.states.tobytes())
    actions = np.random.default_rng(0)
    for _ in range(num_steps):
        outcome = traffic.step(actions.integers([3, 3, 4], size=(2, 3)).astype(float), WEIGHTS)
        for array in (*outcome, traffic.cars, traffic.lanes):
            digest.update(array.tobytes())
    return digest.hexdigest()


SCENARIOS = {
    "highway": {},
    "idm": {"ego_is_idm": True, "density": (30.0, 30.0)},
    "merge": {"num_lanes": 4, "ramp_end": 300.0},
}


def test_without_the_jit_the_same_code_gives_the_same_bytes():
    script = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        f"sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "import numba; assert numba.config.DISABLE_JIT\n"
        "from test_traffic import SCENARIOS, trace\n"
        "for settings in SCENARIOS.values(): print(trace(4, **settings))\n"
    )
    plain = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.split() == [trace(4, **settings) for settings in SCENARIOS.values()]


def test_a_crash_is_absorbing_and_judged_the_worst():
    traffic, _ = started(1)
    ego, leader = 0, int(traffic.lanes[0, layout.LEADER, 0])
    traffic.cars[0, layout.X, leader] = traffic.cars[0, layout.X, ego] + 1.0
    actions = np.array([KEEP])
    crash, after = traffic.step(actions, WEIGHTS), traffic.step(actions, WEIGHTS)
    assert crash.criteria.tolist() == [[-1.0] * 4] == after.criteria.tolist()
    assert crash.rewards[0] == pytest.approx(-WEIGHTS.sum())
    assert after.observations.tobytes() == crash.observations.tobytes()
    assert after.observations[0, -1] == 1.0


def test_most_cars_leave_the_ramp_and_none_drives_off_its_end():
    traffic, _ = started(60, num_lanes=4, ramp_end=300.0, ego_is_idm=True)
    on_ramp = traffic.lanes[:, layout.LANE] == 0
    assert set(on_ramp.sum(axis=1)) == {4, 5}  # with or without the ego
    hits = sum(overlaps(traffic) for _ in let_drive(traffic, 195))
    left = traffic.lanes[:, layout.LANE] == 0
    assert left.sum() < 0.1 * on_ramp.sum()
    assert (traffic.cars[:, layout.X][left] < 300.0).all()
    assert hits == 0


def recording(num_moments=3):
    """A made-up recording: two lanes of three cars, 30 m apart, and a truck."""
    moments = []
    for time in range(num_moments):
        moments.append(
            Snapshot(
                scenario="made-up",
                time=0.1 * time,
                vehicle=np.arange(6),
                x=np.array([10.0, 10.0, 40.0, 40.0, 70.0, 70.0]) + time,
                lane=np.array([0, 1, 0, 1, 0, 1]),
                speed=np.array([10.0, 11.0, 12.0, 13.0, 14.0, 15.0]),
                acceleration=np.zeros(6),
                length=np.array([12.0, 4.0, 4.0, 4.0, 4.0, 4.0]),
            )
        )
    return RecordedTraffic(("made-up",), 2, 3.6, 0.1, tuple(moments))


def test_a_start_from_a_recording_stands_as_recorded_and_repeats_around_the_ring():
    traffic, _ = started(20, recorded=recording(), num_cars=14, num_lanes=2)
    assert traffic.world[:, layout.RING] == pytest.approx(2 * (60.0 + 12.0 + 10.0))
    on_road = traffic.lanes[:, layout.LANE] != layout.PARKED
    assert (on_road.sum(axis=1) == 12).all()
    speed = traffic.cars[:, layout.SPEED]
    assert set(speed[on_road]) == {10.0, 11.0, 12.0, 13.0, 14.0, 15.0}
    assert 10.0 not in speed[:, 0]  # the truck is never the ego
    assert len(set(speed[:, 0])) > 2
    # 30 m apart less 4 m of car at 11..15 m/s: nobody wants more than what was kept
    assert traffic.cars[:, layout.TIME_GAP, 1:].max() <= 1.6 * 1.45


def test_recorded_traffic_drives_on_without_a_crash():
    traffic, _ = started(20, recorded=recording(), num_cars=14, num_lanes=2)
    for _ in range(40):
        outcome = traffic.step(np.tile(KEEP, (20, 1)), WEIGHTS)
    assert not traffic.clock[:, layout.CRASHED].any()
    assert np.isfinite(outcome.observations).all()


def test_every_lane_has_its_mix_of_vehicles():
    for num_lanes, ramp in ((2, False), (3, False), (6, False), (4, True)):
        mix = lane_mix(num_lanes, ramp=ramp)
        assert mix.shape == (num_lanes, 4)
        assert mix.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density": (16.0, 8.0)}, "density must be a range"),
        ({"density": (float("nan"), 8.0)}, "density must be a range"),
        ({"dt": 0.0}, "dt must be"),
        ({"num_lanes": 9}, "num_lanes must be in"),
        ({"num_cars": 3}, "num_cars must be at least 12, got 3"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrafficSettings(**settings)


def test_an_action_outside_its_space_moves_nothing():
    traffic, _ = started(2)
    before = traffic.cars.copy()
    for bad in ([1.0, 1.0, 4.0], [1.0, 0.5, 1.0], [float("nan"), 1.0, 1.0]):
        with pytest.raises(ValueError, match="in world 1"):
            traffic.step(np.array([KEEP, bad]), WEIGHTS)
    assert (traffic.cars == before).all()


def test_a_profile_needs_four_finite_weights():
    with pytest.raises(ValueError, match="weights must be 4 numbers"):
        DriverProfile("lazy", (1.0, 2.0))
    with pytest.raises(ValueError, match="finite and at least 0"):
        DriverProfile("odd", (1.0, 2.0, float("nan"), 0.0))


def test_random_people_differ_and_are_reproducible():
    people = [random_profile(rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert people[0] == people[1] != people[2]
