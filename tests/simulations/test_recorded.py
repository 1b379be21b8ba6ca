import csv
import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest

from prefgym.simulations.recorded import following_statistics, load_recorded

COLUMNS = "scenario,id,type,length_m,width_m,t_s,x_m,y_m,heading_rad,v_mps,a_mps2"
HEADER = COLUMNS.split(",")
HEADING = -0.75


def recording(*, scenario="S-1", lanes=(0, 1, 2, 0, 1), num_steps=30, speeds=None, known=()):
    """Rows of vehicles 20 m apart on a straight road, 2 m/s faster each; `known` have a_mps2."""
    speeds = speeds or [10.0 + 2 * vehicle for vehicle in range(len(lanes))]
    rows = []
    for vehicle, (lane, speed) in enumerate(zip(lanes, speeds, strict=True)):
        for step in range(num_steps):
            along, across = 20.0 * vehicle + speed * 0.1 * step, 3.66 * lane
            x = np.cos(HEADING) * along - np.sin(HEADING) * across
            y = np.sin(HEADING) * along + np.cos(HEADING) * across
            acceleration = "0.5" if vehicle in known else ""
            rows.append(
                f"{scenario},{100 + vehicle},car,4.5,1.8,{0.1 * step:.1f},{x:.4f},{y:.4f},"
                f"{HEADING},{speed},{acceleration}".split(",")
            )
    return rows


def text(rows, header=HEADER):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    return buffer.getvalue()


def write(path, rows, header=HEADER):
    path.write_text(text(rows, header))
    return path


def test_a_recording_becomes_moments(tmp_path):
    found = load_recorded(write(tmp_path / "t.csv", recording(known=(1,))))
    assert found.scenario == ("S-1",)
    assert found.num_lanes == 3
    assert found.lane_width == pytest.approx(3.66, abs=0.05)
    assert found.dt == 0.1
    assert len(found.snapshots) == 30
    first = found.snapshots[0]
    assert first.scenario == "S-1"
    assert first.time == 0.0
    np.testing.assert_allclose(first.x, [0, 20, 40, 60, 80], atol=0.01)
    np.testing.assert_array_equal(first.lane, [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(first.speed, [10, 12, 14, 16, 18])
    np.testing.assert_array_equal(first.length, 4.5)
    np.testing.assert_allclose(first.acceleration, [0, 0.5, 0, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(first.vehicle, np.arange(5))
    last = found.snapshots[-1]
    assert last.time == pytest.approx(2.9)
    np.testing.assert_allclose(last.x - first.x, 2.9 * first.speed, atol=0.01)


def test_missing_acceleration_is_estimated_from_speed(tmp_path):
    rows = recording()
    for row in rows:
        row[9] = str(float(row[9]) + 1.5 * float(row[5]))
    found = load_recorded(write(tmp_path / "t.csv", rows))
    for moment in found.snapshots:
        np.testing.assert_allclose(moment.acceleration, 1.5, atol=1e-6)
    found = load_recorded(write(tmp_path / "u.csv", [row[:-1] for row in rows], HEADER[:-1]))
    np.testing.assert_allclose(found.snapshots[7].acceleration, 1.5, atol=1e-6)


def test_gzipped_or_not_whatever_the_name(tmp_path):
    plain = load_recorded(write(tmp_path / "t.csv", recording()))
    zipped = tmp_path / "t.csv.gz"
    zipped.write_bytes(gzip.compress(text(recording()).encode()))
    odd = tmp_path / "odd"
    odd.write_bytes(zipped.read_bytes())
    for path in (zipped, str(odd)):
        again = load_recorded(path)
        assert len(again.snapshots) == len(plain.snapshots)
        np.testing.assert_array_equal(again.snapshots[3].x, plain.snapshots[3].x)


def test_scenarios_are_roads_of_their_own_and_may_share_ids(tmp_path):
    rows = recording() + recording(scenario="S-2", lanes=(0, 1, 2, 3, 4, 0), num_steps=20)
    found = load_recorded(write(tmp_path / "t.csv", rows))
    assert found.scenario == ("S-1", "S-2")
    assert found.num_lanes == 5
    assert [moment.scenario for moment in found.snapshots] == ["S-1"] * 30 + ["S-2"] * 20
    assert len(found.snapshots[0].x) == 5
    assert len(found.snapshots[30].x) == 6


def test_moments_with_a_single_vehicle_are_left_out(tmp_path):
    rows = recording(lanes=(0, 1), speeds=[10.0, 10.0])
    rows = [row for row in rows if row[1] == "100" or float(row[5]) > 1.95]
    found = load_recorded(write(tmp_path / "t.csv", rows))
    assert len(found.snapshots) == 10
    assert found.snapshots[0].time == pytest.approx(2.0)
    assert all(len(moment.x) == 2 for moment in found.snapshots)


def test_order_of_rows_does_not_matter(tmp_path):
    rows = recording()
    shuffled = [rows[index] for index in np.random.default_rng(0).permutation(len(rows))]
    one = load_recorded(write(tmp_path / "t.csv", rows))
    two = load_recorded(write(tmp_path / "u.csv", shuffled))
    np.testing.assert_allclose(one.snapshots[9].x, two.snapshots[9].x, atol=1e-9)
    np.testing.assert_array_equal(one.snapshots[9].lane, two.snapshots[9].lane)


def test_following_by_hand(tmp_path):
    # One lane, 20 m apart at 10 m/s: a gap of 15.5 m is 1.55 s for all but the first.
    rows = recording(lanes=(0, 0, 0), speeds=[10.0, 10.0, 10.0])
    found = following_statistics(load_recorded(write(tmp_path / "t.csv", rows)))
    np.testing.assert_allclose(found.time_gap, np.full(60, 1.55), atol=1e-3)
    np.testing.assert_allclose(found.acceleration, np.zeros(3 * 20), atol=1e-9)
    np.testing.assert_allclose(found.jerk, np.zeros(3 * 19), atol=1e-9)


def replace(rows, line, column, value):
    rows = [list(row) for row in rows]
    rows[line - 2][HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"must have the columns scenario, id, .*got an empty file"),
        (text([]), "got only a header"),
        (text(recording(), [*HEADER[:6], "x", *HEADER[7:]]), r"; x_m missing, got scenario,"),
        (text(replace(recording(), 5, "v_mps", "nan")), r"v_mps .*finite.*got 'nan' in line 5"),
        (text(replace(recording(), 7, "x_m", "")), r"x_m .*finite.*got '' in line 7"),
        (text(replace(recording(), 9, "y_m", "east")), r"y_m .*got 'east' in line 9"),
        (text(replace(recording(), 3, "a_mps2", "inf")), r"a_mps2 .*got 'inf' in line 3"),
        (text(replace(recording(), 4, "length_m", "0")), r"length_m .* above 0, got 0 in line 4"),
        (text(replace(recording(), 4, "v_mps", "-1")), r"v_mps .* 0 or more, got -1 in line 4"),
        (text(replace(recording(), 4, "t_s", "0.1")), "two rows with the same id and t_s"),
        (text(replace(recording(), 4, "t_s", "0.237")), r"t_s must be evenly spaced"),
        (text(recording(num_steps=1)), "at least two times t_s, got one"),
        (text(recording(lanes=(0,), speeds=[9.0])), "one moment with two vehicles, got none in 1"),
        (text(recording())[:-30], r"11 cells in every row, got \d+ in line 151"),
        (text(recording()) + 'S-1,"cut', "must be a CSV file, got: unexpected end"),
        (b"\xff\xfe\x00S\x80", "UTF-8"),
        (gzip.compress(text(recording()).encode())[:-40], r"cannot be read .*t\.csv: "),
        (b"\x1f\x8b broken", r"cannot be read .*t\.csv: "),
    ],
)
def test_what_is_no_recording_is_one_clear_error(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        load_recorded(path)


def test_folders_and_missing_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"plain or \.gz\), got the folder"):
        load_recorded(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be read .*nowhere\.csv"):
        load_recorded(tmp_path / "nowhere.csv")


def test_a_scenario_without_a_usable_moment_is_passed_over(tmp_path):
    rows = recording(lanes=(0, 0)) + recording(scenario="alone", lanes=(0,), speeds=[9.0])
    found = load_recorded(write(tmp_path / "t.csv", rows))
    assert found.scenario == ("S-1", "alone")
    assert {moment.scenario for moment in found.snapshots} == {"S-1"}
    assert len(following_statistics(found).time_gap) == 30


# --- real traffic


@pytest.fixture(scope="module")
def us101():
    path = Path(os.environ.get("PREFGYM_DATA", "")) / "ngsim-us101" / "tracks.csv.gz"
    if "PREFGYM_DATA" not in os.environ or not path.exists():
        pytest.skip("NGSIM US-101 is not here; PREFGYM_DATA names the folder that holds it")
    return load_recorded(path)


def test_us101_has_five_lanes_and_an_auxiliary_one(us101):
    assert len(us101.scenario) == 2
    assert us101.num_lanes == 6
    assert us101.lane_width == pytest.approx(3.66, abs=0.15)
    assert us101.dt == 0.1
    assert len(us101.snapshots) == 133


def test_us101_vehicles_do_not_overlap_and_move_as_fast_as_they_say(us101):
    for moment in us101.snapshots:
        for lane in range(us101.num_lanes):
            mine = moment.lane == lane
            gaps = (
                np.diff(moment.x[mine]) - (moment.length[mine][1:] + moment.length[mine][:-1]) / 2
            )
            assert (gaps > 0).all()
    for scenario in us101.scenario:
        moments = [moment for moment in us101.snapshots if moment.scenario == scenario]
        for before, after in zip(moments[:-10], moments[10:], strict=True):
            both, i, j = np.intersect1d(before.vehicle, after.vehicle, return_indices=True)
            assert len(both)
            distance = after.x[j] - before.x[i]
            speed = (after.speed[j] + before.speed[i]) / 2
            assert np.abs(distance - speed).max() < 1.5
            assert np.median(np.abs(distance - speed)) < 0.5


def test_us101_is_followed_as_published(us101):
    # Published on 28 excerpts: 5/25/50/75/95 % = 0.60/1.02/1.43/2.01/3.15 s; 24 % under a second.
    # These are two of them, one a queue: the near half agrees, the far half is longer.
    found = following_statistics(us101)
    quantiles = np.quantile(found.time_gap, [0.05, 0.25])
    np.testing.assert_allclose(quantiles, [0.60, 1.02], atol=0.1)
    assert np.mean(found.time_gap < 1) == pytest.approx(0.24, abs=0.03)
    assert np.median(found.time_gap) == pytest.approx(1.43, abs=0.5)
    assert np.abs(np.median(found.acceleration)) < 0.5
    assert np.abs(np.median(found.jerk)) < 0.1
