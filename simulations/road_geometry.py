"""From recorded positions on a map to positions on a road: along it, across it, and lanes.

Recordings of a motorway come as x, y on a map and often without a lane map. The road is taken to
be one carriageway that bends gently: its direction is the mean heading, its bend is what all
vehicles' paths have in common, and its lanes are the grid on which vehicles cluster sideways.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from numpy.polynomial import Polynomial

STANDARD_LANE_WIDTH = 3.66  # [m], 12 feet
_LANE_WIDTH_SD = 0.2  # [m], how far a grid may be from the standard where few lanes are used
_LANE_WIDTHS = np.arange(3.0, 4.3, 0.01)  # [m], those tried
_BEND_DEGREE = 3
_BEND_PRIOR = 0.002  # pull to no bend, in units of the weight of all rows
_PATH_SD = 0.5  # [m], within which drivers wander inside their lane
_MAX_TURN = math.radians(60)
_MAX_LANES = 12


class RoadPositions(NamedTuple):
    """Where each row of a recording is on the road."""

    along: Float64[np.ndarray, " row"]
    """Distance along the centre line from the rear-most row [m]."""
    across: Float64[np.ndarray, " row"]
    """Distance to the left of the centre line [m], which runs through the mean position."""


class LaneGrid(NamedTuple):
    """Lanes found in a recording; lane 0 is the right-most that is used."""

    lane: Int64[np.ndarray, " row"]
    num_lanes: int
    lane_width: float
    """[m]"""


def road_positions(
    x: Float64[np.ndarray, " row"],
    y: Float64[np.ndarray, " row"],
    heading: Float64[np.ndarray, " row"],
    track: Int64[np.ndarray, " row"],
) -> RoadPositions:
    """Map positions [m] and headings [rad] as positions along and across the road.

    Args:
        x: map coordinate.
        y: map coordinate, a quarter turn to the left of x.
        heading: direction of travel, 0 along x.
        track: which vehicle a row belongs to, 0 .. number of vehicles - 1.

    Raises:
        ValueError: if the headings are not those of one gently bending carriageway.
    """
    direction = math.atan2(float(np.sin(heading).mean()), float(np.cos(heading).mean()))
    turn = np.abs((heading - direction + math.pi) % (2 * math.pi) - math.pi)
    if np.quantile(turn, 0.99) > _MAX_TURN:
        raise ValueError(
            "recorded headings must stay within 60 degrees of one direction, got "
            f"{math.degrees(float(np.quantile(turn, 0.99))):.0f} degrees in one of a hundred rows; "
            "keep one carriageway of a gently bending road per scenario"
        )
    cos, sin = math.cos(direction), math.sin(direction)
    forward = cos * (x - x.mean()) + sin * (y - y.mean())
    sideways = -sin * (x - x.mean()) + cos * (y - y.mean())
    bend = _bend(forward, sideways, track)
    slope = bend.deriv()

    # Lengths along the bend, by trapezia.
    grid = np.linspace(forward.min(), forward.max(), 513)
    stretch = np.sqrt(1 + slope(grid) ** 2)
    steps = np.diff(grid) * (stretch[1:] + stretch[:-1]) / 2
    arc = np.concatenate([[0.0], np.cumsum(steps)])
    return RoadPositions(
        along=np.interp(forward, grid, arc),
        across=(sideways - bend(forward)) / np.sqrt(1 + slope(forward) ** 2),
    )


def find_lanes(across: Float64[np.ndarray, " row"], track: Int64[np.ndarray, " row"]) -> LaneGrid:
    """The evenly spaced lanes on which the rows cluster best, every vehicle counting alike.

    The clustering is the length of the mean of exp(2 pi i across / width); with few lanes it is
    nearly as good at other widths, so the standard one is the prior.

    Raises:
        ValueError: if the rows spread over more lanes than a carriageway has.
    """
    weight = _track_weight(track)
    turns = 2j * np.pi * across / _LANE_WIDTHS[:, None]
    resultant = (weight * np.exp(turns)).sum(axis=1)
    prior = -0.5 * ((_LANE_WIDTHS - STANDARD_LANE_WIDTH) / _LANE_WIDTH_SD) ** 2
    num_tracks = float(track.max()) + 1
    best = int(np.argmax(num_tracks * np.abs(resultant) ** 2 + prior))
    lane_width, phase = (
        round(float(_LANE_WIDTHS[best]), 2),
        float(np.angle(resultant[best]) / (2 * np.pi)),
    )
    lane = np.round(across / lane_width - phase).astype(np.int64)
    lane -= lane.min()
    num_lanes = int(lane.max()) + 1
    if num_lanes > _MAX_LANES:
        raise ValueError(
            f"recorded vehicles must be on at most {_MAX_LANES} lanes of one carriageway, "
            f"got positions {np.ptp(across):.0f} m apart sideways; "
            "keep one carriageway per scenario"
        )
    return LaneGrid(lane, num_lanes, lane_width)


def _bend(
    forward: Float64[np.ndarray, " row"],
    sideways: Float64[np.ndarray, " row"],
    track: Int64[np.ndarray, " row"],
) -> Polynomial:
    """The sideways movement that all vehicles share, over `forward`.

    Least squares with an offset per vehicle, re-weighted so that lane changes count little.
    """
    scale = max(1.0, float(np.abs(forward).max()))
    powers = np.stack([(forward / scale) ** k for k in range(1, _BEND_DEGREE + 1)], axis=1)
    weight = _track_weight(track)
    coefficients = np.zeros(_BEND_DEGREE)
    for _ in range(5):
        centred = powers - _track_mean(powers, weight, track)
        target = sideways - _track_mean(sideways[:, None], weight, track)[:, 0]
        information = centred.T @ (weight[:, None] * centred)
        information += _BEND_PRIOR * weight.sum() * np.eye(_BEND_DEGREE)
        coefficients = np.linalg.solve(information, centred.T @ (weight * target))
        residual = target - centred @ coefficients
        weight = _track_weight(track) / (1 + (residual / _PATH_SD) ** 2)
    return Polynomial([0.0, *coefficients], domain=(-scale, scale), window=(-1, 1))


def _track_weight(track: Int64[np.ndarray, " row"]) -> Float64[np.ndarray, " row"]:
    """Weights that sum to 1, and to the same over each vehicle's rows."""
    rows = np.bincount(track)
    return np.asarray(1 / (rows[track] * np.count_nonzero(rows)), np.float64)


def _track_mean(
    values: Float64[np.ndarray, "row column"],
    weight: Float64[np.ndarray, " row"],
    track: Int64[np.ndarray, " row"],
) -> Float64[np.ndarray, "row column"]:
    """Each row's weighted mean over the rows of its vehicle."""
    total = np.bincount(track, weight)
    means = [np.bincount(track, weight * column) / total for column in values.T]
    return np.stack([mean[track] for mean in means], axis=1)
