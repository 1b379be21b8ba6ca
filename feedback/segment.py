"""Segments: windows of fixed length cut from trajectories, padded after a true termination.

A window that meets a true termination stands for its steps and an absorbing state of reward 0
after them: the padding is masked out of every sum. A time limit is not a termination: what would
have come next is unknown, so a window may not reach past it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from prefgym.feedback.trajectory import Trajectories


@dataclass(frozen=True, slots=True)
class Segments:
    """A batch of segments of one length; `mask` is False on padded steps."""

    observations: Float32[np.ndarray, "segment time observation"]
    actions: Float32[np.ndarray, "segment time action"]
    next_observations: Float32[np.ndarray, "segment time observation"]
    mask: Bool[np.ndarray, "segment time"]
    criteria: Float64[np.ndarray, "segment time criterion"]
    states: Float32[np.ndarray, "segment time ..."] | None = None

    def __len__(self) -> int:
        return len(self.mask)

    @property
    def terminated(self) -> Bool[np.ndarray, " segment"]:
        """Whether an episode truly ends before the window does."""
        return np.logical_not(self.mask.all(axis=1))

    def take(self, index: Int64[np.ndarray, " chosen"]) -> "Segments":
        """The segments at `index`, in that order."""
        return self._each(lambda values: values[index])

    def steps(self, begin: int, end: int) -> "Segments":
        """Steps `begin` to `end` of each segment, as far as it goes."""
        return self._each(lambda values: values[:, begin:end])

    def last_steps(self) -> "Segments":
        """The last real step of each segment, as segments of one step."""
        last = np.maximum(self.mask.sum(axis=1) - 1, 0)
        chosen = np.arange(len(self)), last
        return self._each(lambda values: values[chosen][:, None])

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> "Segments":
        return Segments(
            observations=change(self.observations),
            actions=change(self.actions),
            next_observations=change(self.next_observations),
            mask=change(self.mask),
            criteria=change(self.criteria),
            states=None if self.states is None else change(self.states),
        )

    def arrays(self, index: int) -> dict[str, np.ndarray]:
        """One segment as named arrays, the form in which the store keeps it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value[index] for name, value in values.items() if value is not None}


def stack(parts: Sequence[dict[str, np.ndarray]]) -> Segments:
    """The inverse of `Segments.arrays`, for several segments.

    Shorter ones are padded to the length of the longest by their last step, masked out. States
    are kept where all have them.

    Raises:
        ValueError: if there is none.
    """
    if not parts:
        raise ValueError("at least one segment is needed, got none")
    length = max(len(part["mask"]) for part in parts)
    names = set(parts[0]).intersection(*parts)
    return Segments(
        **{name: np.stack([_padded(name, part[name], length) for part in parts]) for name in names}
    )


def _padded(name: str, steps: np.ndarray, length: int) -> np.ndarray:
    missing = length - len(steps)
    if not missing:
        return steps
    filler = np.zeros_like(steps[-1:]) if name == "mask" else steps[-1:]
    return np.concatenate([steps, np.repeat(filler, missing, axis=0)])


def concatenate(parts: Sequence[Segments]) -> Segments:
    """The segments of several batches of one length, in order."""
    states = [part.states for part in parts if part.states is not None]
    return Segments(
        observations=np.concatenate([part.observations for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        next_observations=np.concatenate([part.next_observations for part in parts]),
        mask=np.concatenate([part.mask for part in parts]),
        criteria=np.concatenate([part.criteria for part in parts]),
        states=np.concatenate(states) if len(states) == len(parts) else None,
    )


def cut(trajectories: Trajectories, starts: Int64[np.ndarray, " segment"], length: int) -> Segments:
    """Windows of `length` steps from the flat indices `starts`, masked after the episode's end.

    Raises:
        ValueError: if a window starts outside the trajectories or reaches past a time limit.
    """
    if ((starts < 0) | (starts >= trajectories.num_steps)).any():
        raise ValueError(
            f"segments must start at steps 0 to {trajectories.num_steps - 1}, "
            f"got {starts.min()} to {starts.max()}"
        )
    trajectory = np.searchsorted(trajectories.starts, starts, side="right") - 1
    end = trajectories.starts[trajectory] + trajectories.lengths[trajectory]
    index = starts[:, None] + np.arange(length)
    mask = index < end[:, None]
    index = np.minimum(index, end[:, None] - 1)
    if not (mask.all(axis=1) | trajectories.terminated[trajectory]).all():
        raise ValueError(
            f"segments of {length} steps may not reach past a time limit; use sample_starts"
        )
    return Segments(
        observations=trajectories.observations[index],
        actions=trajectories.actions[index],
        next_observations=trajectories.next_observations[index],
        mask=mask,
        criteria=trajectories.criteria[index],
        states=None if trajectories.states is None else trajectories.states[index],
    )


def sample_starts(
    trajectories: Trajectories,
    length: int,
    num_segments: int,
    *,
    anchored_share: float = 0.5,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " segment"]:
    """Flat indices where windows of `length` steps may start, drawn with replacement.

    Uniform over all legal windows, but `anchored_share` of the draws are windows that hold a true
    termination, where there is any: those carry most of what there is to learn about episodes
    that end early, and uniform draws rarely meet them.

    Raises:
        ValueError: if no trajectory has room for one window.
    """
    if length < 1:
        raise ValueError(f"segment length must be at least 1, got {length}")
    last_start = np.where(
        trajectories.terminated, trajectories.lengths - 1, trajectories.lengths - length
    )
    room = np.maximum(last_start + 1, 0)
    if room.sum() == 0:
        longest = int(trajectories.lengths.max(initial=0))
        raise ValueError(
            f"segment length must be at most the longest recorded episode ({longest} steps), "
            f"got {length}; use shorter segments"
        )
    starts = _draw(trajectories.starts, room, num_segments, rng)
    anchored_room = np.where(trajectories.terminated, np.minimum(trajectories.lengths, length), 0)
    if anchored_room.sum() > 0:
        offset = np.maximum(trajectories.lengths - length, 0)
        anchored = _draw(trajectories.starts + offset, anchored_room, num_segments, rng)
        starts = np.where(rng.random(num_segments) < anchored_share, anchored, starts)
    return starts


def whole_episode_starts(
    trajectories: Trajectories, length: int, num_segments: int, *, rng: np.random.Generator
) -> Int64[np.ndarray, " segment"]:
    """Flat indices of whole episodes that end within `length` steps, drawn with replacement.

    Raises:
        ValueError: if there is no such episode.
    """
    whole = trajectories.terminated & (trajectories.lengths < length)
    if trajectories.begin is not None:
        whole &= trajectories.begin
    if not whole.any():
        raise ValueError(
            f"segment length must be above the steps of some recorded whole episode, got {length}"
        )
    return rng.choice(trajectories.starts[whole], num_segments)


def _draw(
    first: Int64[np.ndarray, " trajectory"],
    room: Int64[np.ndarray, " trajectory"],
    num_draws: int,
    rng: np.random.Generator,
) -> Int64[np.ndarray, " segment"]:
    """Uniform flat indices over runs of `room` starts that begin at `first`."""
    total = np.cumsum(room)
    ticket = rng.integers(total[-1], size=num_draws)
    run = np.searchsorted(total, ticket, side="right")
    return first[run] + ticket - (total[run] - room[run])
