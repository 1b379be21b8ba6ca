"""What a person would have done: a scene simulated again with their commands."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from prefgym.feedback.label.answers import Bounds, Command
from prefgym.feedback.label.traces import driving_trace
from prefgym.feedback.label.viewers import Viewer
from prefgym.feedback.posted_query import Environment, PostedQuery, QueryKind
from prefgym.feedback.store import FeedbackStore

Arrays = Mapping[str, np.ndarray]


class Simulated(NamedTuple):
    """A scene with a person's commands.

    `states` are those of the whole scene; `segments` what an event of the query's kind names:
    the corrected one; one of the person and one of the policy for each takeover; or what was
    shown, and the policy's alternatives.
    """

    states: Float32[np.ndarray, "time vehicle 4"]
    segments: Sequence[Arrays]


@runtime_checkable
class Simulate(Protocol):
    """Plays a scene again."""

    def __call__(
        self,
        environment: Environment,
        scene: Arrays,
        kind: QueryKind,
        commands: Sequence[Command],
    ) -> Simulated: ...


class Driver:
    """Simulates the scenes of a store's queries again."""

    def __init__(self, store: FeedbackStore, viewer: Viewer, simulate: Simulate | None) -> None:
        """Prepare to drive.

        Args:
            store: where scenes are.
            viewer: knows what they were recorded in.
            simulate: plays a scene again; None: nobody can.
        """
        self.store = store
        self.viewer = viewer
        self.simulate = simulate

    def bounds(self, query: PostedQuery) -> Bounds:
        """Decisions of the query's scene at which a person may take over."""
        if not query.scene:
            return Bounds()
        (scene,) = self.store.segments([query.scene])
        return Bounds(0, int(scene["length"]))

    def drive(self, query: PostedQuery, commands: Sequence[Command]) -> Simulated:
        """The query's scene with these commands.

        Raises:
            ValueError: if it cannot be simulated again.
        """
        environment = self.viewer.environment
        if self.simulate is None or environment is None or not query.scene:
            raise ValueError(f"the scene of query {query.key!r} cannot be simulated again")
        (scene,) = self.store.segments([query.scene])
        return self.simulate(environment, scene, query.kind, commands)

    def trace(self, query: PostedQuery, commands: Sequence[Command]) -> str:
        """What happens with these commands, as JSON to draw.

        Raises:
            ValueError: if it cannot be simulated again, or is no drive.
        """
        config = self.viewer.driving
        if config is None:
            raise ValueError(f"query {query.key!r} is not of driving")
        return driving_trace(config, self.drive(query, commands).states)
