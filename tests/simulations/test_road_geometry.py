import math

import numpy as np
import pytest

from prefgym.simulations.road_geometry import STANDARD_LANE_WIDTH, find_lanes, road_positions

NUM_STEPS = 40


def drive(lanes, *, lane_width=3.5, radius=math.inf, wander=0.15, changes=(), seed=0):
    """Tracks of vehicles at 12 m/s, one per entry of `lanes`: x, y, heading, track and truth."""
    rng = np.random.default_rng(seed)
    num_vehicles = len(lanes)
    along = rng.uniform(0, 100, num_vehicles)[:, None] + 1.2 * np.arange(NUM_STEPS)
    across = np.array(lanes, float)[:, None] * lane_width + rng.normal(0, wander, (num_vehicles, 1))
    across = np.repeat(across, NUM_STEPS, axis=1)
    for vehicle, by in changes:
        across[vehicle] += by * lane_width * np.linspace(0, 1, NUM_STEPS)
    if math.isinf(radius):
        x, y, heading = along, across, np.zeros_like(along)
    else:
        # A bend to the left; the centre line of lane 0 has this radius.
        heading = along / radius
        x = (radius - across) * np.sin(heading)
        y = radius - (radius - across) * np.cos(heading)
    track = np.repeat(np.arange(num_vehicles), NUM_STEPS)
    return x.ravel(), y.ravel(), heading.ravel(), track, along.ravel(), across.ravel()


def turn(x, y, heading, angle):
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x - sin * y + 500.0, sin * x + cos * y - 90.0, heading + angle


@pytest.mark.parametrize("angle", [0.0, 0.8, 3.1, -2.2])
def test_a_straight_road_in_any_direction(angle):
    lanes = [0, 0, 1, 1, 2, 2, 2, 3, 3, 0]
    x, y, heading, track, along, across = drive(lanes)
    x, y, heading = turn(x, y, heading, angle)
    heading = (heading + math.pi) % (2 * math.pi) - math.pi
    found = road_positions(x, y, heading, track)
    np.testing.assert_allclose(found.along, along - along.min(), atol=0.02)
    np.testing.assert_allclose(np.diff(found.across), np.diff(across), atol=0.05)
    grid = find_lanes(found.across, track)
    assert grid.num_lanes == 4
    assert grid.lane_width == pytest.approx(3.5, abs=0.1)
    np.testing.assert_array_equal(grid.lane, np.repeat(lanes, NUM_STEPS))


def test_left_lanes_have_higher_numbers():
    x, y, heading, track, *_ = drive([0, 2, 0, 2])
    to_the_left = y > 5
    lane = find_lanes(road_positions(x, y, heading, track).across, track).lane
    assert set(lane[to_the_left]) == {2}
    assert set(lane[~to_the_left]) == {0}


@pytest.mark.parametrize("radius", [300.0, 600.0, 2000.0])
def test_a_bend_is_followed(radius):
    lanes = [0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 0, 2]
    x, y, heading, track, along, across = drive(lanes, radius=radius)
    x, y, heading = turn(x, y, heading, 1.0)
    found = road_positions(x, y, heading, track)
    grid = find_lanes(found.across, track)
    np.testing.assert_array_equal(grid.lane, np.repeat(lanes, NUM_STEPS))
    offset = found.across - across
    assert offset.std() < 0.25
    # Lengths are measured in the middle of the road, not in lane 0.
    stretch = np.polyfit(along, found.along, 1)[0]
    assert stretch == pytest.approx(1.0, abs=0.03)


def test_a_lane_change_does_not_bend_the_road():
    lanes = [0, 1, 2, 0, 1, 2, 1, 1]
    x, y, heading, track, _, across = drive(lanes, changes=[(6, 1), (7, 1)])
    found = road_positions(x, y, heading, track)
    grid = find_lanes(found.across, track)
    off_the_line = np.abs(across / 3.5 % 1 - 0.5) > 0.1
    truth = np.round(across / 3.5).astype(int)
    np.testing.assert_array_equal(grid.lane[off_the_line], truth[off_the_line])
    changing = track == 6
    assert grid.lane[changing][0] == 1
    assert grid.lane[changing][-1] == 2


def test_where_one_lane_is_used_lanes_are_of_standard_width():
    x, y, heading, track, *_ = drive([0, 0, 0])
    grid = find_lanes(road_positions(x, y, heading, track).across, track)
    assert grid.num_lanes == 1
    assert grid.lane_width == pytest.approx(STANDARD_LANE_WIDTH, abs=0.15)


def test_a_long_queue_counts_like_any_vehicle():
    # One vehicle stands for a thousand rows half-way between lanes.
    across = np.concatenate([np.repeat([0.0, 3.6, 7.2, 10.8, 14.4], 20), np.full(1000, 1.8)])
    track = np.concatenate([np.repeat(np.arange(5), 20), np.full(1000, 5)])
    grid = find_lanes(across, track)
    np.testing.assert_array_equal(grid.lane[:100], np.repeat(np.arange(5), 20))


def test_two_carriageways_are_refused():
    heading = np.array([0.0, 0.0, math.pi, math.pi, 0.0])
    with pytest.raises(ValueError, match="one carriageway"):
        road_positions(np.arange(5.0), np.zeros(5), heading, np.arange(5))
    with pytest.raises(ValueError, match=r"at most 12 lanes.*got positions 200 m apart"):
        find_lanes(np.array([0.0, 200.0]), np.array([0, 1]))
