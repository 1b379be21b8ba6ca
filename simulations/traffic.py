"""Worlds of highway traffic around one ego: many at once, compiled, reproducible to the byte."""

from dataclasses import dataclass
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from prefgym.simulations import traffic_layout as layout
from prefgym.simulations.drivers import CRITERIA, LANE_MIX, RAMP_MIX, VEHICLE_TYPES
from prefgym.simulations.recorded import RecordedTraffic
from prefgym.simulations.traffic_observation import OBSERVATION_NAMES
from prefgym.simulations.traffic_recorded import pack_moments
from prefgym.simulations.traffic_worlds import start_worlds, step_worlds

LAG_TIME = 0.3  # [s] of the actuator; without it jerk would be an artefact of the step size
ERROR_KEEP_PER_TENTH = 0.97  # AR(1) coefficient of the perception error over .1 s
MAX_DENSITY = 80.0  # [vehicles/km/lane], where the cars all but stand
FEWEST_CARS = 12  # a ramp's four and some on every lane


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """What all worlds of a batch share.

    Attributes:
        density: range from which each episode draws [vehicles/km/lane].
        num_cars: including the ego.
        dt: physics step [s].
        decision_time: between decisions [s].
        warm_time: traffic before the first decision [s], in steps of `warm_dt` [s].
        num_lanes: of the road, a ramp included.
        ramp_end: where lane 0 ends, a ramp that began at 0 [m]; 0 for no ramp.
        ego_is_idm: drive the ego by IDM and MOBIL and ignore the actions.
        action_kind: MULTI_DISCRETE, DISCRETE or CONTINUOUS of `traffic_layout`.
    """

    density: tuple[float, float] = (8.0, 16.0)
    num_cars: int = 30
    dt: float = 0.1
    decision_time: float = 0.5
    warm_time: float = 20.0
    warm_dt: float = 0.25
    num_lanes: int = len(LANE_MIX)
    ramp_end: float = 0.0
    ego_is_idm: bool = False
    action_kind: int = layout.MULTI_DISCRETE

    def __post_init__(self) -> None:
        low, high = self.density
        if not 0.0 < low <= high <= MAX_DENSITY:
            raise ValueError(
                f"density must be a range within (0, {MAX_DENSITY:g}] vehicles/km/lane "
                f"with its lower end first, got {self.density}"
            )
        if not 0.0 < self.dt <= self.decision_time:
            raise ValueError(
                f"dt must be in (0, {self.decision_time}] s, the decision time, got {self.dt}"
            )
        if not 2 <= self.num_lanes <= layout.MAX_LANES:
            raise ValueError(f"num_lanes must be in [2, {layout.MAX_LANES}], got {self.num_lanes}")
        if self.num_cars < FEWEST_CARS:
            raise ValueError(f"num_cars must be at least {FEWEST_CARS}, got {self.num_cars}")

    def array(self) -> Float64[np.ndarray, " setting"]:
        """Returns the settings as the kernels read them."""
        values = np.zeros(layout.NUM_SETTINGS)
        values[layout.DT : layout.DT + 4] = timing(self.dt)
        values[layout.SUBSTEPS] = round(self.decision_time / self.dt)
        values[layout.MOBIL_PERIOD] = round(1.0 / self.dt)
        values[layout.NUM_LANES] = self.num_lanes
        values[layout.RAMP_END] = self.ramp_end
        values[layout.EGO_IS_IDM] = self.ego_is_idm
        values[layout.ACTION_KIND] = self.action_kind
        values[layout.DENSITY_LOW : layout.DENSITY_HIGH + 1] = np.array(self.density) / 1000.0
        values[layout.WARM_DT : layout.WARM_DT + 4] = timing(self.warm_dt)
        values[layout.WARM_SUBSTEPS] = round(self.warm_time / self.warm_dt)
        return values


def timing(dt: float) -> tuple[float, float, float, float]:
    """Returns step [s], lag factor, error coefficient and error kick of a physics step.

    The lag and the error are exact for any step, so a finer one changes nothing but the accuracy.
    """
    keep = ERROR_KEEP_PER_TENTH ** (dt / 0.1)
    return dt, 1.0 - exp(-dt / LAG_TIME), keep, sqrt(3.0 * (1.0 - keep * keep))


def lane_mix(num_lanes: int, *, ramp: bool) -> Float64[np.ndarray, "lane type"]:
    """Returns the share of each vehicle type per lane, right to left."""
    right, middle, left = LANE_MIX
    main = num_lanes - ramp
    rows = [right, *[middle] * (main - 2), left]
    return np.array([RAMP_MIX, *rows] if ramp else rows, dtype=np.float64)


class Outcome(NamedTuple):
    """What a decision led to, one row per world."""

    observations: Float32[np.ndarray, "world column"]
    rewards: Float64[np.ndarray, " world"]
    criteria: Float64[np.ndarray, "world criterion"]
    states: Float32[np.ndarray, "world vehicle 4"]


class Traffic:
    """A batch of worlds; world i depends on nothing but its own seeds and actions."""

    def __init__(
        self,
        num_worlds: int,
        settings: TrafficSettings,
        recorded: RecordedTraffic | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds must be at least 1, got {num_worlds}")
        self.num_worlds = num_worlds
        self.settings = settings
        num_cars = settings.num_cars
        self.cars = np.zeros((num_worlds, layout.NUM_CAR_ROWS, num_cars))
        self.lanes = np.zeros((num_worlds, layout.NUM_LANE_ROWS, num_cars), dtype=np.uint32)
        self.world = np.zeros((num_worlds, layout.NUM_WORLD_ROWS))
        self.clock = np.zeros((num_worlds, layout.NUM_CLOCK_ROWS), dtype=np.int64)
        self._values = settings.array()
        self._types = np.array([kind.parameters() for kind in VEHICLE_TYPES], dtype=np.float64)
        self._mix = lane_mix(settings.num_lanes, ramp=settings.ramp_end > 0.0)
        self._moments, self._extents = np.zeros((0, 5, 0)), np.zeros((0, 2))
        if recorded is not None:
            self._moments, self._extents = pack_moments(recorded)
        self._obs_shape = (num_worlds, len(OBSERVATION_NAMES))
        self._criteria_shape = (num_worlds, len(CRITERIA))
        self._state_shape = (num_worlds, num_cars, 4)

    def start(
        self,
        chosen: Bool[np.ndarray, " world"],
        draws: Float64[np.ndarray, "world 2"],
        observations: Float32[np.ndarray, "world column"],
        states: Float32[np.ndarray, "world vehicle 4"],
    ) -> None:
        """Begins a new episode in the chosen worlds and overwrites their rows of the outputs.

        Args:
            draws: two uniform numbers in [0, 1) per world, on which all else depends.
        """
        start_worlds(
            chosen,
            draws,
            self.cars,
            self.lanes,
            self.world,
            self.clock,
            self._values,
            self._types,
            self._mix,
            self._moments,
            self._extents,
            observations,
            states,
        )

    def step(
        self,
        actions: Float64[np.ndarray, "world part"],
        weights: Float64[np.ndarray, " criterion"],
    ) -> Outcome:
        """Moves all worlds by one decision; the arrays returned are the caller's to keep.

        Raises:
            ValueError: if an action is not in the action space; then nothing has moved.
        """
        outcome = self.empty_outcome()
        invalid = step_worlds(
            actions,
            self.cars,
            self.lanes,
            self.world,
            self.clock,
            self._values,
            weights,
            outcome.observations,
            outcome.rewards,
            outcome.criteria,
            outcome.states,
        )
        if invalid >= 0:
            raise ValueError(
                "action must be in its action space (see env.action_space), "
                f"got {actions[invalid].tolist()} in world {invalid}"
            )
        return outcome

    def empty_outcome(self) -> Outcome:
        """Returns outputs to be written: no reward yet, nothing seen."""
        return Outcome(
            np.empty(self._obs_shape, dtype=np.float32),
            np.empty(self.num_worlds),
            np.empty(self._criteria_shape),
            np.empty(self._state_shape, dtype=np.float32),
        )
