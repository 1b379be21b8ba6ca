"""What a person would have done: the scene of a question driven again with their commands."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from prefgym.feedback.event import Answer
from prefgym.feedback.label.answers import Bounds, Command, Reply
from prefgym.feedback.posted_query import Environment, PostedQuery
from prefgym.feedback.scene import Scene, as_scene, replay, takeovers
from prefgym.feedback.segment import Segments
from prefgym.feedback.store import FeedbackStore


def read_scene(store: FeedbackStore, name: str) -> Scene | None:
    """The scene of this id; None for "", that of a query which cannot be driven again.

    Raises:
        ValueError: if what is stored is no scene.
    """
    if not name:
        return None
    (arrays,) = store.segments([name])
    try:
        return as_scene(arrays)
    except KeyError as error:
        raise ValueError(f"scene {name} must hold {error}") from error


def bounds(scene: Scene | None) -> Bounds:
    """Decisions of a scene at which a person may take over."""
    return Bounds() if scene is None else Bounds(0, scene.length)


def driven_states(
    environment: Environment, scene: Scene, commands: Sequence[Command]
) -> Float32[np.ndarray, "time vehicle 4"]:
    """Compact states before and after every decision of a scene with these commands.

    A state more than a segment has: state t is what the person sees who decides at decision t.

    Raises:
        ValueError: if a command is unknown or outside the scene.
    """
    if scene.start > 0:
        wider = replace(scene, start=scene.start - 1, length=scene.length + 1)
        later = [(decision + 1, what) for decision, what in commands]
        return _states(replay(environment, wider, later))
    states = _states(replay(environment, scene, commands))
    before = states[:1].copy()  # the reset is not recorded: everyone comes from where they head
    before[:, :, 0] -= _DECISION_TIME * before[:, :, 2]
    return np.concatenate([before, states])


def driven_answer(
    environment: Environment, scene: Scene, query: PostedQuery, reply: Reply
) -> tuple[Answer, Segments]:
    """The answer that a person gave by driving, and the segments that it made, in order.

    The corrected segment; a person's and the policy's for each takeover; or the demonstration.

    Raises:
        ValueError: if a command is unknown or outside the scene.
    """
    if query.kind != "intervention":
        return reply.answer, replay(environment, scene, reply.commands)
    found = takeovers(environment, scene, reply.commands)
    if found.segments is None:
        raise ValueError("a takeover needs a command")
    begins: Answer = {"takeovers": [*found.begins]}
    return begins, found.segments


def _states(segments: Segments) -> Float32[np.ndarray, "time vehicle 4"]:
    if segments.states is None:
        raise ValueError("a scene must be driven in an environment with compact states")
    return segments.states[0]


_DECISION_TIME = 0.5  # [s]
