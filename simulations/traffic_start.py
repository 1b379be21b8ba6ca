"""How an episode begins: drivers drawn, placed on the ring, and 20 s of traffic before the first look."""

import numpy as np
from jaxtyping import Float

from prefgym.simulations.traffic_compile import compiled
from prefgym.simulations.traffic_layout import (
    BRAKE_ROOT,
    CHANGE_TIME,
    CRASHED,
    DENSITY_HIGH,
    DENSITY_LOW,
    DESIRED_SPEED,
    EGO,
    EGO_IS_IDM,
    ERROR,
    ERROR_SCALE,
    HALF_LENGTH,
    KEEPS_LANE,
    LANE,
    LANE_CHANGE_TIME,
    MAX_ACCEL,
    NUM_LANES,
    OLD_LANE,
    ORDER,
    POLITENESS,
    RAMP_END,
    RING,
    SET_GAP,
    SET_SPEED,
    SPEED,
    STANDSTILL_GAP,
    STEP,
    SUBSTEP,
    TIME_GAP,
    WARM_DT,
    WARM_SUBSTEPS,
    Cars,
    Clock,
    Lanes,
    Settings,
    World,
    X,
)
from prefgym.simulations.traffic_ego import clear_sums
from prefgym.simulations.traffic_motion import advance, refresh
from prefgym.simulations.traffic_neighbours import signed
from prefgym.simulations.traffic_random import normal, uniform, uniform_in

# driver table: rows of vehicle types
TYPE_SPEED, TYPE_GAP, TYPE_STANDSTILL, TYPE_ACCEL, TYPE_BRAKE, TYPE_LENGTH, TYPE_KEEPS = range(7)

LONGEST = 14.0  # [m] of road kept for every car when they are first placed
START_SPEED_SET, START_GAP_SET = 30.0, 1.6  # the ego's set-points until its first decision
IDM_EGO_SPEED, IDM_EGO_GAP, IDM_EGO_POLITENESS = 33.0, 1.5, 0.3
EGO_STANDSTILL, EGO_ACCEL, EGO_BRAKE_ROOT = 2.0, 1.8, 2.0 * (1.8 * 2.0) ** 0.5

Types = Float[np.ndarray, "type parameter"]
Mix = Float[np.ndarray, "lane type"]


@compiled
def draw_driver(cars: Cars, lanes: Lanes, clock: Clock, types: Types, mix: Mix, car: int) -> None:
    """Draws a vehicle's type by its lane's mix, and its driver's parameters around the type's."""
    chance, kind = uniform(clock), 0
    lane = signed(lanes, LANE, car)
    while kind < types.shape[0] - 1 and chance >= mix[lane, kind]:
        chance -= mix[lane, kind]
        kind += 1
    row = types[kind]
    max_accel = row[TYPE_ACCEL] * (1.0 + 0.1 * normal(clock))
    brake = row[TYPE_BRAKE] * (1.0 + 0.1 * normal(clock))
    cars[DESIRED_SPEED, car] = row[TYPE_SPEED] * (1.0 + 0.06 * normal(clock))
    cars[TIME_GAP, car] = row[TYPE_GAP] * (1.0 + 0.15 * normal(clock))
    cars[STANDSTILL_GAP, car] = row[TYPE_STANDSTILL] * (1.0 + 0.1 * normal(clock))
    cars[MAX_ACCEL, car] = max_accel
    cars[BRAKE_ROOT, car] = 2.0 * np.sqrt(max_accel * brake)
    cars[ERROR_SCALE, car] = uniform_in(clock, 0.1, 0.5)
    cars[POLITENESS, car] = uniform_in(clock, 0.0, 0.5)
    cars[HALF_LENGTH, car] = 0.5 * row[TYPE_LENGTH]
    lanes[KEEPS_LANE, car] = int(row[TYPE_KEEPS])


@compiled
def make_ego(cars: Cars, lanes: Lanes) -> None:
    """Gives car 0 the ego's vehicle: of exact perception."""
    cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO] = IDM_EGO_SPEED, IDM_EGO_GAP
    cars[STANDSTILL_GAP, EGO] = EGO_STANDSTILL
    cars[MAX_ACCEL, EGO], cars[BRAKE_ROOT, EGO] = EGO_ACCEL, EGO_BRAKE_ROOT
    cars[ERROR_SCALE, EGO], cars[POLITENESS, EGO] = 0.0, IDM_EGO_POLITENESS
    cars[HALF_LENGTH, EGO] = 2.25
    lanes[KEEPS_LANE, EGO] = 0


@compiled
def clear(cars: Cars, lanes: Lanes, world: World) -> None:
    """Forgets the episode before, so that a start depends on the random stream alone."""
    for car in range(cars.shape[1]):
        for row in range(cars.shape[0]):
            cars[row, car] = 0.0
        for row in range(lanes.shape[0]):
            lanes[row, car] = 0
    for row in range(world.size):
        world[row] = 0.0


@compiled
def place_cars(
    cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings, num_lanes: int
) -> None:
    """Spreads the cars evenly over lanes and ring, the ego in a random lane, a little jittered."""
    num_cars = cars.shape[1]
    clear(cars, lanes, world)
    density = uniform_in(clock, settings[DENSITY_LOW], settings[DENSITY_HIGH])
    world[RING] = num_cars / (num_lanes * density)
    spacing = world[RING] / ((num_cars + num_lanes - 1) // num_lanes)
    first = min(num_lanes - 1, int(num_lanes * uniform(clock)))
    for car in range(num_cars):
        lane = (first + car) % num_lanes
        lanes[LANE, car] = lanes[OLD_LANE, car] = lane
        lanes[ORDER, car] = car
        shift = uniform_in(clock, -0.25, 0.25) * max(0.0, spacing - LONGEST)
        offset = spacing * (car // num_lanes + lane / num_lanes + 0.5) + shift
        cars[X, car] = offset - world[RING] if offset >= world[RING] else offset
        cars[CHANGE_TIME, car] = LANE_CHANGE_TIME
        cars[ERROR, car] = normal(clock)


@compiled
def settle_speeds(cars: Cars, ring: float, per_lane: float) -> None:
    """Starts every car at the speed its driver would keep at the mean spacing, without waves."""
    room = ring / per_lane
    for car in range(cars.shape[1]):
        free = room - 2.0 * cars[HALF_LENGTH, car] - cars[STANDSTILL_GAP, car]
        keeps = max(0.0, free) / cars[TIME_GAP, car]
        cars[SPEED, car] = min(0.9 * cars[DESIRED_SPEED, car], keeps)


@compiled
def start(
    cars: Cars,
    lanes: Lanes,
    world: World,
    clock: Clock,
    settings: Settings,
    types: Types,
    mix: Mix,
) -> None:
    """Draws a world from its random stream and lets it drive until the traffic is its own.

    Until then the ego, too, is driven by IDM and MOBIL, so that all its drivers start alike.
    """
    num_lanes = int(settings[NUM_LANES])
    place_cars(cars, lanes, world, clock, settings, num_lanes)
    for car in range(cars.shape[1]):
        draw_driver(cars, lanes, clock, types, mix, car)
    make_ego(cars, lanes)
    settle_speeds(cars, world[RING], cars.shape[1] / num_lanes)
    refresh(cars, lanes, world[RING], settings[RAMP_END])
    clock[SUBSTEP] = 0
    for _ in range(int(settings[WARM_SUBSTEPS])):
        advance(cars, lanes, world, clock, settings, settings[WARM_DT : WARM_DT + 4])
    begin_episode(cars, lanes, world, clock, settings)


@compiled
def begin_episode(
    cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings
) -> None:
    """Hands the ego to its driver and sets counters and telemetry to zero."""
    clock[STEP] = clock[SUBSTEP] = clock[CRASHED] = 0
    clear_sums(world)
    if settings[EGO_IS_IDM] == 0.0:
        cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO] = START_SPEED_SET, START_GAP_SET
        lanes[KEEPS_LANE, EGO] = 1
    world[SET_SPEED], world[SET_GAP] = cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO]
