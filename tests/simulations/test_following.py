import numpy as np
import pytest

from prefgym.simulations.following import (
    following,
    leader_gap,
    smooth_acceleration,
    tracks,
)


def test_gaps_and_time_gaps_by_hand():
    # Lane 0: 0, 30 and 80 m; lane 1: alone. Cars of 4 m, a truck of 10 m in front.
    x = np.array([[30.0, 0.0, 80.0, 40.0]])
    lane = np.array([[0.0, 0.0, 0.0, 1.0]])
    length = np.array([[4.0, 4.0, 10.0, 4.0]])
    gap = leader_gap(x, lane, length)
    np.testing.assert_array_equal(gap, [[43.0, 26.0, np.nan, np.nan]])
    speed = np.array([[10.0, 13.0, 20.0, 20.0]])
    found = following(x, lane, speed, length, 0.1)
    # 43 m at 10 m/s is 4.3 s: that is not following. 26 m at 13 m/s is 2 s.
    np.testing.assert_array_equal(found.time_gap, [2.0])
    assert len(found.acceleration) == len(found.jerk) == 0


def test_on_a_closed_road_the_last_follows_the_first():
    x, lane, length = np.array([[90.0, 10.0]]), np.zeros((1, 2)), np.full((1, 2), 4.0)
    np.testing.assert_array_equal(leader_gap(x, lane, length), [[np.nan, 76.0]])
    closed = leader_gap(x, lane, length, road_length=100.0)
    np.testing.assert_array_equal(closed, [[16.0, 76.0]])
    alone = leader_gap(x[:, :1], lane[:, :1], length[:, :1], road_length=100.0)
    np.testing.assert_array_equal(alone, [[96.0]])


def test_absent_vehicles_lead_nobody():
    x = np.array([[0.0, np.nan, 50.0]])
    lane = np.array([[0.0, np.nan, 0.0]])
    gap = leader_gap(x, lane, np.full((1, 3), 4.0), road_length=200.0)
    np.testing.assert_array_equal(gap, [[46.0, np.nan, 146.0]])


def test_overlapping_or_standing_vehicles_do_not_follow():
    x = np.array([[0.0, 3.0, 20.0]])
    found = following(x, np.zeros((1, 3)), np.array([[10.0, 0.0, 5.0]]), np.full((1, 3), 4.0), 0.1)
    assert len(found.time_gap) == 0


@pytest.mark.parametrize("dt", [0.1, 0.25, 0.5])
def test_steady_acceleration_is_measured_exactly_whatever_the_step(dt):
    time = np.arange(0, 6, dt)
    speed = np.stack([10 + 1.5 * time, 20 - 0.5 * time], axis=1)
    acceleration = smooth_acceleration(speed, dt)
    np.testing.assert_allclose(acceleration, np.broadcast_to([1.5, -0.5], acceleration.shape))
    x = np.cumsum(speed, axis=0) * dt
    found = following(x, np.zeros_like(x), speed, np.full_like(x, 4.0), dt)
    np.testing.assert_allclose(found.jerk, 0, atol=1e-9)


def test_steady_jerk_is_measured_exactly():
    time = np.arange(0, 5, 0.1)
    speed = (10 + 0.5 * 0.8 * time**2)[:, None]
    found = following(speed * 0, speed * 0, speed, speed * 0 + 4, 0.1)
    np.testing.assert_allclose(found.jerk, 0.8, atol=1e-9)
    # Averages over a second around 0.5, 0.6, ...
    np.testing.assert_allclose(found.acceleration[:2], [0.4, 0.48], atol=1e-9)


def test_times_when_a_vehicle_was_absent_do_not_count():
    speed = np.full((30, 1), 10.0)
    speed[12:20] = np.nan
    acceleration = smooth_acceleration(speed, 0.1)
    # Ten steps need eleven speeds: rows 0 and 1 before the absence, none in the ten after it.
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(acceleration)), [0, 1])
    short = smooth_acceleration(speed[:5], 0.1)
    assert short.shape == (0, 1)


def test_rows_become_tables():
    table = tracks(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([[1.0], [2.0], [3.0]]))
    np.testing.assert_array_equal(table, [[[1.0, np.nan], [2.0, 3.0]]])
