"""The driver models against numbers worked by hand, for a normal driver (v0 33, T 1.5, s0 2)."""

import numpy as np
import pytest

from prefgym.simulations import traffic_layout as layout
from prefgym.simulations.drivers import VEHICLE_TYPES
from prefgym.simulations.traffic import timing
from prefgym.simulations.traffic_driver import accel_towards, preferred_lane
from prefgym.simulations.traffic_ego import command, judge, obstacle, risk, vetoed
from prefgym.simulations.traffic_motion import (
    accelerate,
    advance,
    change_progress,
    ego_crashes,
    lateral_accel,
    lateral_position,
    refresh,
    start_lane_change,
)
from prefgym.simulations.traffic_random import draw_bits, normal, two_uniforms, uniform

NORMAL = VEHICLE_TYPES[1]


class World:
    """A road on which only the cars that a test puts there drive, all of them normal ones."""

    def __init__(self, *cars, ring=1000.0, dt=0.1, ramp_end=0.0, num_lanes=3):
        num_cars = 12
        self.cars = np.zeros((layout.NUM_CAR_ROWS, num_cars))
        self.lanes = np.zeros((layout.NUM_LANE_ROWS, num_cars), dtype=np.uint32)
        self.world = np.zeros(layout.NUM_WORLD_ROWS)
        self.clock = np.zeros(layout.NUM_CLOCK_ROWS, dtype=np.int64)
        self.clock[:2] = 1
        self.settings = np.zeros(layout.NUM_SETTINGS)
        self.settings[layout.DT : layout.DT + 4] = timing(dt)
        self.settings[layout.SUBSTEPS] = round(0.5 / dt)
        self.settings[layout.MOBIL_PERIOD] = round(1.0 / dt)
        self.settings[layout.NUM_LANES] = num_lanes
        self.settings[layout.RAMP_END] = ramp_end
        self.world[layout.RING] = ring
        self.world[layout.SET_SPEED] = NORMAL.desired_speed
        self.cars[layout.DESIRED_SPEED] = NORMAL.desired_speed
        self.cars[layout.TIME_GAP] = NORMAL.time_gap
        self.cars[layout.STANDSTILL_GAP] = NORMAL.standstill_gap
        self.cars[layout.MAX_ACCEL] = NORMAL.max_accel
        self.cars[layout.BRAKE_ROOT] = 2.0 * np.sqrt(NORMAL.max_accel * NORMAL.braking)
        self.cars[layout.HALF_LENGTH] = 2.25
        self.cars[layout.CHANGE_TIME] = layout.LANE_CHANGE_TIME
        self.lanes[[layout.LANE, layout.OLD_LANE]] = layout.PARKED
        self.lanes[layout.ORDER] = np.arange(num_cars)
        self.lanes[layout.KEEPS_LANE] = layout.COMMANDED
        for car, (x, lane, speed) in enumerate(cars):
            self.cars[[layout.X, layout.SPEED], car] = x, speed
            self.lanes[[layout.LANE, layout.OLD_LANE], car] = lane
        self.refresh()

    def refresh(self):
        refresh(self.cars, self.lanes, self.ring, self.settings[layout.RAMP_END])

    @property
    def ring(self):
        return self.world[layout.RING]

    def run(self, seconds):
        for _ in range(round(seconds / self.settings[layout.DT])):
            timing_rows = self.settings[layout.DT : layout.DT + 4]
            advance(self.cars, self.lanes, self.world, self.clock, self.settings, timing_rows)


def test_at_the_equilibrium_gap_nobody_accelerates():
    # (2 + 20 * 1.5) / sqrt(1 - (20/33)^4) = 32 / .930099 = 34.405 m
    world = World((0.0, 0, 20.0))
    assert accel_towards(world.cars, 0, 20.0, 34.405, 1.5) == pytest.approx(0.0, abs=1e-4)


def test_two_cars_on_a_short_ring_settle_at_the_equilibrium_gap():
    ring = 2 * (34.405 + 4.5)
    world = World((0.0, 0, 12.0), (20.0, 0, 15.0), ring=ring)
    world.run(300.0)
    assert world.cars[layout.SPEED, :2] == pytest.approx(20.0, abs=0.01)
    assert world.cars[layout.GAP, :2] == pytest.approx(34.405, abs=0.05)


def test_a_lone_car_reaches_its_desired_speed():
    world = World((0.0, 0, 20.0), ring=20_000.0)
    world.run(90.0)
    assert world.cars[layout.SPEED, 0] == pytest.approx(33.0, abs=0.05)


def test_braking_for_a_standing_car_at_100_m():
    # s* = 2 + 30 + 400 / 3.34664 = 151.52; 1.4 (1 - .134916 - 1.5152^2) = -2.003 m/s2
    world = World((0.0, 0, 20.0))
    assert accel_towards(world.cars, 0, 0.0, 100.0, 1.5) == pytest.approx(-2.003, abs=1e-3)


def test_a_car_stops_before_a_standing_one_and_brakes_as_comfortably_as_it_wants():
    world = World((0.0, 0, 20.0), (300.0, 0, 0.0))
    world.cars[layout.MAX_ACCEL, 1] = 0.0  # never drives off
    world.refresh()
    hardest = 0.0
    for _ in range(1200):
        world.run(0.1)
        hardest = min(hardest, world.cars[layout.ACCEL, 0])
    assert world.cars[layout.SPEED, 0] == pytest.approx(0.0, abs=0.05)
    assert 2.0 <= world.cars[layout.GAP, 0] < 3.0
    # IDM brakes at b = 2 m/s2 where the situation is under control; the lag costs a little.
    assert -2.5 < hardest < -1.5


def test_the_actuator_follows_a_demand_with_its_lag():
    world = World((0.0, 0, 20.0), ring=20_000.0)
    world.cars[layout.IDEAL] = 1.0
    accel = 0.0
    for _ in range(3):  # one time constant of .3 s
        world.cars[layout.ACCEL] = accel
        accelerate(world.cars, world.clock, *world.settings[[layout.LAG, 2, 3]])
        accel = world.cars[layout.NEXT_ACCEL, 0]
    assert accel == pytest.approx(1.0 - np.exp(-1.0))


def test_a_lane_change_is_a_quintic_of_four_seconds():
    world = World((0.0, 1, 25.0))
    start_lane_change(world.cars, world.lanes, 0, 2)
    assert lateral_position(world.cars, world.lanes, 0) == pytest.approx(4.0)
    world.cars[layout.CHANGE_TIME, 0] = 1.0  # 60 * .25 * .75 * .5 * 4 m / 16 s2
    assert lateral_accel(world.cars, world.lanes, 0) == pytest.approx(1.40625)
    world.cars[layout.CHANGE_TIME, 0] = 2.0
    assert lateral_position(world.cars, world.lanes, 0) == pytest.approx(6.0)
    assert lateral_accel(world.cars, world.lanes, 0) == pytest.approx(0.0)
    assert change_progress(layout.CLEAR_TIME) > 0.75  # the body, 2 m wide, has left a 4 m lane


def test_a_changing_car_leads_in_both_lanes_until_it_has_left_the_old_one():
    world = World((0.0, 0, 25.0), (0.5, 1, 25.0), (50.0, 0, 25.0), (100.0, 1, 25.0))
    start_lane_change(world.cars, world.lanes, 2, 1)
    world.refresh()
    assert world.lanes[layout.LEADER, :2].tolist() == [2, 2]
    world.cars[layout.CHANGE_TIME, 2] = layout.CLEAR_TIME
    world.refresh()
    assert world.lanes[layout.LEADER, :2].tolist() == [0, 2]  # alone: itself, a ring ahead


@pytest.mark.parametrize(
    ("gap", "refused"),
    [
        # s* = 2 + 25 * .8 = 22; 1.4 (1 - .32937 - (22/12)^2) = -3.77 m/s2
        (12.0, False),
        # 1.4 (1 - .32937 - 2.2^2) = -5.84 m/s2, beyond 5
        (10.0, True),
        (1.9, True),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_the_ego_may_not_cut_in_where_somebody_would_brake_hard(gap, refused, behind):
    distance = -(gap + 4.5) if behind else gap + 4.5
    world = World((500.0, 0, 25.0), (500.0 + distance, 1, 25.0))
    assert vetoed(world.cars, world.lanes, world.settings, world.ring, 1) is refused
    command(world.cars, world.lanes, world.world, world.settings, 1, 0.0, 1.6)
    assert world.lanes[layout.LANE, 0] == (0 if refused else 1)


def test_slowing_down_is_no_reason_to_refuse_a_lane_change():
    world = World((500.0, 0, 30.0))
    world.cars[layout.DESIRED_SPEED, 0] = 15.0  # IDM alone then asks for -21 m/s2
    assert not vetoed(world.cars, world.lanes, world.settings, world.ring, 1)


def test_there_is_no_lane_beside_the_road():
    world = World((500.0, 0, 25.0))
    assert vetoed(world.cars, world.lanes, world.settings, world.ring, -1)
    assert vetoed(world.cars, world.lanes, world.settings, world.ring, 3)


def test_a_request_during_a_lane_change_is_ignored():
    world = World((500.0, 0, 25.0))
    for _ in range(2):
        command(world.cars, world.lanes, world.world, world.settings, 1, 0.0, 1.6)
    assert world.lanes[layout.LANE, 0] == 1


def test_set_points_stay_in_their_range():
    world = World((500.0, 0, 25.0))
    world.world[layout.SET_SPEED] = 36.0
    command(world.cars, world.lanes, world.world, world.settings, 0, 2.5, 9.0)
    assert world.world[[layout.SET_SPEED, layout.SET_GAP]].tolist() == [37.5, 2.2]


def test_mobil_overtakes_a_slow_car_but_not_into_a_fast_one():
    slow_ahead = ((500.0, 0, 25.0), (540.0, 0, 15.0))
    free = World(*slow_ahead)
    assert preferred_lane(free.cars, free.lanes, free.ring, 0.0, 3, 0) == 1
    # The new follower, 10 m/s faster and 20 m behind, would brake far harder than 2 m/s2.
    taken = World(*slow_ahead, (475.5, 1, 35.0))
    assert preferred_lane(taken.cars, taken.lanes, taken.ring, 0.0, 3, 0) == 0


def test_politeness_keeps_a_car_from_a_lane_where_others_would_brake():
    # Own advantage .94 + .80 = 1.74 m/s2; the new follower would go from .77 to -1.55 m/s2.
    cars = ((500.0, 0, 25.0), (560.0, 0, 22.0), (450.0, 1, 27.0))
    selfish, polite = World(*cars), World(*cars)
    polite.cars[layout.POLITENESS] = 1.0
    assert preferred_lane(selfish.cars, selfish.lanes, selfish.ring, 0.0, 3, 0) == 1
    assert preferred_lane(polite.cars, polite.lanes, polite.ring, 0.0, 3, 0) == 0


@pytest.mark.parametrize(
    ("leader_speed", "gap", "expected"),
    [
        # h = 45 / 30 = 1.5 s: 1 - .75 = .25; (30 - 27.8) / 10 = .22
        (30.0, 45.0, 0.47),
        # closing at 10 m/s, TTC 4.5 s: (1 - .75)^2 = .0625 more
        (20.0, 45.0, 0.5325),
        # two seconds kept: only the speed counts
        (30.0, 60.0, 0.22),
    ],
)
def test_danger_by_hand(leader_speed, gap, expected):
    world = World((0.0, 0, 30.0), (gap + 4.5, 0, leader_speed))
    assert risk(world.cars, world.lanes, world.ring, 0.0) == pytest.approx(expected)


def test_criteria_of_one_instant_by_hand():
    # A follower 60 m behind at 25 m/s, the ego at 20: s* = 2 + 25 (1.5 + 5 / 3.34664) = 76.85 m,
    # a = 1.4 (1 - .32937 - (76.85/60)^2) = -1.358 m/s2; without the ego it would not brake.
    world = World((564.5, 0, 20.0), (500.0, 0, 25.0))
    world.cars[layout.ACCEL, 0] = 1.5
    judge(world.cars, world.lanes, world.world, world.settings, 2.5)
    assert world.world[layout.COMFORT] == pytest.approx(0.5 + 0.25)
    assert world.world[layout.EFFICIENCY] == pytest.approx(1.0 - 20.0 / 33.0)
    assert world.world[layout.SAFETY] == pytest.approx(0.0)
    assert world.world[layout.IMPOSED] == pytest.approx(1.358, abs=2e-3)
    assert world.world[layout.COURTESY] == pytest.approx(0.679, abs=1e-3)


def test_keeping_left_beside_an_empty_lane_is_discourteous():
    world = World((500.0, 1, 25.0))
    judge(world.cars, world.lanes, world.world, world.settings, 0.0)
    assert world.world[layout.COURTESY] == pytest.approx(0.6)
    # 49 m ahead on the right is less than the two seconds, 50 m, that moving over would need
    world = World((500.0, 1, 25.0), (553.5, 0, 25.0))
    judge(world.cars, world.lanes, world.world, world.settings, 0.0)
    assert world.world[layout.COURTESY] == 0.0


def test_a_fast_car_cannot_pass_through_another_between_two_instants():
    world = World((500.0, 0, 80.0), (495.0, 0, 0.0))  # 5 m behind now, 3 m ahead .1 s ago
    assert ego_crashes(world.cars, world.lanes, world.ring, 0.1)
    world = World((500.0, 0, 80.0), (495.0, 1, 0.0))  # in the next lane
    assert not ego_crashes(world.cars, world.lanes, world.ring, 0.1)


def test_a_crash_is_seen_across_the_seam_of_the_ring():
    world = World((1.0, 0, 20.0), (998.0, 0, 20.0))
    assert ego_crashes(world.cars, world.lanes, world.ring, 0.1)


def test_the_ramp_ends_like_a_standing_car():
    world = World((200.0, 0, 20.0), ramp_end=300.0, num_lanes=4)
    gap, closing = obstacle(world.cars, world.lanes, world.ring, 300.0)
    assert (gap, closing) == (pytest.approx(97.75), 20.0)
    world.run(40.0)
    assert world.cars[layout.SPEED, 0] == pytest.approx(0.0, abs=0.05)
    assert world.cars[layout.X, 0] < 300.0 - 2.25


def test_the_random_stream_starts_as_its_parts_are_published():
    world = World()
    world.clock[[layout.STREAM_A, layout.STREAM_B]] = 1, 0
    # Marsaglia's xorshift32 turns 1 into 270369; the congruential part turns 0 into 12345
    assert draw_bits(world.clock) == 270369 + 12345


def test_random_numbers_are_uniform_and_nearly_normal():
    clock = World().clock
    flat = np.array([uniform(clock) for _ in range(20_000)])
    pairs = np.array([two_uniforms(clock) for _ in range(20_000)])
    bell = np.array([normal(clock) for _ in range(20_000)])
    for numbers in (flat, pairs[:, 0], pairs[:, 1]):
        assert numbers.min() > 0.0
        assert numbers.max() < 1.0
        assert np.mean(numbers) == pytest.approx(0.5, abs=0.01)
        assert np.var(numbers) == pytest.approx(1 / 12, abs=0.002)
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.03
    assert np.mean(bell) == pytest.approx(0.0, abs=0.03)
    assert np.std(bell) == pytest.approx(1.0, abs=0.02)
    assert np.abs(bell).max() <= 3.0
