"""The two kernels that the outside calls: start worlds, and move worlds by one decision."""

import numpy as np
from jaxtyping import Bool, Float, Int, UInt32

from prefgym.simulations.compiled import compiled
from prefgym.simulations.traffic_ego import clear_sums, command, judge
from prefgym.simulations.traffic_layout import (
    ACCEL,
    ACTION_KIND,
    COMFORT,
    CONTINUOUS,
    CRASHED,
    DISCRETE,
    DT,
    EGO,
    EGO_IS_IDM,
    HIGH_GAP_SET,
    LOW_GAP_SET,
    ODOMETER,
    RING,
    SPEED,
    STEP,
    SUBSTEPS,
    Cars,
    Clock,
    Lanes,
    Settings,
    World,
)
from prefgym.simulations.traffic_motion import advance, ego_crashes
from prefgym.simulations.traffic_observation import observe, snapshot
from prefgym.simulations.traffic_random import seed_stream
from prefgym.simulations.traffic_recorded import Extents, Moments
from prefgym.simulations.traffic_start import Mix, Types, start

SPEED_STEP = 2.5  # [m/s] of the speed set-point
GAP_CHOICES = (0.8, 1.2, 1.6, 2.2)  # [s], the range ISO 15622 gives adaptive cruise control
LANE_INTENT = 1.0 / 3.0  # beyond which a continuous action asks for a lane change

WorldsCars = Float[np.ndarray, "world car_row vehicle"]
WorldsLanes = UInt32[np.ndarray, "world lane_row vehicle"]
WorldsRows = Float[np.ndarray, "world world_row"]
WorldsClock = Int[np.ndarray, "world clock_row"]


@compiled
def first_invalid(actions: Float[np.ndarray, "world part"], kind: int) -> int:
    """Returns the first world whose action lies outside its space, -1 if none does."""
    for index in range(actions.shape[0]):
        action = actions[index]
        if kind == CONTINUOUS:
            for part in range(3):
                if not -1.0 <= action[part] <= 1.0:
                    return index
        elif kind == DISCRETE:
            if not whole_below(action[0], 36):
                return index
        elif not (
            whole_below(action[0], 3) and whole_below(action[1], 3) and whole_below(action[2], 4)
        ):
            return index
    return -1


@compiled
def whole_below(value: float, end: int) -> bool:
    """Tells whether a value is one of 0, 1, ... end - 1."""
    return value >= 0.0 and value < end and value == np.floor(value)


@compiled
def decode(action: Float[np.ndarray, " part"], kind: int) -> tuple[int, float, float]:
    """Returns lane side, change of the speed set-point [m/s] and time gap [s] of an action."""
    if kind == CONTINUOUS:
        side = 1 if action[0] > LANE_INTENT else (-1 if action[0] < -LANE_INTENT else 0)
        share = 0.5 * (action[2] + 1.0)
        return side, SPEED_STEP * action[1], LOW_GAP_SET + share * (HIGH_GAP_SET - LOW_GAP_SET)
    if kind == DISCRETE:
        index = int(action[0])
        lane, speed, gap = index // 12, index // 4 % 3, index % 4
    else:
        lane, speed, gap = int(action[0]), int(action[1]), int(action[2])
    return lane - 1, SPEED_STEP * (speed - 1), GAP_CHOICES[gap]


@compiled
def drive(cars: Cars, lanes: Lanes, world: World, clock: Clock, settings: Settings) -> None:
    """Moves one world through the sub-steps of a decision, judging each; a crash freezes it."""
    clear_sums(world)
    dt = settings[DT]
    for _ in range(int(settings[SUBSTEPS])):
        accel, speed = cars[ACCEL, EGO], cars[SPEED, EGO]
        advance(cars, lanes, world, clock, settings, settings[DT : DT + 4])
        world[ODOMETER] += 0.5 * dt * (speed + cars[SPEED, EGO])
        if ego_crashes(cars, lanes, world[RING], dt):
            clock[CRASHED] = 1
            return
        judge(cars, lanes, world, settings, (cars[ACCEL, EGO] - accel) / dt)


@compiled
def score(
    world: World,
    clock: Clock,
    settings: Settings,
    weights: Float[np.ndarray, " criterion"],
    out: Float[np.ndarray, " criterion"],
) -> float:
    """Writes the criteria of a decision and returns their weighted sum, the reward.

    Each lies in [-1, 0]: minus the capped mean over the sub-steps, or -1 from a crash on.
    """
    reward = 0.0
    for criterion in range(4):
        cost = 1.0
        if clock[CRASHED] == 0:
            cost = min(1.0, world[COMFORT + criterion] / settings[SUBSTEPS])
        out[criterion] = -cost
        reward -= weights[criterion] * cost
    return reward


@compiled
def step_worlds(
    actions: Float[np.ndarray, "world part"],
    cars: WorldsCars,
    lanes: WorldsLanes,
    world: WorldsRows,
    clock: WorldsClock,
    settings: Settings,
    weights: Float[np.ndarray, " criterion"],
    observations: Float[np.ndarray, "world column"],
    rewards: Float[np.ndarray, " world"],
    criteria: Float[np.ndarray, "world criterion"],
    states: Float[np.ndarray, "world vehicle 4"],
) -> int:
    """Moves every world by one decision and writes what is seen and how it is judged.

    Returns:
        -1, or the first world whose action is invalid; then nothing has moved.
    """
    kind = int(settings[ACTION_KIND])
    obeys = settings[EGO_IS_IDM] == 0.0
    if obeys:
        invalid = first_invalid(actions, kind)
        if invalid >= 0:
            return invalid
    for w in range(cars.shape[0]):
        if clock[w, CRASHED] == 0:
            if obeys:
                side, speed_change, time_gap = decode(actions[w], kind)
                command(cars[w], lanes[w], world[w], settings, side, speed_change, time_gap)
            drive(cars[w], lanes[w], world[w], clock[w], settings)
        clock[w, STEP] += 1
        rewards[w] = score(world[w], clock[w], settings, weights, criteria[w])
        observe(cars[w], lanes[w], world[w], clock[w], settings, observations[w])
        snapshot(cars[w], lanes[w], world[w], states[w])
    return -1


@compiled
def start_worlds(
    chosen: Bool[np.ndarray, " world"],
    draws: Float[np.ndarray, "world 2"],
    cars: WorldsCars,
    lanes: WorldsLanes,
    world: WorldsRows,
    clock: WorldsClock,
    settings: Settings,
    types: Types,
    mix: Mix,
    moments: Moments,
    extents: Extents,
    observations: Float[np.ndarray, "world column"],
    states: Float[np.ndarray, "world vehicle 4"],
) -> None:
    """Begins a new episode in the chosen worlds, each a function of its two draws alone.

    Args:
        draws: uniform in [0, 1).
    """
    for w in range(cars.shape[0]):
        if chosen[w]:
            seed_stream(clock[w], draws[w, 0], draws[w, 1])
            start(cars[w], lanes[w], world[w], clock[w], settings, types, mix, moments, extents)
            observe(cars[w], lanes[w], world[w], clock[w], settings, observations[w])
            snapshot(cars[w], lanes[w], world[w], states[w])
