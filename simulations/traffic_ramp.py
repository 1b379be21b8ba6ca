"""The on-ramp: lane 0 that ends, the cars that must leave it, and whom the ego keeps from it."""

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_driver import (
    SAFE_BRAKING,
    accel_towards,
    brake_for,
    free_accel,
    leader_braking,
)
from prefgym.simulations.traffic_layout import (
    CHANGE_TIME,
    COMMANDED,
    EGO,
    HALF_LENGTH,
    IDEAL,
    KEEPS_LANE,
    LANE,
    LANE_CHANGE_TIME,
    OLD_LANE,
    POLITENESS,
    RING,
    SPEED,
    TIME_GAP,
    Cars,
    Clock,
    Lanes,
    World,
    X,
)
from prefgym.simulations.traffic_neighbours import apart, gap_between, next_ahead, ramp_position
from prefgym.simulations.traffic_random import uniform_in

NUM_RAMP_CARS = 4  # the last of the cars
RAMP_SPACING = 35.0  # [m]
RAMP_PACE = 0.95  # their speed, as a share of the right lane's
MERGE_RANGE = 30.0  # [m] within which a car on the ramp is beside the ego
TIGHT_GAP = 2.0  # [m]
END_TIME_GAP = 0.3  # [s]
GIVING_WAY = 4.0  # [m/s2] of braking for a merging car per politeness


@compiled
def plan_merging(cars: Cars, lanes: Lanes, ring: float, ramp_end: float) -> None:
    """Adds what drivers do for a merge to what they would do anyway.

    On the ramp its end is a standing car, which one may approach as near as END_TIME_GAP, and the
    next car on the lane beside is followed already, at half the time gap. On that lane the polite
    give way to a car on the ramp ahead of them; the ego, on command, does not do so by itself.
    """
    for car in range(cars.shape[1]):
        lane, position = lanes[LANE, car], ramp_position(cars, ring, car)
        if lane == 0:
            end = ramp_end - position - cars[HALF_LENGTH, car]
            wall = leader_braking(cars, car, cars[SPEED, car], end, END_TIME_GAP)
            # Marked and immovable: unlike a leader's, its distance is not misjudged.
            cars[IDEAL, car] = min(cars[IDEAL, car], free_accel(cars, car) - wall)
            if position > 0.0:
                front = next_ahead(cars, lanes, car, 1)
                brake_for(cars, car, polite_braking(cars, ring, car, front, SAFE_BRAKING))
        elif lane == 1 and -100.0 < position < ramp_end and lanes[KEEPS_LANE, car] != COMMANDED:
            front = next_ahead(cars, lanes, car, 0)
            most = min(SAFE_BRAKING, GIVING_WAY * cars[POLITENESS, car])
            if front >= 0 and ramp_position(cars, ring, front) > 0.0:
                brake_for(cars, car, polite_braking(cars, ring, car, front, most))


@compiled
def polite_braking(cars: Cars, ring: float, car: int, front: int, most: float) -> float:
    """Returns the braking for a car ahead on the neighbouring lane, no more than `most` [m/s2]."""
    if front < 0:
        return 0.0
    gap = gap_between(cars, ring, car, front)
    closing = cars[SPEED, car] - cars[SPEED, front]
    return min(most, leader_braking(cars, car, closing, gap, 0.5 * cars[TIME_GAP, car]))


@compiled
def enter_ramp(cars: Cars, lanes: Lanes, world: World, clock: Clock, ego_merges: bool) -> None:
    """Puts the waiting cars on the ramp, around the ego, which drives on it or on the lane beside.

    The road is turned so that the ego begins about where the ramp does.
    """
    ring = world[RING]
    pace = RAMP_PACE * right_lane_speed(cars, lanes)
    begin = uniform_in(clock, -30.0, 30.0)
    if ego_merges:
        put_on_ramp(cars, lanes, ring, EGO, begin, pace)
    else:
        turn = begin - cars[X, EGO]
        for car in range(cars.shape[1]):
            cars[X, car] = wrapped(cars[X, car] + turn, ring)
    shift = 0.0 if ego_merges else uniform_in(clock, -15.0, 15.0)
    for k in range(NUM_RAMP_CARS):
        # One behind the ego and three ahead, or, with the ego among them, two and two.
        slot = k - 1
        if ego_merges:
            slot = k - 2 if k < 2 else k - 1
        place = begin + shift + RAMP_SPACING * slot + uniform_in(clock, -5.0, 5.0)
        put_on_ramp(cars, lanes, ring, cars.shape[1] - 1 - k, place, pace)


@compiled
def put_on_ramp(
    cars: Cars, lanes: Lanes, ring: float, car: int, position: float, speed: float
) -> None:
    """Puts a car on the ramp."""
    lanes[LANE, car] = lanes[OLD_LANE, car] = 0
    cars[X, car] = wrapped(position, ring)
    cars[SPEED, car] = speed
    cars[CHANGE_TIME, car] = LANE_CHANGE_TIME


@compiled
def wrapped(position: float, ring: float) -> float:
    """Returns a position up to one ring off as one on the ring."""
    if position < 0.0:
        return position + ring
    return position - ring if position >= ring else position


@compiled
def right_lane_speed(cars: Cars, lanes: Lanes) -> float:
    """Returns the mean speed on the lane beside the ramp [m/s]."""
    total, count = 0.0, 0
    for car in range(cars.shape[1]):
        if lanes[LANE, car] == 1:
            total += cars[SPEED, car]
            count += 1
    return total / max(1, count)


@compiled
def merger_beside(cars: Cars, lanes: Lanes, ring: float, ramp_end: float) -> bool:
    """Tells whether a car on the ramp is near the ego, which drives on the lane it must enter."""
    if ramp_end <= 0.0 or lanes[LANE, EGO] != 1:
        return False
    for car in range(1, cars.shape[1]):
        if lanes[LANE, car] == 0 and abs(apart(cars, ring, car)) < MERGE_RANGE:
            return True
    return False


@compiled
def braking_of_mergers(cars: Cars, lanes: Lanes, ring: float) -> float:
    """Returns the hardest braking on the ramp, beside the ego, that the ego's place causes [m/s2].

    A car is kept out by the ego if the two touch or nearly, or if the one behind would have to
    brake harder than MOBIL's b_safe.
    """
    hardest = 0.0
    if lanes[LANE, EGO] != 1:
        return hardest
    for car in range(1, cars.shape[1]):
        ahead = apart(cars, ring, car)
        if lanes[LANE, car] == 0 and abs(ahead) < MERGE_RANGE:
            front, rear = (car, EGO) if ahead > 0.0 else (EGO, car)
            gap = abs(ahead) - cars[HALF_LENGTH, car] - cars[HALF_LENGTH, EGO]
            accel = accel_towards(cars, rear, cars[SPEED, front], gap, cars[TIME_GAP, rear])
            if gap < TIGHT_GAP or accel < -SAFE_BRAKING:
                hardest = max(hardest, -cars[IDEAL, car])
    return hardest
