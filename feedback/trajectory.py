"""Recorded behaviour: trajectories laid end to end in flat arrays.

One flat array per quantity keeps cutting segments a single gather, however many episodes of
whatever length were recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Episodes, or the recorded part of them, end to end.

    `criteria` are the *gold* criteria of each step: for raters and for measuring, never for the
    reward model. `states` are compact render states after each step, where the environment has
    them. A trajectory that is not `terminated` was cut: by a time limit or by the end of recording.
    One that does not `begin` lacks its first steps; None: all begin.
    """

    observations: Float32[np.ndarray, "step observation"]
    actions: Float32[np.ndarray, "step action"]
    next_observations: Float32[np.ndarray, "step observation"]
    criteria: Float64[np.ndarray, "step criterion"]
    lengths: Int64[np.ndarray, " trajectory"]
    terminated: Bool[np.ndarray, " trajectory"]
    states: Float32[np.ndarray, "step ..."] | None = None
    begin: Bool[np.ndarray, " trajectory"] | None = None

    def __post_init__(self) -> None:
        steps = {len(self.observations), len(self.actions), len(self.next_observations)}
        steps |= {len(self.criteria), int(self.lengths.sum())}
        if self.states is not None:
            steps.add(len(self.states))
        if len(steps) != 1:
            raise ValueError(f"every array must hold the same number of steps, got {steps}")
        if len(self.lengths) != len(self.terminated) or self.lengths.min(initial=1) < 1:
            raise ValueError(
                "every trajectory must have at least one step and say whether it terminated, "
                f"got lengths {self.lengths} and {len(self.terminated)} endings"
            )

    @property
    def starts(self) -> Int64[np.ndarray, " trajectory"]:
        """Flat index of each trajectory's first step."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def num_steps(self) -> int:
        """Steps in all trajectories together."""
        return len(self.observations)


def from_rollout(
    observations: Float32[np.ndarray, "time env observation"],
    actions: Float32[np.ndarray, "time env action"],
    next_observations: Float32[np.ndarray, "time env observation"],
    criteria: Float64[np.ndarray, "time env criterion"],
    terminated: Bool[np.ndarray, "time env"],
    truncated: Bool[np.ndarray, "time env"],
    states: Float32[np.ndarray, "time env ..."] | None = None,
    *,
    from_reset: bool = True,
) -> Trajectories:
    """Trajectories of a batch of environments that were stepped together.

    `next_observations` are the true consequences of each step, also at the end of an episode.
    `from_reset` tells whether the first step of each environment is the first of an episode.
    """
    num_steps = terminated.shape[0]
    ends = terminated | truncated
    ends[-1] = True
    env, time = np.nonzero(ends.T)
    flat_end = env * num_steps + time
    lengths = np.diff(flat_end, prepend=-1)

    def by_env(array: np.ndarray) -> np.ndarray:
        return array.swapaxes(0, 1).reshape(-1, *array.shape[2:])

    return Trajectories(
        observations=by_env(observations),
        actions=by_env(actions),
        next_observations=by_env(next_observations),
        criteria=by_env(criteria),
        lengths=lengths.astype(np.int64),
        terminated=terminated.T.reshape(-1)[flat_end],
        states=None if states is None else by_env(states),
        begin=None if from_reset else flat_end - lengths + 1 != env * num_steps,
    )


def concatenate(parts: Sequence[Trajectories]) -> Trajectories:
    """All trajectories of several recordings of the same environment."""
    states = [part.states for part in parts if part.states is not None]
    begin = [np.ones(len(p.lengths), np.bool_) if p.begin is None else p.begin for p in parts]
    return Trajectories(
        observations=np.concatenate([part.observations for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        next_observations=np.concatenate([part.next_observations for part in parts]),
        criteria=np.concatenate([part.criteria for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        terminated=np.concatenate([part.terminated for part in parts]),
        states=np.concatenate(states) if len(states) == len(parts) else None,
        begin=np.concatenate(begin),
    )
