"""Who drives next to whom: the order of the cars on the closed road, leaders and followers."""

import numpy as np

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_layout import (
    CHANGE_TIME,
    CLEAR_TIME,
    CLOSING,
    EGO,
    FOLLOWER,
    GAP,
    HALF_LENGTH,
    LANE,
    LAST_SEEN,
    LEADER,
    OLD_LANE,
    OLD_LEADER,
    ORDER,
    RANK,
    SPEED,
    Cars,
    Lanes,
    X,
)


@compiled
def signed(entry: int) -> int:
    """Returns an entry of `lanes` fit for arithmetic; unsigned, 0 - 1 would be a huge number."""
    return int(np.int64(entry))


@compiled
def gap_between(cars: Cars, ring: float, rear: int, front: int) -> float:
    """Returns the road between two cars' bumpers, ahead of the rear one [m]."""
    distance = cars[X, front] - cars[X, rear]
    if distance <= 0.0:
        distance += ring
    return distance - cars[HALF_LENGTH, front] - cars[HALF_LENGTH, rear]


@compiled
def occupies(cars: Cars, lanes: Lanes, car: int, lane: int) -> bool:
    """Tells whether a car is seen in a lane: its present one or one it has not yet left."""
    return lanes[LANE, car] == lane or second_lane(cars, lanes, car) == lane


@compiled
def sort_cars(cars: Cars, lanes: Lanes) -> None:
    """Restores ORDER and RANK after a sub-step, by insertion: the order has hardly changed."""
    num_cars = cars.shape[1]
    for k in range(1, num_cars):
        car = lanes[ORDER, k]
        position = cars[X, car]
        slot = k
        while slot > 0 and cars[X, lanes[ORDER, slot - 1]] > position:
            lanes[ORDER, slot] = lanes[ORDER, slot - 1]
            slot -= 1
        lanes[ORDER, slot] = car
    for k in range(num_cars):
        lanes[RANK, lanes[ORDER, k]] = k


@compiled
def look_around(cars: Cars, lanes: Lanes, ring: float) -> None:
    """Finds every car's leader and follower in one walk against the driving direction.

    The road is closed, so a car alone in its lane is its own leader, a whole ring ahead. A car that
    changes lanes is seen in both lanes until it has left the old one. Written with few branches,
    which the processor would guess wrongly: parked cars, in lane -1, share the last place of
    LAST_SEEN, and for a car that is not changing the second lane is its first.
    """
    sort_cars(cars, lanes)
    num_cars = cars.shape[1]
    for k in range(num_cars - 1, -1, -1):
        car = lanes[ORDER, k]
        lanes[LAST_SEEN, lanes[LANE, car]] = car
        lanes[LAST_SEEN, second_lane(cars, lanes, car)] = car
    for k in range(num_cars - 1, -1, -1):
        car = lanes[ORDER, k]
        lane, second = lanes[LANE, car], second_lane(cars, lanes, car)
        leader, old_leader = lanes[LAST_SEEN, lane], lanes[LAST_SEEN, second]
        lanes[LEADER, car], lanes[OLD_LEADER, car] = leader, old_leader
        cars[GAP, car] = gap_between(cars, ring, car, leader)
        cars[CLOSING, car] = cars[SPEED, car] - cars[SPEED, leader]
        if lanes[LANE, old_leader] == second:
            lanes[FOLLOWER, old_leader] = car
        if lanes[LANE, leader] == lane:
            lanes[FOLLOWER, leader] = car
        lanes[LAST_SEEN, lane] = lanes[LAST_SEEN, second] = car


@compiled
def apart(cars: Cars, ring: float, car: int) -> float:
    """Returns how far a car's middle is ahead of the ego's, the shorter way round [m]."""
    distance = cars[X, car] - cars[X, EGO]
    if distance > 0.5 * ring:
        return distance - ring
    if distance < -0.5 * ring:
        return distance + ring
    return distance


@compiled
def ramp_position(cars: Cars, ring: float, car: int) -> float:
    """Returns how far a car is past the ramp's beginning [m], negative before it."""
    position = cars[X, car]
    return position - ring if position > 0.75 * ring else position


@compiled
def second_lane(cars: Cars, lanes: Lanes, car: int) -> int:
    """Returns the lane a changing car has not yet left, else its present lane."""
    return lanes[OLD_LANE, car] if cars[CHANGE_TIME, car] < CLEAR_TIME else lanes[LANE, car]


@compiled
def next_ahead(cars: Cars, lanes: Lanes, car: int, lane: int) -> int:
    """Returns the next car seen ahead in a lane, -1 where there is none."""
    num_cars = cars.shape[1]
    slot = signed(lanes[RANK, car])
    for _ in range(num_cars - 1):
        slot = slot + 1 if slot + 1 < num_cars else 0
        other = signed(lanes[ORDER, slot])
        if occupies(cars, lanes, other, lane):
            return other
    return -1


@compiled
def next_behind(cars: Cars, lanes: Lanes, car: int, lane: int) -> int:
    """Returns the next car seen behind in a lane, -1 where there is none."""
    num_cars = cars.shape[1]
    slot = signed(lanes[RANK, car])
    for _ in range(num_cars - 1):
        slot = slot - 1 if slot > 0 else num_cars - 1
        other = signed(lanes[ORDER, slot])
        if occupies(cars, lanes, other, lane):
            return other
    return -1
