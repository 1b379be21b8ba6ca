"""Driving on a highway among other people: `prefgym/Driving-v0`, one world."""

from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Literal, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from prefgym.simulations import traffic_layout as layout
from prefgym.simulations.drivers import CRITERIA, LANE_MIX, PROFILES, DriverProfile
from prefgym.simulations.recorded import load_recorded
from prefgym.simulations.traffic import MAX_DENSITY, Traffic, TrafficSettings
from prefgym.simulations.traffic_observation import (
    OBSERVATION_HIGH,
    OBSERVATION_LOW,
    OBSERVATION_NAMES,
)

Action: TypeAlias = ArrayLike | int

DENSITIES = {
    "free": (5.0, 5.0),
    "normal": (8.0, 16.0),
    "dense": (16.0, 20.0),
    "stop-and-go": (45.0, 55.0),
}  # [vehicles/km/lane]
NUM_CARS = 30
RAMP = (0.0, 300.0)  # [m] where it begins to run beside the road and where it ends
EPISODE_STEPS = {"highway": 80, "merge": 40}
ACTION_KINDS = {
    "multi-discrete": layout.MULTI_DISCRETE,
    "discrete": layout.DISCRETE,
    "continuous": layout.CONTINUOUS,
}
TRAIL_STEPS = 20  # decisions
# The observation columns a reward model needs: what a driver would name when asked what mattered.
REWARD_INPUTS = (
    "speed",
    "acceleration",
    "lane",
    "right_front_gap",
    "right_rear_gap",
    "own_rear_gap",
    "jerk",
    "imposed_braking",
    "lateral_acceleration",
    "time_gap",
    "inverse_ttc",
    "abs_acceleration",
)


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


@dataclass(frozen=True, slots=True)
class DrivingConfig:
    """What kind of driving.

    Attributes:
        scenario: an endless highway, or one with an on-ramp that ends.
        density: a name in DENSITIES or vehicles per km and lane.
        profile: whose judgement is the reward: a name in PROFILES, or a person of one's own.
        actions: set-points as lane x speed x time gap, the same in one number, or continuous.
        driver: "idm" lets the ego drive like the rest of the traffic and ignores the actions.
        traffic: csv of recorded traffic to start from; None draws simulated traffic.
    """

    scenario: Literal["highway", "merge"] = "highway"
    density: str | float = "normal"
    profile: str | DriverProfile = "safety-first"
    actions: Literal["multi-discrete", "discrete", "continuous"] = "multi-discrete"
    driver: Literal["agent", "idm"] = "agent"
    traffic: str | Path | None = None

    def __post_init__(self) -> None:
        _one_of("scenario", self.scenario, tuple(EPISODE_STEPS))
        _one_of("actions", self.actions, tuple(ACTION_KINDS))
        _one_of("driver", self.driver, ("agent", "idm"))
        if not isinstance(self.profile, DriverProfile):
            _one_of("profile", self.profile, tuple(PROFILES))
        if self.traffic is not None and self.scenario != "highway":
            raise ValueError(
                "traffic, recorded on a highway, needs scenario 'highway', "
                f"got scenario {self.scenario!r}"
            )
        if isinstance(self.density, str):
            _one_of("density", self.density, (*DENSITIES, "or a number of vehicles/km/lane"))
        elif not (isinstance(self.density, Real) and 0.0 < self.density <= MAX_DENSITY):
            raise ValueError(
                f"density must be in (0, {MAX_DENSITY:g}] vehicles per km and lane, "
                f"got {self.density!r}"
            )

    @property
    def person(self) -> DriverProfile:
        """Whose judgement is the reward."""
        return self.profile if isinstance(self.profile, DriverProfile) else PROFILES[self.profile]

    @property
    def episode_steps(self) -> int:
        """Decisions per episode, at 2 Hz."""
        return EPISODE_STEPS[self.scenario]

    def make_traffic(self, num_worlds: int) -> Traffic:
        """Returns worlds so configured, not yet started."""
        density = self.density
        recorded = None if self.traffic is None else load_recorded(self.traffic)
        num_cars, num_lanes = NUM_CARS, len(LANE_MIX) + (self.scenario == "merge")
        if recorded is not None:
            fullest = max(len(moment.x) for moment in recorded.snapshots)
            num_cars, num_lanes = max(NUM_CARS, 2 * fullest), recorded.num_lanes
        settings = TrafficSettings(
            density=DENSITIES[density] if isinstance(density, str) else (density, density),
            num_cars=num_cars,
            num_lanes=num_lanes,
            ramp_end=RAMP[1] if self.scenario == "merge" else 0.0,
            ego_is_idm=self.driver == "idm",
            action_kind=ACTION_KINDS[self.actions],
        )
        return Traffic(num_worlds, settings, recorded)

    def action_space(self) -> spaces.Space[Action]:
        """Returns the action space of one world.

        Set-points: lane {right, keep, left}, speed {-2.5, 0, +2.5 m/s}, time gap {.8, 1.2, 1.6,
        2.2 s}. Discrete: 12 lane + 4 speed + gap. Continuous, all in [-1, 1]: lane intent (a change
        beyond +-1/3), speed change / 2.5 m/s, time gap from .8 to 2.2 s.
        """
        if self.actions == "multi-discrete":
            return spaces.MultiDiscrete(np.array([3, 3, 4]))
        if self.actions == "discrete":
            return spaces.Discrete(36)
        return spaces.Box(-1.0, 1.0, (3,), np.float32)


def observation_space() -> spaces.Space[NDArray[np.float32]]:
    """Returns the observation space of one world; `OBSERVATION_NAMES` names its columns."""
    return spaces.Box(OBSERVATION_LOW, OBSERVATION_HIGH, dtype=np.float32)


def check_render_mode(render_mode: str | None) -> str | None:
    """Returns the render mode, if it is one.

    Raises:
        ValueError: if the environment cannot draw that way.
    """
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode must be None or 'rgb_array', got {render_mode!r}")
    return render_mode


def draw(
    state: NDArray[np.float32],
    num_lanes: int,
    scenario: str,
    trail: NDArray[np.float64] | None = None,
) -> NDArray[np.uint8]:
    """Returns the picture of a compact state, `info["state"]`, and the ego's past positions [m]."""
    # Drawing needs Pillow; driving does not, and workers should not pay for the import.
    from prefgym.envs.driving_render import render_state

    return render_state(
        state,
        num_lanes=num_lanes,
        lane_width=layout.LANE_WIDTH,
        trail=trail,
        ramp=RAMP if scenario == "merge" else None,
    )


def actions_array(actions: Action, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns actions as the kernels take them, one row per world.

    Args:
        shape: that the actions must have.

    Raises:
        ValueError: if they have another.
    """
    array = np.ascontiguousarray(actions, dtype=np.float64)
    if array.shape != shape and not (shape == () and array.shape == (1,)):
        raise ValueError(f"actions must have the shape {shape}, got {np.shape(actions)}")
    return array


class DrivingEnv(gymnasium.Env[NDArray[np.float32], Action]):
    """One car to drive for 40 s among 29 others, judged by one person.

    The reward is the person's weights times four criteria, each in [-1, 0] per half second.
    `terminated` stays False: a crash is absorbing and costs the worst of everything until the end,
    so every episode has the same length and nothing is gained by ending it.

    >>> import gymnasium, prefgym.envs
    >>> env = gymnasium.make("prefgym/Driving-v0", profile="courteous")
    >>> observation, info = env.reset(seed=0)
    >>> observation, reward, terminated, truncated, info = env.step([1, 2, 0])
    >>> env.unwrapped.criteria
    ('comfort', 'efficiency', 'safety', 'courtesy')
    >>> bool(reward == env.unwrapped.weights @ info["criteria"])
    True
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        scenario: Literal["highway", "merge"] = "highway",
        density: str | float = "normal",
        profile: str | DriverProfile = "safety-first",
        actions: Literal["multi-discrete", "discrete", "continuous"] = "multi-discrete",
        driver: Literal["agent", "idm"] = "agent",
        traffic: str | Path | None = None,
    ) -> None:
        self.config = DrivingConfig(scenario, density, profile, actions, driver, traffic)
        self.render_mode = check_render_mode(render_mode)
        self.criteria: tuple[str, ...] = CRITERIA
        self.weights = self.config.person.weights_array()
        self.observation_names: tuple[str, ...] = OBSERVATION_NAMES
        self.observation_space = observation_space()
        self.action_space = self.config.action_space()
        self._action_shape = self.action_space.shape or ()
        self._traffic = self.config.make_traffic(1)
        self.num_lanes = self._traffic.settings.num_lanes
        self._episode_steps = self.config.episode_steps
        self._steps = -1
        self._state = np.zeros((0, 4), dtype=np.float32)
        self._trail: list[tuple[float, float]] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Begins an episode in traffic that has been driving for 20 s."""
        super().reset(seed=seed)
        outcome = self._traffic.empty_outcome()
        draws = self.np_random.random((1, 2))
        self._traffic.start(np.ones(1, dtype=bool), draws, outcome.observations, outcome.states)
        self._steps = 0
        self._state = outcome.states[0]
        self._trail = []
        return outcome.observations[0], {"state": self._state}

    def step(
        self, action: Action
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, NDArray[np.floating]]]:
        """Drives for half a second.

        Raises:
            ResetNeeded: if no episode has begun.
            ValueError: if the action is not in the action space.
        """
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("step() needs an episode: call reset() first")
        commands = actions_array(action, self._action_shape).reshape(1, -1)
        observations, rewards, criteria, states = self._traffic.step(commands, self.weights)
        self._steps += 1
        if self.render_mode is not None:
            self._trail.append((float(self._state[0, 0]), float(self._state[0, 1])))
        self._state = states[0]
        truncated = self._steps >= self._episode_steps
        info = {"criteria": criteria[0], "state": self._state}
        return observations[0], float(rewards[0]), False, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """Returns a picture of the road around the ego, with its trail; None without a mode."""
        if self.render_mode is None:
            return None
        if self._steps < 0:
            raise gymnasium.error.ResetNeeded("render() needs an episode: call reset() first")
        trail = np.array(self._trail[-TRAIL_STEPS:], dtype=np.float64).reshape(-1, 2)
        return self.render_state(self._state, trail)

    def render_state(
        self, state: NDArray[np.float32], trail: NDArray[np.float64] | None = None
    ) -> NDArray[np.uint8]:
        """Returns the picture of any recorded `info["state"]` of an environment like this one.

        Args:
            trail: past x and y of the ego [m], the oldest first.
        """
        return draw(state, self.num_lanes, self.config.scenario, trail)
