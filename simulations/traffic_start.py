"""How an episode begins: drivers drawn and placed, and 20 s of traffic before the first look."""

import numpy as np
from jaxtyping import Float

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_ego import clear_sums
from prefgym.simulations.traffic_layout import (
    BRAKE_ROOT,
    CHANGE_TIME,
    COMMANDED,
    CRASHED,
    DENSITY_HIGH,
    DENSITY_LOW,
    DESIRED_SPEED,
    EGO,
    EGO_IS_IDM,
    ERROR,
    ERROR_SCALE,
    FREE,
    HALF_LENGTH,
    KEEPING,
    KEEPS_LANE,
    LANE,
    LANE_CHANGE_TIME,
    MAX_ACCEL,
    NUM_LANES,
    ODOMETER,
    OLD_LANE,
    ORDER,
    PARKED,
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
from prefgym.simulations.traffic_motion import advance, refresh
from prefgym.simulations.traffic_neighbours import ramp_position, signed
from prefgym.simulations.traffic_ramp import NUM_RAMP_CARS, enter_ramp, wrapped
from prefgym.simulations.traffic_random import normal, uniform, uniform_in
from prefgym.simulations.traffic_recorded import (
    LONG_VEHICLE,
    Extents,
    Moments,
    adopt_gaps,
    place_recorded,
)

# driver table: rows of vehicle types
TYPE_SPEED, TYPE_GAP, TYPE_STANDSTILL, TYPE_ACCEL, TYPE_BRAKE, TYPE_LENGTH, TYPE_KEEPS = range(7)

LONGEST = 14.0  # [m] of road kept for every car when they are first placed
START_SPEED_SET, START_GAP_SET = 30.0, 1.6  # the ego's set-points until its first decision
IDM_EGO_SPEED, IDM_EGO_GAP, IDM_EGO_POLITENESS = 33.0, 1.5, 0.3
EGO_STANDSTILL, EGO_ACCEL, EGO_BRAKE_ROOT = 2.0, 1.8, 2.0 * (1.8 * 2.0) ** 0.5
EGO_HALF_LENGTH = 2.25  # [m]
LEAST_ERROR, MOST_ERROR = 0.1, 0.5  # [m/s2] SD of a driver's acceleration error
MOST_POLITE = 0.5

Types = Float[np.ndarray, "type parameter"]
Mix = Float[np.ndarray, "lane type"]


@compiled
def draw_kind(clock: Clock, mix: Mix, lane: int) -> int:
    """Draws a vehicle type by the mix of a lane."""
    chance, kind = uniform(clock), 0
    while kind < mix.shape[1] - 1 and chance >= mix[lane, kind]:
        chance -= mix[lane, kind]
        kind += 1
    return kind


@compiled
def draw_driver(cars: Cars, lanes: Lanes, clock: Clock, types: Types, kind: int, car: int) -> None:
    """Draws a driver's parameters around those of the vehicle's type."""
    row = types[kind]
    max_accel = row[TYPE_ACCEL] * (1.0 + 0.1 * normal(clock))
    brake = row[TYPE_BRAKE] * (1.0 + 0.1 * normal(clock))
    cars[DESIRED_SPEED, car] = row[TYPE_SPEED] * (1.0 + 0.06 * normal(clock))
    cars[TIME_GAP, car] = row[TYPE_GAP] * (1.0 + 0.15 * normal(clock))
    cars[STANDSTILL_GAP, car] = row[TYPE_STANDSTILL] * (1.0 + 0.1 * normal(clock))
    cars[MAX_ACCEL, car] = max_accel
    cars[BRAKE_ROOT, car] = 2.0 * np.sqrt(max_accel * brake)
    cars[ERROR_SCALE, car] = uniform_in(clock, LEAST_ERROR, MOST_ERROR)
    cars[POLITENESS, car] = uniform_in(clock, 0.0, MOST_POLITE)
    cars[ERROR, car] = normal(clock)
    lanes[KEEPS_LANE, car] = KEEPING if row[TYPE_KEEPS] == 1.0 else FREE


@compiled
def make_ego(cars: Cars, lanes: Lanes) -> None:
    """Gives car 0 the ego's vehicle, driven by IDM and MOBIL with exact perception."""
    cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO] = IDM_EGO_SPEED, IDM_EGO_GAP
    cars[STANDSTILL_GAP, EGO] = EGO_STANDSTILL
    cars[MAX_ACCEL, EGO], cars[BRAKE_ROOT, EGO] = EGO_ACCEL, EGO_BRAKE_ROOT
    cars[ERROR_SCALE, EGO], cars[POLITENESS, EGO] = 0.0, IDM_EGO_POLITENESS
    cars[HALF_LENGTH, EGO] = EGO_HALF_LENGTH
    lanes[KEEPS_LANE, EGO] = FREE


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
    cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings, placed: int
) -> None:
    """Spreads cars evenly over lanes and ring, a little jittered; the ego's lane is random.

    Args:
        placed: so many of the cars; the others wait to enter the ramp, and the ego drives beside.
    """
    lowest = 1 if settings[RAMP_END] > 0.0 else 0
    num_lanes = int(settings[NUM_LANES]) - lowest
    density = uniform_in(clock, settings[DENSITY_LOW], settings[DENSITY_HIGH])
    world[RING] = placed / (num_lanes * density)
    spacing = world[RING] / ((placed + num_lanes - 1) // num_lanes)
    first = 0 if lowest == 1 else int(num_lanes * uniform(clock))
    for car in range(cars.shape[1]):
        lane = (first + car) % num_lanes
        shift = uniform_in(clock, -0.25, 0.25) * max(0.0, spacing - LONGEST)
        offset = spacing * (car // num_lanes + lane / num_lanes + 0.5) + shift
        lane = lane + lowest if car < placed else PARKED
        lanes[LANE, car] = lanes[OLD_LANE, car] = lane
        lanes[ORDER, car] = car
        cars[X, car] = wrapped(offset, world[RING])
        cars[CHANGE_TIME, car] = LANE_CHANGE_TIME


@compiled
def settle_speeds(cars: Cars, room: float) -> None:
    """Starts every car at the speed its driver would keep at the mean spacing, without waves.

    Args:
        room: road per car of a lane [m].
    """
    for car in range(cars.shape[1]):
        free = room - 2.0 * cars[HALF_LENGTH, car] - cars[STANDSTILL_GAP, car]
        keeps = max(0.0, free) / cars[TIME_GAP, car]
        cars[SPEED, car] = min(0.9 * cars[DESIRED_SPEED, car], keeps)


@compiled
def start_simulated(
    cars: Cars,
    lanes: Lanes,
    world: World,
    clock: Clock,
    settings: Settings,
    types: Types,
    mix: Mix,
) -> None:
    """Draws a world and lets it drive until the traffic is its own.

    Until then the ego, too, is driven by IDM and MOBIL, so that all its drivers start alike.
    """
    ramp = settings[RAMP_END] > 0.0
    num_cars = cars.shape[1]
    placed = num_cars - NUM_RAMP_CARS if ramp else num_cars
    place_cars(cars, lanes, world, clock, settings, placed)
    for car in range(num_cars):
        lane = min(mix.shape[0] - 1, signed(lanes[LANE, car]))
        kind = draw_kind(clock, mix, lane)
        draw_driver(cars, lanes, clock, types, kind, car)
        cars[HALF_LENGTH, car] = 0.5 * types[kind, TYPE_LENGTH]
    make_ego(cars, lanes)
    main_lanes = int(settings[NUM_LANES]) - (1 if ramp else 0)
    settle_speeds(cars, world[RING] * main_lanes / placed)
    ego_merges = ramp and uniform(clock) < 0.5
    if ramp:
        lanes[KEEPS_LANE, EGO] = COMMANDED
    if ego_merges:
        lanes[LANE, EGO] = lanes[OLD_LANE, EGO] = PARKED
    refresh(cars, lanes, world[RING], settings[RAMP_END])
    for _ in range(int(settings[WARM_SUBSTEPS])):
        advance(cars, lanes, world, clock, settings, settings[WARM_DT : WARM_DT + 4])
    if ramp:
        lanes[KEEPS_LANE, EGO] = FREE
        enter_ramp(cars, lanes, world, clock, ego_merges)
        world[ODOMETER] = ramp_position(cars, world[RING], EGO)


@compiled
def start_recorded(
    cars: Cars,
    lanes: Lanes,
    world: World,
    clock: Clock,
    types: Types,
    mix: Mix,
    moments: Moments,
    extents: Extents,
) -> None:
    """Puts drawn drivers into a recorded moment."""
    place_recorded(cars, lanes, world, clock, moments, extents)
    truck = types.shape[0] - 1
    for car in range(cars.shape[1]):
        lane = min(mix.shape[0] - 1, signed(lanes[LANE, car]))
        kind = draw_kind(clock, mix, lane)
        long = 2.0 * cars[HALF_LENGTH, car] > LONG_VEHICLE
        draw_driver(cars, lanes, clock, types, truck if long else kind, car)
    make_ego(cars, lanes)
    refresh(cars, lanes, world[RING], 0.0)
    adopt_gaps(cars)


@compiled
def begin_episode(cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings) -> None:
    """Hands the ego to its driver and sets counters and telemetry to zero."""
    clock[STEP] = clock[SUBSTEP] = clock[CRASHED] = 0
    clear_sums(world)
    if settings[EGO_IS_IDM] == 0.0:
        cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO] = START_SPEED_SET, START_GAP_SET
        lanes[KEEPS_LANE, EGO] = COMMANDED
    world[SET_SPEED], world[SET_GAP] = cars[DESIRED_SPEED, EGO], cars[TIME_GAP, EGO]
    refresh(cars, lanes, world[RING], settings[RAMP_END])


@compiled
def start(
    cars: Cars,
    lanes: Lanes,
    world: World,
    clock: Clock,
    settings: Settings,
    types: Types,
    mix: Mix,
    moments: Moments,
    extents: Extents,
) -> None:
    """Begins an episode, in recorded traffic if there is any, as a function of the stream alone."""
    clear(cars, lanes, world)
    clock[SUBSTEP] = 0
    if moments.shape[0] > 0:
        start_recorded(cars, lanes, world, clock, types, mix, moments, extents)
    else:
        start_simulated(cars, lanes, world, clock, settings, types, mix)
    begin_episode(cars, lanes, world, clock, settings)
