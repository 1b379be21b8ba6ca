"""The ego: what an action does, what the half second was like for people, and how it is judged."""

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_driver import (
    MIN_CHANGE_GAP,
    accel_behind,
    accel_towards,
    free_accel,
    leader_braking,
    urgency,
)
from prefgym.simulations.traffic_layout import (
    ACCEL,
    CHANGE_TIME,
    COMFORT,
    COURTESY,
    DESIRED_SPEED,
    EFFICIENCY,
    EGO,
    FOLLOWER,
    HALF_LENGTH,
    HIGH_GAP_SET,
    IMPOSED,
    JERK_SQUARES,
    LANE,
    LANE_CHANGE_TIME,
    LATERAL_SQUARES,
    LEADER,
    LOW_GAP_SET,
    MAX_SPEED_SET,
    MIN_SPEED_SET,
    NUM_LANES,
    RAMP_END,
    RING,
    SAFETY,
    SET_GAP,
    SET_SPEED,
    SPEED,
    TIME_GAP,
    Cars,
    Lanes,
    Settings,
    World,
)
from prefgym.simulations.traffic_motion import lateral_accel, start_lane_change
from prefgym.simulations.traffic_neighbours import (
    gap_between,
    next_ahead,
    next_behind,
    ramp_position,
    signed,
)
from prefgym.simulations.traffic_ramp import braking_of_mergers

VETO_BRAKING = 5.0  # [m/s2] a lane change may ask of nobody
VETO_TIME_GAP = 0.8  # [s] at which that is judged
LIVELY_ACCEL, LIVELY_JERK, LIVELY_LATERAL = 1.5, 2.5, 1.0  # [m/s2], [m/s3], [m/s2]
FULL_SPEED = 33.0  # [m/s] at which nothing is left to gain
CALM_SPEED = 27.8  # [m/s], 100 km/h
SAFE_GAP, SAFE_TTC = 2.0, 6.0  # [s]
HOG_FRONT_GAP, HOG_REAR_GAP, HOG_MIN_GAP = 2.0, 1.0, 10.0  # [s], [s], [m]


@compiled
def vetoed(cars: Cars, lanes: Lanes, settings: Settings, ring: float, target: int) -> bool:
    """Tells whether the ego may not change to a lane: no such lane, or somebody is in the way.

    A bumper gap under 2 m, or an IDM braking (at T = .8 s) beyond 5 m/s2 of the ego or of the new
    follower. It keeps "did not crash" from dominating every judgement.
    """
    lowest = 1 if settings[RAMP_END] > 0.0 else 0
    if target < lowest or target >= int(settings[NUM_LANES]):
        return True
    if urgency(cars, lanes, ring, settings[RAMP_END], EGO) < 0.0:
        return True
    front = next_ahead(cars, lanes, EGO, target)
    if front >= 0 and too_tight(cars, ring, EGO, front):
        return True
    rear = next_behind(cars, lanes, EGO, target)
    return rear >= 0 and too_tight(cars, ring, rear, EGO)


@compiled
def too_tight(cars: Cars, ring: float, rear: int, front: int) -> bool:
    """Tells whether one car would be too near behind another.

    What the rear one would brake for its own set-point, or accelerate less, is not held against
    the change.
    """
    gap = gap_between(cars, ring, rear, front)
    closing = cars[SPEED, rear] - cars[SPEED, front]
    braking = leader_braking(cars, rear, closing, gap, VETO_TIME_GAP)
    return gap < MIN_CHANGE_GAP or max(0.0, free_accel(cars, rear)) - braking < -VETO_BRAKING


@compiled
def command(
    cars: Cars,
    lanes: Lanes,
    world: World,
    settings: Settings,
    side: int,
    speed_change: float,
    time_gap: float,
) -> None:
    """Carries out an action: moves the set-points and begins a lane change unless it is vetoed.

    Args:
        side: -1 right, 0 keep, 1 left; ignored while a lane change is under way.
        speed_change: of the speed set-point [m/s].
        time_gap: the new set-point [s].
    """
    speed = min(MAX_SPEED_SET, max(MIN_SPEED_SET, world[SET_SPEED] + speed_change))
    gap = min(HIGH_GAP_SET, max(LOW_GAP_SET, time_gap))
    world[SET_SPEED] = cars[DESIRED_SPEED, EGO] = speed
    world[SET_GAP] = cars[TIME_GAP, EGO] = gap
    if side != 0 and cars[CHANGE_TIME, EGO] >= LANE_CHANGE_TIME:
        target = signed(lanes[LANE, EGO]) + side
        if not vetoed(cars, lanes, settings, world[RING], target):
            start_lane_change(cars, lanes, EGO, target)


@compiled
def imposed_braking(cars: Cars, lanes: Lanes, ring: float) -> float:
    """Returns how much harder the follower brakes than it would without the ego [m/s2].

    max(0, min(0, a without ego) - a with ego), both free of perception error. A follower who could
    merely accelerate more is not counted: that would charge everybody all the time.
    """
    follower = lanes[FOLLOWER, EGO]
    if follower == EGO:
        return 0.0
    gap = gap_between(cars, ring, follower, EGO)
    time_gap = cars[TIME_GAP, follower]
    with_ego = accel_towards(cars, follower, cars[SPEED, EGO], gap, time_gap)
    leader = lanes[LEADER, EGO]
    without_ego = accel_behind(cars, ring, follower, leader, time_gap)
    return max(0.0, min(0.0, without_ego) - with_ego)


@compiled
def hogs_lane(cars: Cars, lanes: Lanes, settings: Settings, ring: float) -> bool:
    """Tells whether the ego keeps left although the lane to its right has room for it."""
    lowest = 1 if settings[RAMP_END] > 0.0 else 0
    lane = signed(lanes[LANE, EGO])
    if lane <= lowest:
        return False
    front = next_ahead(cars, lanes, EGO, lane - 1)
    if front >= 0:
        gap = gap_between(cars, ring, EGO, front)
        if gap <= HOG_FRONT_GAP * cars[SPEED, EGO]:
            return False
    rear = next_behind(cars, lanes, EGO, lane - 1)
    if rear >= 0:
        gap = gap_between(cars, ring, rear, EGO)
        if gap <= max(HOG_REAR_GAP * cars[SPEED, rear], HOG_MIN_GAP):
            return False
    return True


@compiled
def obstacle(cars: Cars, lanes: Lanes, ring: float, ramp_end: float) -> tuple[float, float]:
    """Returns gap [m] and closing speed [m/s] to what is ahead, the leader or the ramp's end."""
    leader, speed = lanes[LEADER, EGO], cars[SPEED, EGO]
    gap, closing = gap_between(cars, ring, EGO, leader), speed - cars[SPEED, leader]
    if ramp_end > 0.0 and lanes[LANE, EGO] == 0:
        to_end = ramp_end - ramp_position(cars, ring, EGO) - cars[HALF_LENGTH, EGO]
        if to_end < gap:
            return to_end, speed
    return gap, closing


@compiled
def risk(cars: Cars, lanes: Lanes, ring: float, ramp_end: float) -> float:
    """Returns the uncapped danger of the present instant, 0 where two seconds are kept at ease.

    max(0, 1 - h/2) + max(0, 1 - TTC/6)^2 + max(0, v - 27.8)/10, h = gap / max(v, 3 m/s).
    """
    speed = cars[SPEED, EGO]
    gap, closing = obstacle(cars, lanes, ring, ramp_end)
    gap = max(0.0, gap)
    danger = max(0.0, 1.0 - gap / max(speed, 3.0) / SAFE_GAP)
    if closing > 0.0:
        tightness = max(0.0, 1.0 - gap / closing / SAFE_TTC)
        danger += tightness * tightness
    return danger + max(0.0, speed - CALM_SPEED) / 10.0


@compiled
def clear_sums(world: World) -> None:
    """Empties the sums of a decision's sub-steps."""
    for row in (JERK_SQUARES, LATERAL_SQUARES, IMPOSED, COMFORT, EFFICIENCY, SAFETY, COURTESY):
        world[row] = 0.0


@compiled
def judge(cars: Cars, lanes: Lanes, world: World, settings: Settings, jerk: float) -> None:
    """Adds one sub-step to the sums that make the criteria and the telemetry.

    comfort = .5 (a / 1.5)^2 + .25 (jerk / 2.5)^2 + .5 (a_y / 1)^2: acceleration weighs more than
    jerk, as people on a moving base judged it (de Winkel et al. 2023, Applied Ergonomics 106).
    """
    ring = world[RING]
    accel, lateral = cars[ACCEL, EGO], lateral_accel(cars, lanes, EGO)
    imposed = imposed_braking(cars, lanes, ring)
    if settings[RAMP_END] > 0.0:
        imposed = max(imposed, braking_of_mergers(cars, lanes, ring))
    pull, jolt, sway = accel / LIVELY_ACCEL, jerk / LIVELY_JERK, lateral / LIVELY_LATERAL
    world[JERK_SQUARES] += jerk * jerk
    world[LATERAL_SQUARES] += lateral * lateral
    world[IMPOSED] += imposed
    world[COMFORT] += 0.5 * pull * pull + 0.25 * jolt * jolt + 0.5 * sway * sway
    world[EFFICIENCY] += 1.0 - min(1.0, cars[SPEED, EGO] / FULL_SPEED)
    world[SAFETY] += risk(cars, lanes, ring, settings[RAMP_END])
    hog = 0.6 if hogs_lane(cars, lanes, settings, ring) else 0.0
    world[COURTESY] += 0.5 * imposed + hog
