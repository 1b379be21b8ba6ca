"""One sub-step of physics for one world: decide, accelerate, move, collide."""

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_driver import plan_accelerations, preferred_lane
from prefgym.simulations.traffic_layout import (
    ACCEL,
    BRAKING,
    CAR_WIDTH,
    CHANGE_TIME,
    COMMANDED,
    EGO,
    ERROR,
    ERROR_SCALE,
    HALF_LENGTH,
    IDEAL,
    KEEPING,
    KEEPS_LANE,
    KICK,
    LANE,
    LANE_CHANGE_TIME,
    LANE_WIDTH,
    MAX_TARGET_ACCEL,
    MIN_ACCEL,
    MOBIL_PERIOD,
    NEXT_ACCEL,
    NUM_LANES,
    OLD_LANE,
    ORDER,
    PARKED,
    RAMP_END,
    RANK,
    RING,
    SPEED,
    SUBSTEP,
    Cars,
    Clock,
    Lanes,
    Settings,
    World,
    X,
)
from prefgym.simulations.traffic_neighbours import apart, look_around, signed
from prefgym.simulations.traffic_ramp import plan_merging
from prefgym.simulations.traffic_random import two_uniforms

GAP_ERROR = 0.6  # [s2/m] relative misjudgement of nearness, 1/gap, per error of acceleration
MIN_NEARNESS, MAX_NEARNESS = 0.5, 1.5
CRASH_RANGE = 30.0  # [m] half of two long vehicles and the way of a sub-step


@compiled
def start_lane_change(cars: Cars, lanes: Lanes, car: int, target: int) -> None:
    """Lets a car begin to move over; it counts as a car of the target lane at once."""
    lanes[OLD_LANE, car] = lanes[LANE, car]
    lanes[LANE, car] = target
    cars[CHANGE_TIME, car] = 0.0


@compiled
def change_progress(elapsed: float) -> float:
    """Returns the share of a lane change's way done, the quintic 10 u^3 - 15 u^4 + 6 u^5."""
    u = min(1.0, elapsed / LANE_CHANGE_TIME)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


@compiled
def lateral_position(cars: Cars, lanes: Lanes, car: int) -> float:
    """Returns a car's offset from the middle of lane 0, positive to the left [m]."""
    lane, old_lane = signed(lanes[LANE, car]), signed(lanes[OLD_LANE, car])
    left_to_go = 1.0 - change_progress(cars[CHANGE_TIME, car])
    return LANE_WIDTH * (lane + (old_lane - lane) * left_to_go)


@compiled
def lateral_accel(cars: Cars, lanes: Lanes, car: int) -> float:
    """Returns a car's lateral acceleration, the second derivative of the quintic [m/s2]."""
    u = cars[CHANGE_TIME, car] / LANE_CHANGE_TIME
    if u >= 1.0:
        return 0.0
    way = LANE_WIDTH * (signed(lanes[LANE, car]) - signed(lanes[OLD_LANE, car]))
    curve = 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u)
    return way * curve / (LANE_CHANGE_TIME * LANE_CHANGE_TIME)


@compiled
def decide_lanes(cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings) -> None:
    """Lets the cars whose turn it is reconsider their lane, each once per MOBIL_PERIOD.

    At most one car per sub-step starts to move, so two never take the same gap.
    """
    period = int(settings[MOBIL_PERIOD])
    num_lanes = int(settings[NUM_LANES])
    ramp_end = settings[RAMP_END]
    for car in range(clock[SUBSTEP] % period, cars.shape[1], period):
        if lanes[LANE, car] == PARKED or cars[CHANGE_TIME, car] < LANE_CHANGE_TIME:
            continue
        on_ramp = ramp_end > 0.0 and lanes[LANE, car] == 0
        keeps = lanes[KEEPS_LANE, car]
        if keeps == COMMANDED or (keeps == KEEPING and not on_ramp):
            continue
        target = preferred_lane(cars, lanes, world[RING], ramp_end, num_lanes, car)
        if target != lanes[LANE, car]:
            start_lane_change(cars, lanes, car, target)
            break


@compiled
def accelerate(cars: Cars, clock: Clock, lag: float, keep: float, kick: float) -> None:
    """Finds every car's next acceleration: IDM plus the driver's error, behind the actuator lag.

    The error is an AR(1) process: an unwanted acceleration and, by the same whim, a leader who
    seems nearer or farther than it is, which matters the more the closer one follows. Its
    innovations are uniform and it is their weighted sum over some 30 sub-steps, hence close to
    Gaussian (excess kurtosis -.04). IDM alone is far smoother than people; with the error the
    traffic at 14 m/s has the spread of accelerations of NGSIM US-101.
    """
    num_cars = cars.shape[1]
    for car in range(0, num_cars, 2):  # one draw serves two cars
        cars[KICK, car], cars[KICK, min(car + 1, num_cars - 1)] = two_uniforms(clock)
    for car in range(num_cars):
        error = keep * cars[ERROR, car] + kick * (2.0 * cars[KICK, car] - 1.0)
        cars[ERROR, car] = error
        slip = cars[ERROR_SCALE, car] * error
        nearness = min(MAX_NEARNESS, max(MIN_NEARNESS, 1.0 - GAP_ERROR * slip))
        misjudged = cars[BRAKING, car] * (1.0 - nearness * nearness)
        target = cars[IDEAL, car] + misjudged + slip
        target = min(MAX_TARGET_ACCEL, max(MIN_ACCEL, target))
        accel = cars[ACCEL, car]
        cars[NEXT_ACCEL, car] = accel + lag * (target - accel)


@compiled
def move(cars: Cars, ring: float, dt: float) -> None:
    """Integrates speeds and positions; a car that would roll backwards stands.

    Parked cars move along, unseen: a loop without branches takes four cars at once.
    """
    for car in range(cars.shape[1]):
        speed = cars[SPEED, car]
        accel = max(cars[NEXT_ACCEL, car], -speed / dt)  # what is driven, not what is asked for
        next_speed = max(0.0, speed + dt * accel)
        position = cars[X, car] + 0.5 * dt * (speed + next_speed)
        cars[ACCEL, car] = accel
        cars[SPEED, car] = next_speed
        cars[X, car] = position - ring if position >= ring else position
        cars[CHANGE_TIME, car] += dt


@compiled
def refresh(cars: Cars, lanes: Lanes, ring: float, ramp_end: float) -> None:
    """Renews what depends on the positions: the order, the leaders and the ideal accelerations."""
    look_around(cars, lanes, ring)
    plan_accelerations(cars, lanes, ring)
    if ramp_end > 0.0:
        plan_merging(cars, lanes, ring, ramp_end)


@compiled
def advance(
    cars: Cars,
    lanes: Lanes,
    world: World,
    clock: Clock,
    settings: Settings,
    timing: Settings,
) -> None:
    """Moves one world on by one sub-step.

    Args:
        timing: dt [s], lag factor, error coefficient, error kick: the rows of `settings` from DT
            or from WARM_DT on.
    """
    decide_lanes(cars, lanes, world, clock, settings)
    accelerate(cars, clock, timing[1], timing[2], timing[3])
    move(cars, world[RING], timing[0])
    refresh(cars, lanes, world[RING], settings[RAMP_END])
    clock[SUBSTEP] += 1


@compiled
def meets_ego(cars: Cars, lanes: Lanes, ring: float, dt: float, car: int) -> bool:
    """Tells whether a car's box met the ego's during the sub-step that has just ended.

    Lengthwise the boxes are swept over the sub-step, so that a fast car cannot pass through
    another between two instants; sideways they hardly move in it.
    """
    after = apart(cars, ring, car)
    before = after - dt * (cars[SPEED, car] - cars[SPEED, EGO])
    nearest = 0.0 if (before > 0.0) != (after > 0.0) else min(abs(before), abs(after))
    if nearest >= cars[HALF_LENGTH, car] + cars[HALF_LENGTH, EGO]:
        return False
    side = lateral_position(cars, lanes, car) - lateral_position(cars, lanes, EGO)
    return abs(side) < CAR_WIDTH


@compiled
def ego_crashes(cars: Cars, lanes: Lanes, ring: float, dt: float) -> bool:
    """Tells whether the ego hit another car during the sub-step that has just ended.

    Only cars within CRASH_RANGE can have; the order of the cars finds them at once.
    """
    num_cars = cars.shape[1]
    rank = signed(lanes[RANK, EGO])
    for direction in (-1, 1):
        for k in range(1, num_cars):
            car = lanes[ORDER, (rank + direction * k) % num_cars]
            if abs(apart(cars, ring, car)) > CRASH_RANGE:
                break
            if lanes[LANE, car] != PARKED and meets_ego(cars, lanes, ring, dt, car):
                return True
    return False
