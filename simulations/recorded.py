"""Recorded motorway traffic, read from CSV into states from which a simulation can start.

The columns are those of NGSIM as repackaged by CommonRoad and flattened: positions on a map, no
lane map. Lanes and distances along the road are found by `road_geometry`.
"""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from prefgym.simulations.following import Following, following, smooth_acceleration, tracks
from prefgym.simulations.road_geometry import find_lanes, road_positions

COLUMNS = ("scenario", "id", "length_m", "t_s", "x_m", "y_m", "heading_rad", "v_mps")
"""Columns that must be there; `a_mps2` is used where it is filled, others are ignored."""
_NUMBERS = ("length_m", "t_s", "x_m", "y_m", "heading_rad", "v_mps")
_ACCELERATION = "a_mps2"
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All vehicles on a stretch of road at one moment; the arrays are over vehicles by `x`."""

    scenario: str
    time: float
    """[s]"""
    vehicle: Int64[np.ndarray, " vehicle"]
    """The same number at all times of a scenario."""
    x: Float64[np.ndarray, " vehicle"]
    """Middle of the vehicle along the road [m], from 0 where the recorded stretch begins."""
    lane: Int64[np.ndarray, " vehicle"]
    """0 is the right-most."""
    speed: Float64[np.ndarray, " vehicle"]
    """[m/s]"""
    acceleration: Float64[np.ndarray, " vehicle"]
    """[m/s2], as recorded, else from speeds averaged over a second."""
    length: Float64[np.ndarray, " vehicle"]
    """[m]"""


@dataclass(frozen=True, slots=True)
class RecordedTraffic:
    """Recorded moments of traffic, at least two vehicles in each."""

    scenario: tuple[str, ...]
    num_lanes: int
    """Of the scenario with the most."""
    lane_width: float
    """Mean over the scenarios [m]."""
    dt: float
    """Time between snapshots of a scenario [s]."""
    snapshots: tuple[Snapshot, ...]


class _Rows(NamedTuple):
    """One scenario's part of the file, checked."""

    scenario: str
    vehicle: Int64[np.ndarray, " row"]
    numbers: dict[str, Float64[np.ndarray, " row"]]


def load_recorded(path: str | Path) -> RecordedTraffic:
    """Recorded traffic from a CSV file, plain or gzipped.

    Raises:
        ValueError: if the file cannot be read, is no such CSV, or holds no usable moment.
    """
    rows = [_scenario_rows(name, part) for name, part in _read(Path(path)).items()]
    dt = _time_step(rows)
    snapshots: list[Snapshot] = []
    num_lanes, widths = 0, []
    for part in rows:
        position = road_positions(
            part.numbers["x_m"], part.numbers["y_m"], part.numbers["heading_rad"], part.vehicle
        )
        grid = find_lanes(position.across, part.vehicle)
        snapshots += _snapshots(part, position.along, grid.lane, dt)
        num_lanes = max(num_lanes, grid.num_lanes)
        widths.append(grid.lane_width)
    if not snapshots:
        raise ValueError(
            f"{path} must hold at least one moment with two vehicles, got none in "
            f"{len(rows)} scenarios; vehicles of one scenario must share their times t_s"
        )
    return RecordedTraffic(
        scenario=tuple(part.scenario for part in rows),
        num_lanes=num_lanes,
        lane_width=float(np.mean(widths)),
        dt=dt,
        snapshots=tuple(snapshots),
    )


def following_statistics(recorded: RecordedTraffic) -> Following:
    """Time gaps, accelerations and jerks of recorded traffic."""
    parts = []
    for scenario in recorded.scenario:
        moments = [moment for moment in recorded.snapshots if moment.scenario == scenario]
        if not moments:
            continue
        values = [
            np.stack([moment.x, moment.lane, moment.speed, moment.length], axis=1)
            for moment in moments
        ]
        times = [np.full(len(m.x), round(m.time / recorded.dt), np.int64) for m in moments]
        step = np.concatenate(times)
        vehicle = np.concatenate([moment.vehicle for moment in moments])
        x, lane, speed, length = tracks(step - step.min(), vehicle, np.concatenate(values))
        parts.append(following(x, lane, speed, length, recorded.dt))
    return Following(*(np.concatenate(samples) for samples in zip(*parts, strict=True)))


# --- reading


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    """The file's cells by scenario and column."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ValueError(
                f"{path} must have the columns {', '.join(COLUMNS)}; {', '.join(missing)} missing, "
                f"got {', '.join(header) or 'an empty file'}"
            )
        places = {name: header.index(name) for name in (*COLUMNS, _ACCELERATION) if name in header}
        scenarios: dict[str, dict[str, list[str]]] = {}
        for cells in reader:
            if len(cells) != len(header):
                raise ValueError(
                    f"{path} must have {len(header)} cells in every row, "
                    f"got {len(cells)} in line {reader.line_num}; is the file cut short?"
                )
            part = scenarios.setdefault(
                cells[places["scenario"]], {name: [] for name in (*places, "line")}
            )
            for name, place in places.items():
                part[name].append(cells[place])
            part["line"].append(str(reader.line_num))
    except csv.Error as error:
        raise ValueError(f"{path} must be a CSV file, got: {error}") from error
    if not scenarios:
        raise ValueError(f"{path} must hold recorded vehicles, got only a header")
    return scenarios


def _text(path: Path) -> str:
    """The file's text, unzipped if need be."""
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be a CSV file in UTF-8, got bytes that are not") from error
    except (OSError, EOFError, zlib.error) as error:
        kind = "folder" if path.is_dir() else "file that cannot be read"
        raise ValueError(
            f"recorded traffic must be a CSV file (plain or .gz), got the {kind} {path}: {error}"
        ) from error


def _scenario_rows(scenario: str, cells: dict[str, list[str]]) -> _Rows:
    """One scenario's cells as numbers, checked once and for all."""
    numbers = {name: _numbers(name, cells[name], cells["line"]) for name in _NUMBERS}
    empty = [""] * len(cells["line"])
    known = cells.get(_ACCELERATION, empty)
    filled = np.array([bool(cell.strip()) for cell in known])
    acceleration = np.full(len(known), np.nan)
    acceleration[filled] = _numbers(
        _ACCELERATION,
        [cell for cell in known if cell.strip()],
        [line for line, cell in zip(cells["line"], known, strict=True) if cell.strip()],
    )
    numbers[_ACCELERATION] = acceleration
    for name, low, bad in (
        ("length_m", "above 0", numbers["length_m"] <= 0),
        ("v_mps", "0 or more", numbers["v_mps"] < 0),
    ):
        _refuse(name, low, bad, cells)
    vehicle = np.unique(np.array(cells["id"]), return_inverse=True)[1].astype(np.int64)
    return _Rows(scenario, vehicle, numbers)


def _numbers(name: str, cells: list[str], lines: list[str]) -> Float64[np.ndarray, " row"]:
    """The cells as finite numbers."""
    values = np.empty(len(cells))
    for index, cell in enumerate(cells):
        try:
            values[index] = float(cell)
        except ValueError:
            values[index] = np.nan
        if not np.isfinite(values[index]):
            raise ValueError(
                f"{name} must be a finite number in every row, got {cell!r} in line "
                f"{lines[index]}; leave such rows out"
            )
    return values


def _refuse(
    name: str, expected: str, bad: Bool[np.ndarray, " row"], cells: dict[str, list[str]]
) -> None:
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"{name} must be {expected}, got {cells[name][first]} in line {cells['line'][first]}"
        )


# --- moments


def _time_step(rows: list[_Rows]) -> float:
    """Time between recorded moments [s], the same throughout."""
    steps = np.concatenate([np.diff(np.unique(part.numbers["t_s"])) for part in rows])
    if not len(steps):
        raise ValueError("recorded traffic must hold at least two times t_s, got one")
    dt = round(float(np.median(steps)), 6)
    for part in rows:
        index = (part.numbers["t_s"] - part.numbers["t_s"].min()) / dt
        if np.abs(index - np.round(index)).max() > 0.1:
            raise ValueError(
                f"t_s must be evenly spaced, got steps from {steps.min():.4g} to "
                f"{steps.max():.4g} s in the file; resample it to one rate"
            )
        places = np.stack([np.round(index), part.vehicle], axis=1)
        if len(np.unique(places, axis=0)) != len(places):
            raise ValueError(
                f"a vehicle must be at one place at a time, got two rows with the same id and t_s "
                f"in scenario {part.scenario!r}"
            )
    return dt


def _snapshots(
    rows: _Rows, along: Float64[np.ndarray, " row"], lane: Int64[np.ndarray, " row"], dt: float
) -> list[Snapshot]:
    """The moments of a scenario with two vehicles or more, in order."""
    time = rows.numbers["t_s"]
    step = np.round((time - time.min()) / dt).astype(np.int64)
    speed, length = rows.numbers["v_mps"], rows.numbers["length_m"]
    recorded = rows.numbers[_ACCELERATION]
    acceleration = np.where(
        np.isfinite(recorded), recorded, _estimated_acceleration(step, rows.vehicle, speed, dt)
    )
    order = np.lexsort((along, step))
    moments = np.split(order, np.flatnonzero(np.diff(step[order])) + 1)
    return [
        Snapshot(
            scenario=rows.scenario,
            time=float(time[index[0]]),
            vehicle=rows.vehicle[index],
            x=along[index],
            lane=lane[index],
            speed=speed[index],
            acceleration=acceleration[index],
            length=length[index],
        )
        for index in moments
        if len(index) >= 2
    ]


def _estimated_acceleration(
    step: Int64[np.ndarray, " row"],
    vehicle: Int64[np.ndarray, " row"],
    speed: Float64[np.ndarray, " row"],
    dt: float,
) -> Float64[np.ndarray, " row"]:
    """Acceleration from speeds averaged over the second around each row.

    Near the ends of a track the nearest second counts; a shorter track counts as steady.
    """
    (table,) = tracks(step, vehicle, speed[:, None])
    smooth = smooth_acceleration(table, dt)
    estimate = np.zeros(len(speed))
    lead = (len(table) - len(smooth)) // 2
    for number in range(table.shape[1]):
        known = np.flatnonzero(np.isfinite(smooth[:, number]))
        mine = vehicle == number
        if len(known):
            nearest = np.interp(step[mine], known + lead, smooth[known, number])
            estimate[mine] = nearest
    return estimate
