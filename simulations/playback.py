"""Finished texts of a `Reading`: written by given picks, or by whoever chooses step by step."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from prefgym.simulations.reading import Reading
from prefgym.simulations.text_worlds import SPARE_STEPS, STOP

Act = Callable[[Float32[np.ndarray, "text column"]], Int64[np.ndarray, " text"]]


class Played(NamedTuple):
    """Texts at their end: gold criteria (nan without annotations), last sight, compact state."""

    criteria: Float64[np.ndarray, "text criterion"]
    observations: Float32[np.ndarray, "text column"]
    states: Float32[np.ndarray, "text state"]


def play(
    reading: Reading, numbers: Int64[np.ndarray, " text"], picks: Int64[np.ndarray, "text pick"]
) -> Played:
    """The texts that picks make of numbered sources; `STOP` fills rows of fewer picks."""
    parts = [
        _play(reading, numbers[begin : begin + reading.num_worlds], chosen)
        for begin in range(0, len(numbers), reading.num_worlds)
        if len(chosen := picks[begin : begin + reading.num_worlds])
    ]
    return Played(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _play(
    reading: Reading, numbers: Int64[np.ndarray, " text"], picks: Int64[np.ndarray, "text pick"]
) -> Played:
    """At most as many texts as there are readers."""
    count = len(numbers)
    actions = np.full((reading.num_worlds, picks.shape[1]), STOP, np.int64)
    actions[:count] = picks
    everyone = np.zeros(reading.num_worlds, np.int64)
    everyone[:count] = numbers
    queue = iter(actions.T)
    done = np.full(reading.num_worlds, STOP)
    whole = write(reading, everyone, lambda _: next(queue, done))
    return Played(*(column[:count] for column in whole))


def demonstrate(
    reading: Reading, picks: Int64[np.ndarray, "source pick"]
) -> tuple[Float32[np.ndarray, "step column"], Int64[np.ndarray, " step"]]:
    """What is seen and done at each step by one who makes these picks, for cloning.

    Args:
        reading: one reader per source.
        picks: of every source; `STOP` fills rows of fewer picks.
    """
    seen: list[np.ndarray] = []
    queue = iter(picks.T)

    def act(observations: np.ndarray) -> np.ndarray:
        seen.append(observations.copy())
        return next(queue, np.full(len(picks), STOP))

    write(reading, np.arange(len(picks)), act)
    open_before = np.cumsum(picks == STOP, axis=1) <= (picks == STOP)  # the first STOP counts too
    shown = [rows[open_] for rows, open_ in zip(seen, open_before.T, strict=False)]
    return np.concatenate(shown), np.concatenate(
        [column[open_] for column, open_ in zip(picks.T, open_before.T, strict=True)]
    )


def write(reading: Reading, numbers: Int64[np.ndarray, " reader"], act: Act) -> Played:
    """One text per reader, from the numbered source, by whoever acts on what the readers see."""
    seen = reading.empty_outcome()
    observations, states = seen.observations, seen.states
    reading.start(np.ones(reading.num_worlds, np.bool_), numbers, observations, states)
    criteria = np.zeros_like(seen.gains)
    ended = np.zeros(reading.num_worlds, np.bool_)
    for _ in range(reading.budget + SPARE_STEPS):
        actions = np.where(ended, STOP, act(observations)).astype(np.int64)
        observations, _, gains, now, states = reading.step(actions)
        criteria += gains
        ended |= now
        if ended.all():
            break
    return Played(criteria, observations, states)
