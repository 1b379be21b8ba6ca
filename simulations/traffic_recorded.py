"""Starts from recorded traffic: a moment of a recording, its cars driven on by drawn drivers."""

import numpy as np
from jaxtyping import Float

from prefgym.simulations.compiled import compiled
from prefgym.simulations.recorded import RecordedTraffic
from prefgym.simulations.traffic_layout import (
    ACCEL,
    CHANGE_TIME,
    EGO,
    GAP,
    HALF_LENGTH,
    LANE,
    LANE_CHANGE_TIME,
    MAX_LANES,
    OLD_LANE,
    ORDER,
    PARKED,
    RING,
    SPEED,
    STANDSTILL_GAP,
    TIME_GAP,
    Cars,
    Clock,
    Lanes,
    World,
    X,
)
from prefgym.simulations.traffic_random import uniform

# rows of a moment
MOMENT_X, MOMENT_LANE, MOMENT_SPEED, MOMENT_ACCEL, MOMENT_LENGTH = range(5)
LONG_VEHICLE = 7.0  # [m], from which it is a truck
SEAM = 10.0  # [m] of free road between the end of a stretch and its repetition
SHORTEST_TIME_GAP = 0.5  # [s]

Moments = Float[np.ndarray, "moment row vehicle"]
Extents = Float[np.ndarray, "moment 2"]


def pack_moments(recorded: RecordedTraffic) -> tuple[Moments, Extents]:
    """Returns the recording's moments as the kernels read them, and count and length [m] of each.

    Moments with fewer than half the vehicles of the fullest are left out: there the recording
    begins or ends, and most of the road is empty because nobody looked.
    """
    if recorded.num_lanes > MAX_LANES:
        raise ValueError(
            f"recorded traffic must have at most {MAX_LANES} lanes, got {recorded.num_lanes}"
        )
    fullest = max(len(moment.x) for moment in recorded.snapshots)
    chosen = [moment for moment in recorded.snapshots if 2 * len(moment.x) >= fullest]
    moments = np.zeros((len(chosen), 5, fullest))
    extents = np.zeros((len(chosen), 2))
    for index, moment in enumerate(chosen):
        count = len(moment.x)
        along = moment.x - moment.x.min()
        rows = (along, moment.lane, moment.speed, moment.acceleration, moment.length)
        moments[index, :, :count] = np.nan_to_num(np.stack(rows))
        extents[index] = count, along.max() + moment.length.max() + SEAM
    return moments, extents


@compiled
def place_recorded(
    cars: Cars, lanes: Lanes, world: World, clock: Clock, moments: Moments, extents: Extents
) -> None:
    """Puts the cars where they were at a moment drawn from the recording, one of them the ego.

    The stretch is repeated around the ring as often as there are cars for it.
    """
    drawn = min(moments.shape[0] - 1, int(moments.shape[0] * uniform(clock)))
    moment, count, stretch = moments[drawn], int(extents[drawn, 0]), extents[drawn, 1]
    first = choose_ego(moment, count, clock)
    tiles = cars.shape[1] // count
    world[RING] = tiles * stretch
    for car in range(cars.shape[1]):
        lanes[ORDER, car] = car
        cars[CHANGE_TIME, car] = LANE_CHANGE_TIME
        source = (first + car) % count
        lane = PARKED
        if car < tiles * count:
            lane = int(moment[MOMENT_LANE, source])
            cars[X, car] = moment[MOMENT_X, source] + stretch * (car // count)
            cars[SPEED, car] = moment[MOMENT_SPEED, source]
            cars[ACCEL, car] = moment[MOMENT_ACCEL, source]
        cars[HALF_LENGTH, car] = 0.5 * moment[MOMENT_LENGTH, source]
        lanes[LANE, car] = lanes[OLD_LANE, car] = lane


@compiled
def choose_ego(moment: Float[np.ndarray, "row vehicle"], count: int, clock: Clock) -> int:
    """Returns a random vehicle that is no truck and, as recorded, touches nobody in its lane."""
    start = int(count * uniform(clock))
    for k in range(count):
        candidate = (start + k) % count
        free = moment[MOMENT_LENGTH, candidate] < LONG_VEHICLE
        for other in range(count):
            if other != candidate and moment[MOMENT_LANE, other] == moment[MOMENT_LANE, candidate]:
                apart = abs(moment[MOMENT_X, other] - moment[MOMENT_X, candidate])
                reach = 0.5 * (moment[MOMENT_LENGTH, other] + moment[MOMENT_LENGTH, candidate])
                free = free and apart > reach + 1.0
        if free:
            return candidate
    return start % count


@compiled
def adopt_gaps(cars: Cars) -> None:
    """Lets no drawn driver want a longer time gap than the one it was recorded at.

    Otherwise the first thing all of them would do is to brake.
    """
    for car in range(cars.shape[1]):
        if car != EGO:
            room = cars[GAP, car] - cars[STANDSTILL_GAP, car]
            kept = room / max(cars[SPEED, car], 3.0)
            cars[TIME_GAP, car] = min(cars[TIME_GAP, car], max(SHORTEST_TIME_GAP, kept))
