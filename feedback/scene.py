"""Drives that can be driven again: a recorded stretch of driving, with a person at the controls.

A scene holds a seed and the policy's actions from the reset on, so `prefgym/Driving-v0` can be
simulated again to the byte, up to the decision at which a person wants something else.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from gymnasium.utils import seeding
from jaxtyping import Float32, Int64

from prefgym.envs.driving import RAMP, DrivingConfig
from prefgym.envs.driving_vector import DrivingWorlds
from prefgym.feedback.encoding import encode
from prefgym.feedback.manoeuvres import (
    MANOEUVRES,
    Changes,
    Controls,
    kept_in_hand,
    pressed_keys,
)
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.segment import Segments, stack
from prefgym.simulations.traffic_layout import LANE_WIDTH

__all__ = [
    "MANOEUVRES",
    "TAKEOVER_STEPS",
    "Changes",
    "Pilot",
    "Scene",
    "Takeovers",
    "as_scene",
    "drive_on",
    "record_scene",
    "record_scenes",
    "replay",
    "replay_each",
    "takeovers",
    "trace",
]

ENV_ID = "prefgym/Driving-v0"
SEEN_BEHIND, SEEN_AHEAD = 150.0, 250.0  # [m] from the ego
TAKEOVER_STEPS = 8  # decisions that a takeover is judged by: 4 s, as long as a lane change takes
Pilot = Callable[[Float32[np.ndarray, "drive column"]], np.ndarray]
"""Observations of a batch of drives -> an action for each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What it takes to drive again.

    Args:
        seed: of the episode.
        start: decision at which the scene begins.
        length: decisions in the scene.
        actions: the policy's, from the reset to the end of the scene.
    """

    seed: int
    start: int
    length: int
    actions: np.ndarray

    def __post_init__(self) -> None:
        if self.start < 0 or self.length < 1 or len(self.actions) != self.start + self.length:
            raise ValueError(
                "a scene must hold the actions from the reset to its end, got "
                f"{len(self.actions)} for {self.length} decisions from decision {self.start} on"
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """The scene as named arrays, the form in which the store keeps it."""
        numbers = {name: getattr(self, name) for name in ("seed", "start", "length")}
        return {
            **{name: np.array(value, np.int64) for name, value in numbers.items()},
            "actions": self.actions,
        }


def as_scene(scene: Scene | Mapping[str, np.ndarray]) -> Scene:
    """The scene of `Scene.arrays`; a scene itself as it is."""
    if isinstance(scene, Scene):
        return scene
    seed, start, length = (int(scene[name]) for name in ("seed", "start", "length"))
    return Scene(seed, start, length, scene["actions"])


def record_scenes(
    environment: Environment,
    pilot: Pilot,
    seeds: Sequence[int],
    starts: Sequence[int],
    length: int,
) -> tuple[list[Scene], Segments]:
    """Drives by a pilot: a scene of each, and the segments that they show.

    Raises:
        ValueError: if the environment is not one of driving, or a scene does not fit an episode.
    """
    end = max(starts) + length
    drive = _Drive(environment, seeds, end)
    for _ in range(end):
        drive.step(pilot(drive.observations))
    actions = np.stack(drive.actions, axis=1)
    scenes = [
        Scene(seed, start, length, actions[number, : start + length])
        for number, (seed, start) in enumerate(zip(seeds, starts, strict=True))
    ]
    return scenes, drive.segments(np.array(starts), length)


def record_scene(
    environment: Environment, pilot: Pilot, seed: int, start: int, length: int
) -> tuple[dict[str, np.ndarray], Segments]:
    """One drive by a pilot: the scene's arrays, and the segment that it shows."""
    (scene,), segments = record_scenes(environment, pilot, [seed], [start], length)
    return scene.arrays(), segments


def replay(
    environment: Environment,
    scene: Scene | Mapping[str, np.ndarray],
    changes: Changes,
    pilot: Pilot | None = None,
    *,
    hold: int | None = None,
) -> Segments:
    """What happens in a scene with a person's manoeuvres; without any, what was recorded.

    Args:
        environment: what the scene was recorded in.
        scene: where and with whom.
        changes: the person's manoeuvres.
        pilot: drives where the person has let go; None: the recorded actions go on.
        hold: decisions after a manoeuvre for which the person keeps the controls; None: to the end.

    Raises:
        ValueError: if a manoeuvre is unknown or its decision outside the scene.
    """
    return replay_each(environment, scene, [changes], pilot, hold=hold)


def replay_each(
    environment: Environment,
    scene: Scene | Mapping[str, np.ndarray],
    changes: Sequence[Changes],
    pilot: Pilot | None = None,
    *,
    hold: int | None = None,
    until: int | None = None,
) -> Segments:
    """The same scene several times, each with other changes; see `replay`.

    Args:
        environment: what the scene was recorded in.
        scene: where and with whom.
        changes: the person's manoeuvres, once for each time.
        pilot: drives where the person has let go.
        hold: decisions after a manoeuvre for which the person keeps the controls.
        until: decision at which the person lets go for good; None: never.
    """
    scene = as_scene(scene)
    pressed = np.stack([pressed_keys(own, scene.length) for own in changes])
    in_hand = kept_in_hand(pressed, scene.length if hold is None else hold)
    in_hand[:, scene.length if until is None else until :] = False
    let_go = np.logical_or.accumulate(in_hand, axis=1) & ~in_hand
    drive = _Drive(environment, [scene.seed] * len(changes), len(scene.actions))
    controls = Controls(len(changes), drive.config.actions)
    for decision, recorded in enumerate(scene.actions):
        actions = np.repeat(recorded[None], len(changes), axis=0)
        now = decision - scene.start
        if now >= 0:
            freed, mine = let_go[:, now], in_hand[:, now]
            if pilot is not None and freed.any():
                actions[freed] = pilot(drive.observations)[freed]
            if mine.any():
                actions[mine] = controls.act(drive.observations, pressed[:, now], mine)
        drive.step(actions)
    return drive.segments(np.full(len(changes), scene.start), scene.length)


def drive_on(
    environment: Environment, scene: Scene | Mapping[str, np.ndarray], pilot: Pilot, num_drives: int
) -> Segments:
    """How else a scene might go: a pilot drives from its beginning on, several times over."""
    scene = as_scene(scene)
    drive = _Drive(environment, [scene.seed] * num_drives, len(scene.actions))
    for decision, recorded in enumerate(scene.actions):
        before = decision < scene.start
        repeated = np.repeat(recorded[None], num_drives, axis=0)
        drive.step(repeated if before else pilot(drive.observations))
    return drive.segments(np.full(num_drives, scene.start), scene.length)


class Takeovers(NamedTuple):
    """Takeovers of a scene: when each began, and pairs of what followed and would have followed."""

    begins: list[int]
    segments: Segments | None


def takeovers(
    environment: Environment,
    scene: Scene | Mapping[str, np.ndarray],
    changes: Changes,
    pilot: Pilot | None = None,
    *,
    hold: int | None = None,
    steps: int = TAKEOVER_STEPS,
) -> Takeovers:
    """What the person did over the next `steps` decisions, and what the policy would have done.

    A takeover begins with the first manoeuvre, and with each that comes `steps` decisions or more
    after the last takeover began. Segments are person, policy, person, policy ...; one that the
    scene's end cuts short is masked out behind it. None without a takeover.
    """
    begins: list[int] = []
    for decision, _ in sorted(changes):
        if not begins or decision >= begins[-1] + steps:
            begins.append(decision)
    parts: list[dict[str, np.ndarray]] = []
    done = replay(environment, scene, changes, pilot, hold=hold)
    for begin in begins:
        before = [change for change in changes if change[0] < begin]
        left = replay_each(environment, scene, [before], pilot, hold=hold, until=begin)
        parts += [part.steps(begin, begin + steps).arrays(0) for part in (done, left)]
    return Takeovers(begins, stack(parts) if parts else None)


def trace(states: Float32[np.ndarray, "time vehicle 4"], environment: Environment) -> str:
    """A drive as JSON for a page to draw, in metres and m/s to two decimals.

    Only those who come near the ego are in it, while they are: far away, the ring road brings cars
    from the back to the front.
    """
    config = _config(environment)
    settings = config.make_traffic(1).settings
    ahead = states[:, :, 0] - states[:, :1, 0]
    near = (states[:, :, 3] > 0) & (ahead > -SEEN_BEHIND) & (ahead < SEEN_AHEAD)
    near[:, 0] = True
    ever = near.any(axis=0)
    rounded = np.round(states[:, ever].astype(np.float64), 2).tolist()
    return json.dumps(
        {
            "dt": settings.decision_time,
            "num_lanes": settings.num_lanes,
            "lane_width": LANE_WIDTH,
            "ramp": list(RAMP) if config.scenario == "merge" else None,
            "states": [
                [car if seen else None for car, seen in zip(moment, present, strict=True)]
                for moment, present in zip(rounded, near[:, ever].tolist(), strict=True)
            ],
        },
        separators=(",", ":"),
        allow_nan=False,
    )


def _config(environment: Environment) -> DrivingConfig:
    if environment.env_id != ENV_ID:
        raise ValueError(f"only {ENV_ID} can be driven again, got {environment.env_id}")
    return DrivingConfig(**environment.env_kwargs)  # type: ignore[arg-type]  # checked there


class _Drive:
    """Drives of one batch, step by step, and what was recorded of them."""

    def __init__(self, environment: Environment, seeds: Sequence[int], num_steps: int) -> None:
        config = _config(environment)
        if num_steps > config.episode_steps:
            raise ValueError(
                f"a scene must end within the {config.episode_steps} decisions of an episode, "
                f"got {num_steps}"
            )
        self.config = config
        self.worlds = DrivingWorlds(config, len(seeds))
        outcome = self.worlds.empty_outcome()
        generators = [seeding.np_random(seed)[0] for seed in seeds]
        self.worlds.start(np.ones(len(seeds), np.bool_), generators, outcome)
        self.observations = outcome.observations
        self.actions: list[np.ndarray] = []
        self._steps: list[tuple[np.ndarray, ...]] = []

    def step(self, actions: np.ndarray) -> None:
        """Drive for half a second."""
        before = self.observations
        outcome = self.worlds.step(actions)
        self.actions.append(np.array(actions))
        self._steps.append((before, outcome.observations, outcome.criteria, outcome.states))
        self.observations = outcome.observations

    def segments(self, starts: Int64[np.ndarray, " drive"], length: int) -> Segments:
        """A window of each drive."""
        drive, step = np.arange(len(starts))[:, None], starts[:, None] + np.arange(length)
        columns = [np.stack(column, axis=1) for column in zip(*self._steps, strict=True)]
        observations, after, criteria, states = (column[drive, step] for column in columns)
        actions = np.stack(self.actions, axis=1)[drive, step]
        flat = encode(self.worlds.action_space, actions.reshape(-1, *actions.shape[2:]))
        return Segments(
            observations=observations,
            actions=flat.reshape(*step.shape, -1),
            next_observations=after,
            mask=np.ones(step.shape, np.bool_),
            criteria=criteria,
            states=states,
        )
