"""How traffic follows: time gaps, accelerations and jerks, measured alike on any traffic."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

LONGEST_GAP = 4.0  # [s], beyond which nobody is said to follow
SMOOTHING_TIME = 1.0  # [s] over which speeds are averaged before they are differentiated


class Following(NamedTuple):
    """Samples of how traffic follows, in no particular order."""

    time_gap: Float64[np.ndarray, " follower"]
    """Bumper to bumper over own speed [s], of those under `LONGEST_GAP`."""
    acceleration: Float64[np.ndarray, " sample"]
    """[m/s2]"""
    jerk: Float64[np.ndarray, " change"]
    """[m/s3]"""


def following(
    x: Float64[np.ndarray, "time vehicle"],
    lane: Float64[np.ndarray, "time vehicle"],
    speed: Float64[np.ndarray, "time vehicle"],
    length: Float64[np.ndarray, "time vehicle"],
    dt: float,
    *,
    road_length: float | None = None,
) -> Following:
    """Time gaps, accelerations and jerks of traffic, recorded or simulated.

    Speeds are averaged over `SMOOTHING_TIME` first: differences of raw recorded speeds are mostly
    measurement error. Only times for which a vehicle was there all along count.

    Args:
        x: middle of the vehicle along the road [m]; nan where it is absent, in all four arrays.
        lane: lane index.
        speed: [m/s]
        length: [m]
        dt: time between rows [s].
        road_length: of a closed road [m], round which x wraps; None: the road is open.
    """
    gap = leader_gap(x, lane, length, road_length=road_length)
    with np.errstate(divide="ignore", invalid="ignore"):
        time_gap = gap / speed
    follows = (gap > 0) & (time_gap < LONGEST_GAP)
    acceleration = smooth_acceleration(speed, dt)
    jerk = np.diff(acceleration, axis=0) / dt
    return Following(
        time_gap=time_gap[follows],
        acceleration=acceleration[np.isfinite(acceleration)],
        jerk=jerk[np.isfinite(jerk)],
    )


def leader_gap(
    x: Float64[np.ndarray, "time vehicle"],
    lane: Float64[np.ndarray, "time vehicle"],
    length: Float64[np.ndarray, "time vehicle"],
    *,
    road_length: float | None = None,
) -> Float64[np.ndarray, "time vehicle"]:
    """Bumper gap to the next vehicle ahead in the same lane [m]; nan where there is none."""
    num_vehicles = x.shape[1]
    if road_length is not None:
        # A second lap ahead of the first: the last in a lane then finds the first.
        x = np.concatenate([x, x + road_length], axis=1)
        lane, length = np.tile(lane, 2), np.tile(length, 2)
    order = np.lexsort((x, lane), axis=1)
    x, lane, length = (np.take_along_axis(array, order, axis=1) for array in (x, lane, length))
    gap = np.full(x.shape, np.nan)
    ahead = x[:, 1:] - x[:, :-1] - (length[:, 1:] + length[:, :-1]) / 2
    gap[:, :-1] = np.where(lane[:, 1:] == lane[:, :-1], ahead, np.nan)
    unsorted = np.empty_like(gap)
    np.put_along_axis(unsorted, order, gap, axis=1)
    return unsorted[:, :num_vehicles]


def smooth_acceleration(
    speed: Float64[np.ndarray, "time vehicle"], dt: float
) -> Float64[np.ndarray, "window vehicle"]:
    """Acceleration [m/s2] as the change of the speed averaged over `SMOOTHING_TIME`.

    Fewer rows than `speed` by the width of the average; nan where a vehicle is absent meanwhile.
    """
    width = max(1, round(SMOOTHING_TIME / dt))
    if len(speed) <= width:
        return np.empty((0, speed.shape[1]))
    # The mean of `width` differences is the difference of means over windows one step apart.
    steady: Float64[np.ndarray, "window vehicle"] = (speed[width:] - speed[:-width]) / (width * dt)
    present = np.cumsum(np.isfinite(speed), axis=0)
    present = np.concatenate([np.zeros((1, speed.shape[1]), present.dtype), present])
    whole = present[width + 1 :] - present[: -width - 1] == width + 1
    return np.where(whole, steady, np.nan)


def tracks(
    time_index: Int64[np.ndarray, " row"],
    vehicle: Int64[np.ndarray, " row"],
    values: Float64[np.ndarray, "row column"],
) -> Float64[np.ndarray, "column time vehicle"]:
    """Rows as tables over time and vehicle, nan where a vehicle is absent."""
    shape = (values.shape[1], int(time_index.max()) + 1, int(vehicle.max()) + 1)
    table = np.full(shape, np.nan)
    table[:, time_index, vehicle] = values.T
    return table
