"""How one driver behaves: the car-following model IDM and the lane-change model MOBIL."""

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_layout import (
    BRAKE_ROOT,
    BRAKING,
    CHANGE_TIME,
    CLOSING,
    DESIRED_SPEED,
    FOLLOWER,
    GAP,
    IDEAL,
    LANE,
    LANE_CHANGE_TIME,
    LEADER,
    MAX_ACCEL,
    OLD_LEADER,
    POLITENESS,
    SPEED,
    STANDSTILL_GAP,
    TIME_GAP,
    Cars,
    Lanes,
)
from prefgym.simulations.traffic_neighbours import (
    gap_between,
    next_ahead,
    next_behind,
    ramp_position,
    signed,
)

SAFE_BRAKING = 2.0  # b_safe [m/s2], what a lane change may ask of the changer and the new follower
CHANGE_THRESHOLD = 0.3  # a_thr [m/s2]
RAMP_BEGIN_EASE, RAMP_END_EASE = 1.3, 3.3  # [m/s2] by which a_thr is lower on the ramp
MIN_CHANGE_GAP = 2.0  # [m] between bumpers
SHORTEST_GAP = 0.1  # [m] keeps IDM finite for touching cars
NO_GAIN = -1e9  # [m/s2] of a change that is out of the question


@compiled
def free_accel(cars: Cars, car: int) -> float:
    """Returns what the intelligent driver model does on an empty road, a (1 - (v/v0)^4) [m/s2].

    Treiber, Hennecke and Helbing 2000, Physical Review E 62, p. 1805, as `leader_braking`.
    """
    pace = cars[SPEED, car] / cars[DESIRED_SPEED, car]
    square = pace * pace
    return cars[MAX_ACCEL, car] * (1.0 - square * square)


@compiled
def leader_braking(cars: Cars, car: int, closing: float, gap: float, time_gap: float) -> float:
    """Returns what the model takes off for a leader, a (s*/s)^2 [m/s2].

    s* = s0 + max(0, v T + v dv / (2 sqrt(a b))).

    Args:
        closing: own speed minus the leader's, dv [m/s].
        gap: between the bumpers, s [m].
        time_gap: T [s].
    """
    reach = time_gap + closing / cars[BRAKE_ROOT, car]
    wanted = cars[STANDSTILL_GAP, car] + max(0.0, cars[SPEED, car] * reach)
    ratio = wanted / max(gap, SHORTEST_GAP)
    return cars[MAX_ACCEL, car] * (ratio * ratio)


@compiled
def accel_towards(cars: Cars, car: int, leader_speed: float, gap: float, time_gap: float) -> float:
    """Returns the IDM acceleration of a car behind anything at a gap [m/s2]."""
    closing = cars[SPEED, car] - leader_speed
    return free_accel(cars, car) - leader_braking(cars, car, closing, gap, time_gap)


@compiled
def accel_behind(cars: Cars, ring: float, car: int, leader: int, time_gap: float) -> float:
    """Returns the IDM acceleration of a car behind another [m/s2]."""
    gap = gap_between(cars, ring, car, leader)
    return accel_towards(cars, car, cars[SPEED, leader], gap, time_gap)


@compiled
def plan_accelerations(cars: Cars, lanes: Lanes, ring: float) -> None:
    """Writes what every driver without perception error would do [m/s2].

    In the first half of a lane change the old lane's leader still counts, at half the time gap.
    """
    num_cars = cars.shape[1]
    for car in range(num_cars):  # kept free of branches: the compiler does four cars at once
        braking = leader_braking(cars, car, cars[CLOSING, car], cars[GAP, car], cars[TIME_GAP, car])
        cars[BRAKING, car] = braking
        cars[IDEAL, car] = free_accel(cars, car) - braking
    for car in range(num_cars):
        if cars[CHANGE_TIME, car] < 0.5 * LANE_CHANGE_TIME:
            leader = lanes[OLD_LEADER, car]
            closing = cars[SPEED, car] - cars[SPEED, leader]
            gap = gap_between(cars, ring, car, leader)
            brake_for(cars, car, leader_braking(cars, car, closing, gap, 0.5 * cars[TIME_GAP, car]))


@compiled
def brake_for(cars: Cars, car: int, braking: float) -> None:
    """Adds another reason to brake; the strongest counts [m/s2]."""
    if braking > cars[BRAKING, car]:
        cars[IDEAL, car] += cars[BRAKING, car] - braking
        cars[BRAKING, car] = braking


@compiled
def urgency(cars: Cars, lanes: Lanes, ring: float, ramp_end: float, car: int) -> float:
    """Returns how far along the ramp a car is, to 1 at its end; 0 off the ramp, negative before."""
    if ramp_end > 0.0 and lanes[LANE, car] == 0:
        return min(1.0, ramp_position(cars, ring, car) / ramp_end)
    return 0.0


@compiled
def courtesy_gain(cars: Cars, lanes: Lanes, ring: float, car: int) -> float:
    """Returns what the old follower gains when a car leaves its lane, politely weighed [m/s2]."""
    follower = lanes[FOLLOWER, car]
    if follower == car:
        return 0.0
    freed = accel_behind(cars, ring, follower, lanes[LEADER, car], cars[TIME_GAP, follower])
    return cars[POLITENESS, car] * (freed - cars[IDEAL, follower])


@compiled
def lane_gain(
    cars: Cars,
    lanes: Lanes,
    ring: float,
    car: int,
    target: int,
    bar: float,
    safe: float,
    patience: float,
) -> float:
    """Returns by how much a lane change clears a bar [m/s2], NO_GAIN if it is unsafe.

    Args:
        bar: the acceleration to beat [m/s2].
        safe: what the changer and the new follower must not fall below [m/s2].
        patience: share of their time gaps by which both judge.
    """
    front = next_ahead(cars, lanes, car, target)
    if front < 0:
        gain = free_accel(cars, car) - bar
    else:
        gap = gap_between(cars, ring, car, front)
        accel = accel_towards(cars, car, cars[SPEED, front], gap, patience * cars[TIME_GAP, car])
        gain = accel - bar
        if gain <= 0.0 or gap < MIN_CHANGE_GAP or accel < safe:
            return NO_GAIN
    rear = next_behind(cars, lanes, car, target)
    if rear < 0:
        return gain
    gap = gap_between(cars, ring, rear, car)
    accel = accel_towards(cars, rear, cars[SPEED, car], gap, patience * cars[TIME_GAP, rear])
    if gap < MIN_CHANGE_GAP or accel < safe:
        return NO_GAIN
    return gain + cars[POLITENESS, car] * (accel - cars[IDEAL, rear])


@compiled
def preferred_lane(
    cars: Cars, lanes: Lanes, ring: float, ramp_end: float, num_lanes: int, car: int
) -> int:
    """Returns the lane MOBIL would change to, the present one if no change pays.

    a_c' - a_c + p (a_n' - a_n + a_o' - a_o) > a_thr: own advantage plus, politely, the new and the
    old follower's (Kesting, Treiber & Helbing 2007, Transportation Research Record 1999, p. 86),
    under the safety criterion a_n' > -b_safe. Both bars are lower on a ramp, most at its end.
    """
    lane = signed(lanes[LANE, car])
    on_ramp = ramp_end > 0.0 and lane == 0
    hurry = urgency(cars, lanes, ring, ramp_end, car)
    if hurry < 0.0:  # the ramp does not yet run beside the road
        return lane
    bar = cars[IDEAL, car] - courtesy_gain(cars, lanes, ring, car)
    bar += CHANGE_THRESHOLD
    if on_ramp:
        bar -= RAMP_BEGIN_EASE + hurry * (RAMP_END_EASE - RAMP_BEGIN_EASE)
    if free_accel(cars, car) <= bar:  # not even an empty lane would pay
        return lane
    patience = 0.5 if on_ramp else 1.0
    safe = -SAFE_BRAKING * (1.0 + hurry)
    best, best_gain = lane, 0.0
    lowest = 1 if ramp_end > 0.0 else 0
    for target in (lane - 1, lane + 1):
        if lowest <= target < num_lanes:
            gain = lane_gain(cars, lanes, ring, car, target, bar, safe, patience)
            if gain > best_gain:
                best, best_gain = target, gain
    return best
