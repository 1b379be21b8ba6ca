import io
import time

import numpy as np
import pytest
from PIL import Image

from prefgym.envs.driving_render import (
    EGO_COLOUR,
    render_segment,
    render_state,
    speed_colour,
    to_gif,
)

LANE_WIDTH, LENGTH = 4.0, 4.6
SCALE = 640 / 180  # [pixel/m] of the default size and view


def world(*rows):
    """Vehicles (x, lane, speed), each 4.6 m long; the first is the ego."""
    return np.array([(x, lane * LANE_WIDTH, v, LENGTH) for x, lane, v in rows], np.float32)


def places(frame, colour, tolerance=6):
    """Middles of the blobs of this colour below the header, from left to right: (column, row)."""
    close = (np.abs(frame.astype(int) - colour) <= tolerance).all(axis=2)
    close[:20] = False
    columns = np.flatnonzero(close.any(axis=0))
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 8) + 1) if len(columns) else []
    found = []
    for group in groups:
        rows, cols = np.nonzero(close[:, group[0] : group[-1] + 1])
        found.append((group[0] + (cols.min() + cols.max()) / 2, (rows.min() + rows.max()) / 2))
    return found


def column(x):
    return (x + 60) * SCALE


def row(y, num_lanes=3):
    """y = 0 is lane 0's middle; the road is centred in the 140 pixels under the header."""
    across = min(2.2 * SCALE, 140 / (num_lanes * LANE_WIDTH + 2 * 1.6))
    return 90 - (y - (num_lanes - 1) * LANE_WIDTH / 2) * across


@pytest.mark.parametrize("lane", [0, 1, 2])
@pytest.mark.parametrize("x", [0.0, 1234.5, -70.0])
def test_ego_stands_where_geometry_says(x, lane):
    frame = render_state(world((x, lane, 30.0)), num_lanes=3)
    assert frame.shape == (160, 640, 3)
    assert frame.dtype == np.uint8
    assert frame.flags.writeable
    (place,) = places(frame, EGO_COLOUR)
    assert place == pytest.approx((column(0.0), row(lane * LANE_WIDTH)), abs=1.5)
    middle = frame[round(row(lane * LANE_WIDTH)), round(column(0.0))]
    np.testing.assert_array_equal(middle, EGO_COLOUR)


def test_left_is_up():
    right, left = (
        places(render_state(world((0, lane, 30)), num_lanes=4), EGO_COLOUR)[0][1] for lane in (0, 3)
    )
    assert left < right


def test_others_stand_to_scale_in_the_colour_of_their_speed():
    frame = render_state(world((100, 1, 30), (150, 2, 10), (80, 0, 36)), num_lanes=3)
    for x, lane, speed in ((50, 2, 10.0), (-20, 0, 36.0)):
        (place,) = places(frame, speed_colour(speed))
        assert place == pytest.approx((column(x), row(lane * LANE_WIDTH)), abs=1.5)


def test_speed_colours_run_from_orange_to_blue():
    slow, fast = speed_colour(0.0), speed_colour(40.0)
    assert slow[0] > slow[2]
    assert fast[2] > fast[0]
    assert speed_colour(-5.0) == slow
    assert speed_colour(90.0) == fast
    luminance = [sum(speed_colour(v)) for v in (0.0, 22.0, 40.0)]
    assert luminance[1] > max(luminance[0], luminance[2])


def test_vehicles_wrap_round_a_closed_road():
    state = world((495, 1, 30), (15, 2, 10), (455, 0, 36))
    closed = render_state(state, num_lanes=3, road_length=500.0)
    assert places(closed, speed_colour(10.0)) == [pytest.approx((column(20), row(8.0)), abs=1.5)]
    assert not places(render_state(state, num_lanes=3), speed_colour(10.0))
    # The same from the other side of the seam.
    state = world((5, 1, 30), (25, 2, 10), (465, 0, 36))
    moved = render_state(state, num_lanes=3, road_length=500.0)
    assert len(places(moved, speed_colour(36.0))) == 1


def test_a_truck_is_seen_by_its_length():
    state = world((0, 1, 30), (40, 0, 24), (80, 0, 24))
    state[2, 3] = 12.0
    body = (render_state(state, num_lanes=3) != render_state(state[:1], num_lanes=3)).any(axis=2)
    body = body[round(row(0.0))]
    car, truck = (
        np.flatnonzero(body[part]) for part in np.s_[: round(column(60)), round(column(60)) :]
    )
    outline = 2
    assert np.ptp(car) + 1 - outline == pytest.approx(4.6 * SCALE, abs=1)
    assert np.ptp(truck) + 1 - outline == pytest.approx(12.0 * SCALE, abs=1)


def test_lane_marks_move_with_the_world():
    still = render_state(world((100.0, 0, 30)), num_lanes=3)
    one_on = render_state(world((101.0, 0, 30)), num_lanes=3)
    mark = round(row(6.0))
    shift = round(SCALE)
    assert (still[mark] != one_on[mark]).any()
    agree = np.abs(still[mark, shift:].astype(int) - one_on[mark, :-shift]) < 130
    assert agree.mean() > 0.98
    period_on = render_state(world((148.0, 0, 30)), num_lanes=3)
    np.testing.assert_array_equal(still, period_on)


def test_marks_close_up_on_a_closed_road():
    before, after = (
        render_state(world((x, 0, 30)), num_lanes=3, road_length=505.0) for x in (0.0, 505.0)
    )
    np.testing.assert_array_equal(before, after)


def test_trail_is_drawn_behind_the_ego_also_across_the_seam():
    state = world((5, 2, 30))
    past = np.array([(485.0, 0.0), (495.0, 4.0), (5.0, 8.0)])
    plain = render_state(state, num_lanes=3, road_length=500.0)
    trailed = render_state(state, num_lanes=3, road_length=500.0, trail=past)
    changed = (plain != trailed).any(axis=2)
    assert changed[round(row(0.0)), round(column(-20))]
    assert changed[round(row(4.0)), round(column(-10))]
    assert not changed[:, round(column(2)) :].any()


def test_a_ramp_ends_in_grass_and_begins_again_on_a_closed_road():
    def is_grass(frame, x):
        pixel = frame[round(row(0.0)), round(column(x))].astype(int)
        return pixel[1] > pixel[0] + 10

    ramp = (0.0, 280.0)
    beside = render_state(world((240, 1, 20)), num_lanes=3, road_length=700.0, ramp=ramp)
    assert not is_grass(beside, 30)
    assert is_grass(beside, 80)
    assert is_grass(beside, 115)
    before = render_state(world((650, 1, 20)), num_lanes=3, road_length=700.0, ramp=ramp)
    assert is_grass(before, -30)
    assert not is_grass(before, 60)
    open_road = render_state(world((400, 1, 20)), num_lanes=3, ramp=ramp)
    assert is_grass(open_road, 50)


def test_absent_vehicles_are_left_out():
    alone = world((0, 1, 30))
    absent = world((0, 1, 30), (20, 1, 30), (30, 1, 30))
    absent[1] = np.nan
    absent[2, 1] = -4.0  # parked beside the road
    np.testing.assert_array_equal(
        render_state(alone, num_lanes=3), render_state(absent, num_lanes=3)
    )


def test_header_shows_speed_and_gap():
    def header(*rows):
        return render_state(world(*rows), num_lanes=3)[:20]

    near = header((0, 1, 30), (30, 1, 30))
    np.testing.assert_array_equal(near, header((0, 1, 30), (30, 1, 10), (20, 0, 30)))
    assert (near != header((0, 1, 30), (60, 1, 30))).any()
    assert (near != header((0, 1, 20), (30, 1, 30))).any()
    assert (near != header((0, 1, 30))).any()
    # A standing ego has no finite time gap, and overlapping vehicles none below zero.
    assert header((0, 1, 0.0), (30, 1, 30)).shape == (20, 640, 3)
    assert header((0, 1, 10.0), (1, 1, 30)).shape == (20, 640, 3)


@pytest.mark.parametrize("size", [(320, 120), (1280, 320), (640, 161)])
def test_other_sizes(size):
    frame = render_state(world((0, 1, 30), (20, 0, 10)), num_lanes=3, size=size)
    assert frame.shape == (size[1], size[0], 3)
    assert len(places(frame, EGO_COLOUR)) >= 1


def test_segment_is_its_frames_with_the_trail_so_far():
    states = np.stack([world((x, 1, 30), (40 + x, 0, 10)) for x in (0.0, 15.0, 30.0)])
    frames = render_segment(states, num_lanes=3, road_length=600.0)
    assert frames.shape == (3, 160, 640, 3)
    last = render_state(states[2], num_lanes=3, road_length=600.0, trail=states[:, 0, :2])
    np.testing.assert_array_equal(frames[2], last)
    again = render_segment(states, num_lanes=3, road_length=600.0)
    assert frames.tobytes() == again.tobytes()


def test_state_is_not_changed_by_drawing_it():
    state = world((495, 1, 30), (15, 2, 10))
    before = state.copy()
    render_state(state, num_lanes=3, road_length=500.0)
    np.testing.assert_array_equal(state, before)


def test_gif_plays_every_frame():
    states = np.stack([world((x, 1, 30)) for x in (0.0, 5.0, 10.0, 15.0)])
    frames = render_segment(states, num_lanes=2)
    gif = to_gif(frames, fps=4.0)
    assert gif == to_gif(frames, fps=4.0)
    with Image.open(io.BytesIO(gif)) as image:
        assert image.n_frames == 4
        assert image.size == (640, 160)
        assert image.info["duration"] == 250
        assert image.info["loop"] == 0
        image.seek(3)
        shown = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(shown - frames[3]).mean() < 3


@pytest.mark.parametrize(
    ("state", "options", "message"),
    [
        (np.zeros((0, 4), np.float32), {}, "ego in row 0"),
        (np.full((1, 4), np.nan, np.float32), {}, "finite ego"),
        (world((0, 0, 1)), {"num_lanes": 0}, "num_lanes must be at least 1, got 0"),
        (world((0, 0, 1)), {"size": (640, 8)}, r"size .*got \(640, 8\)"),
        (world((0, 0, 1)), {"view": (10.0, 100.0)}, r"view .*got \(10.0, 100.0\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(state, options, message):
    with pytest.raises(ValueError, match=message):
        render_state(state, **{"num_lanes": 3, **options})


def test_gif_of_nothing_or_at_no_speed_is_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        to_gif(np.zeros((0, 10, 10, 3), np.uint8), fps=5.0)
    with pytest.raises(ValueError, match=r"fps must be in \(0, 50\], got 0.0"):
        to_gif(np.zeros((1, 10, 10, 3), np.uint8), fps=0.0)


def test_a_frame_takes_a_few_milliseconds_at_the_most():
    rng = np.random.default_rng(0)
    state = world(*[(25 * i, i % 3, 30) for i in range(30)])
    trail = np.stack([np.linspace(-60, 0, 20), np.zeros(20)], axis=1)
    render_state(state, num_lanes=3, road_length=750.0, trail=trail)
    start = time.process_time()
    for _ in range(200):
        state[:, 0] += 3.0
        state[:, 2] += rng.normal(0, 0.3, 30).astype(np.float32)
        render_state(state, num_lanes=3, road_length=750.0, trail=trail)
    assert (time.process_time() - start) / 200 < 5e-3
