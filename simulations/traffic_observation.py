"""What the ego sees and its passengers feel, as 36 numbers of about unit size."""

import numpy as np
from jaxtyping import Float

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_ego import obstacle
from prefgym.simulations.traffic_layout import (
    ACCEL,
    CHANGE_TIME,
    CRASHED,
    EGO,
    HALF_LENGTH,
    IMPOSED,
    JERK_SQUARES,
    LANE,
    LATERAL_SQUARES,
    NUM_LANES,
    ODOMETER,
    OLD_LANE,
    PARKED,
    RAMP_END,
    RING,
    SET_GAP,
    SET_SPEED,
    SPEED,
    SUBSTEPS,
    Cars,
    Clock,
    Lanes,
    Settings,
    World,
)
from prefgym.simulations.traffic_motion import change_progress, lateral_position
from prefgym.simulations.traffic_neighbours import (
    apart,
    gap_between,
    next_ahead,
    next_behind,
    ramp_position,
    signed,
)
from prefgym.simulations.traffic_ramp import merger_beside

# name, lowest, highest value; the order is the order of the columns
COLUMNS = (
    ("speed", 0.0, 1.5),  # v / 40 m/s
    ("acceleration", -2.0, 2.0),  # a / 4 m/s2
    ("abs_acceleration", 0.0, 2.0),
    ("lateral_offset", -1.0, 1.0),  # from the middle of the present lane, in lane widths
    ("lane", 0.0, 1.0),  # 0 rightmost, 1 leftmost
    ("left_exists", 0.0, 1.0),
    ("right_exists", 0.0, 1.0),
    ("speed_setpoint", 0.0, 1.5),  # v / 40 m/s
    ("gap_setpoint", 0.0, 1.5),  # T / 2 s
    ("change_time", 0.0, 1.0),  # since the last lane change began, min(t, 10 s) / 10 s
    *(
        (f"{side}_{end}_{what}", low, high)
        for side in ("left", "own", "right")
        for end in ("front", "rear")
        for what, low, high in (
            ("gap", -0.5, 1.0),  # bumper to bumper, min(gap, range) / range
            ("speed", -2.0, 2.0),  # theirs minus the ego's / 20 m/s
            ("present", 0.0, 1.0),  # 1: within the sensor's range
        )
    ),
    ("jerk", 0.0, 2.0),  # rms over the half second, / 5 m/s3
    ("imposed_braking", 0.0, 2.0),  # on the follower, mean over the half second, / 2 m/s2
    ("lateral_acceleration", 0.0, 2.0),  # rms over the half second, / 1 m/s2
    ("time_gap", 0.0, 1.0),  # min(gap / max(v, 3 m/s), 3 s) / 3 s
    ("inverse_ttc", 0.0, 2.0),  # closing speed / gap, / .5 1/s
    ("lane_end", 0.0, 1.0),  # distance to the ramp's end, min(d, 300 m) / 300 m; 1: no end
    ("merger_beside", 0.0, 1.0),  # 1: a car on the ramp within 30 m of the ego on the lane beside
    ("crashed", 0.0, 1.0),
)
OBSERVATION_NAMES: tuple[str, ...] = tuple(name for name, _, _ in COLUMNS)
OBSERVATION_LOW = np.array([low for _, low, _ in COLUMNS], dtype=np.float32)
OBSERVATION_HIGH = np.array([high for _, _, high in COLUMNS], dtype=np.float32)

SENSOR_RANGE = 100.0  # [m]
OFF_ROAD = -100.0  # [m] across the road
_SIDES = OBSERVATION_NAMES.index("left_front_gap")
_FELT = OBSERVATION_NAMES.index("jerk")
# What nobody wants to feel: at a standstill, touching the car ahead, and what is felt at its
# worst, so that a reward fitted to ordinary driving does not find the crash attractive.
_CRASH = {
    "acceleration": -2.0,
    "abs_acceleration": 2.0,
    "jerk": 2.0,
    "imposed_braking": 2.0,
    "lateral_acceleration": 2.0,
    "inverse_ttc": 2.0,
    "crashed": 1.0,
}
CRASH_OBSERVATION = np.array(
    [_CRASH.get(name, 0.0) for name in OBSERVATION_NAMES], dtype=np.float32
)

Observation = Float[np.ndarray, " column"]


@compiled
def clip(value: float, low: float, high: float) -> float:
    """Returns the value held within bounds."""
    return min(high, max(low, value))


@compiled
def observe(
    cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings, out: Observation
) -> None:
    """Writes the observation of one world, rounded to float32."""
    if clock[CRASHED] == 1:
        for column in range(out.size):
            out[column] = CRASH_OBSERVATION[column]
        return
    observe_ego(cars, lanes, world, settings, out)
    lane = signed(lanes[LANE, EGO])
    for side in range(3):
        observe_lane(cars, lanes, world[RING], lane + 1 - side, out[_SIDES + 6 * side :])
    observe_felt(cars, lanes, world, settings, out[_FELT:])


@compiled
def observe_ego(
    cars: Cars, lanes: Lanes, world: World, settings: Settings, out: Observation
) -> None:
    """Writes the ego's own motion, lane and set-points."""
    lane, num_lanes = signed(lanes[LANE, EGO]), int(settings[NUM_LANES])
    lowest = 1 if settings[RAMP_END] > 0.0 else 0
    to_go = 1.0 - change_progress(cars[CHANGE_TIME, EGO])
    out[0] = clip(cars[SPEED, EGO] / 40.0, 0.0, 1.5)
    out[1] = clip(cars[ACCEL, EGO] / 4.0, -2.0, 2.0)
    out[2] = abs(out[1])
    out[3] = (signed(lanes[OLD_LANE, EGO]) - lane) * to_go
    out[4] = lane / (num_lanes - 1)
    out[5] = 1.0 if lane < num_lanes - 1 else 0.0
    out[6] = 1.0 if lane > lowest else 0.0
    out[7] = world[SET_SPEED] / 40.0
    out[8] = world[SET_GAP] / 2.0
    out[9] = min(1.0, cars[CHANGE_TIME, EGO] / 10.0)


@compiled
def observe_lane(cars: Cars, lanes: Lanes, ring: float, lane: int, out: Observation) -> None:
    """Writes gap, relative speed and presence of the cars ahead and behind in one lane."""
    front = next_ahead(cars, lanes, EGO, lane)
    rear = next_behind(cars, lanes, EGO, lane)
    for end in range(2):
        other = front if end == 0 else rear
        gap, closing, present = 1.0, 0.0, 0.0
        if other >= 0:
            if end == 0:
                distance = gap_between(cars, ring, EGO, other)
            else:
                distance = gap_between(cars, ring, other, EGO)
            if distance < SENSOR_RANGE:
                gap = clip(distance / SENSOR_RANGE, -0.5, 1.0)
                closing = clip((cars[SPEED, other] - cars[SPEED, EGO]) / 20.0, -2.0, 2.0)
                present = 1.0
        out[3 * end] = gap
        out[3 * end + 1] = closing
        out[3 * end + 2] = present


@compiled
def observe_felt(
    cars: Cars, lanes: Lanes, world: World, settings: Settings, out: Observation
) -> None:
    """Writes what the past half second felt like, and how near the leader is."""
    substeps = settings[SUBSTEPS]
    ring, ramp_end = world[RING], settings[RAMP_END]
    speed = cars[SPEED, EGO]
    gap, closing = obstacle(cars, lanes, ring, ramp_end)
    gap = max(0.1, gap)
    out[0] = min(2.0, np.sqrt(world[JERK_SQUARES] / substeps) / 5.0)
    out[1] = min(2.0, world[IMPOSED] / substeps / 2.0)
    out[2] = min(2.0, np.sqrt(world[LATERAL_SQUARES] / substeps))
    out[3] = min(1.0, gap / max(speed, 3.0) / 3.0)
    out[4] = clip(closing / gap / 0.5, 0.0, 2.0)
    out[5] = 1.0
    if ramp_end > 0.0 and lanes[LANE, EGO] == 0:
        out[5] = clip((ramp_end - ramp_position(cars, ring, EGO)) / 300.0, 0.0, 1.0)
    out[6] = 1.0 if merger_beside(cars, lanes, ring, ramp_end) else 0.0
    out[7] = 0.0


@compiled
def snapshot(cars: Cars, lanes: Lanes, world: World, out: Float[np.ndarray, "vehicle 4"]) -> None:
    """Writes x along the road, y across it [m], speed [m/s] and length [m] of every car.

    The ring is unrolled around the ego, which stands at what it has driven; cars that take no part
    have length 0 and lie beside the road.
    """
    for car in range(cars.shape[1]):
        if lanes[LANE, car] == PARKED:
            out[car, 0] = out[car, 2] = out[car, 3] = 0.0
            out[car, 1] = OFF_ROAD
            continue
        out[car, 0] = world[ODOMETER] + apart(cars, world[RING], car)
        out[car, 1] = lateral_position(cars, lanes, car)
        out[car, 2] = cars[SPEED, car]
        out[car, 3] = 2.0 * cars[HALF_LENGTH, car]
