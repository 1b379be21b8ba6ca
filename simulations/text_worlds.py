"""The kernels that open texts for a batch of readers and move each by one pick."""

from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from numpy.typing import NDArray

from prefgym.simulations.compiled import compiled
from prefgym.simulations.source import MAX_UNITS
from prefgym.simulations.text_gold import CRITERIA, OVERALL, Taste, score_text
from prefgym.simulations.text_observation import (
    OBSERVATION_SIZE,
    STEP_COLUMN,
    SUMMARY_START,
    add_pick,
    first_sight,
    summarise,
)
from prefgym.simulations.text_table import Text, Texts

STOP = MAX_UNITS  # the action that ends the text
SPARE_STEPS = 3  # picks that change nothing cost a step; so many may be wasted

Reader: TypeAlias = np.record  # a row, with attributes
Readers: TypeAlias = NDArray[np.void]
# What one reader has done: picks in order, criteria of the summary so far, what is seen of it.
READER = np.dtype(
    (
        np.record,
        np.dtype(
            [
                ("source", np.int64),
                ("num_picks", np.int64),
                ("num_steps", np.int64),
                ("picks", np.int64, (MAX_UNITS,)),
                ("criteria", np.float64, (len(CRITERIA),)),
                ("sight", np.float32, (OBSERVATION_SIZE,)),
            ],
            align=True,
        ),
    )
)


@compiled
def start_readers(
    table: Texts,
    readers: Readers,
    chosen: Bool[np.ndarray, " world"],
    sources: Int64[np.ndarray, " world"],
    observations: Float32[np.ndarray, "world column"],
    states: Float32[np.ndarray, "world state"],
) -> None:
    """Lets the chosen readers begin with a source each; overwrites what they see."""
    for world in range(len(readers)):
        if chosen[world]:
            reader = readers[world]
            reader.source = sources[world]
            reader.num_picks = 0
            reader.num_steps = 0
            reader.picks[:] = 0
            reader.criteria[:] = 0.0
            first_sight(table[reader.source], reader.sight)
            show(reader, observations[world], states[world])


@compiled
def step_readers(
    table: Texts,
    readers: Readers,
    actions: Int64[np.ndarray, " world"],
    budget: int,
    taste: Taste,
    observations: Float32[np.ndarray, "world column"],
    rewards: Float64[np.ndarray, " world"],
    gains: Float64[np.ndarray, "world criterion"],
    ended: Bool[np.ndarray, " world"],
    states: Float32[np.ndarray, "world state"],
) -> int:
    """Adds a unit to every reader's summary, or ends it.

    Returns the first world whose action is none, in which case nobody moved, or -1.

    Args:
        table: all sources.
        readers: moved.
        actions: index of a unit, or STOP. A unit that is not there or was picked changes nothing.
        budget: units a summary may have.
        taste: of the reader whose gold it is.
        observations: written.
        rewards: written: the gain in the overall criterion, 0 where there is no gold.
        gains: written: by how much this step raised each criterion, nan where there is no gold.
        ended: written: STOP, budget spent, or no step left.
        states: written.
    """
    for world in range(len(readers)):
        if not 0 <= actions[world] <= STOP:
            return world
    for world in range(len(readers)):
        reader, action = readers[world], actions[world]
        text = table[reader.source]
        gains[world] = 0.0 if text.annotated else np.nan
        reader.num_steps += 1
        if can_pick(text, reader, action, budget):
            reader.picks[reader.num_picks] = action
            reader.num_picks += 1
            see_pick(text, reader, budget)
            if text.annotated:
                raise_criteria(table, reader, budget, taste, gains[world])
        rewards[world] = gains[world, OVERALL] if text.annotated else 0.0
        ended[world] = (
            action == STOP or reader.num_picks == budget or reader.num_steps == budget + SPARE_STEPS
        )
        reader.sight[STEP_COLUMN] = reader.num_steps / (budget + SPARE_STEPS)
        show(reader, observations[world], states[world])
    return -1


@compiled
def can_pick(text: Text, reader: Reader, action: int, budget: int) -> bool:
    """Returns whether the action adds a unit.

    A batch that resets at its next step moves readers whose budget is spent.
    """
    new = reader.num_picks < budget and action < text.num_units
    for i in range(reader.num_picks):
        new &= reader.picks[i] != action
    return new


@compiled
def see_pick(text: Text, reader: Reader, budget: int) -> None:
    """Brings what is seen up to date with the last pick."""
    picks, num_picks, sight = reader.picks, reader.num_picks, reader.sight
    add_pick(text, picks, num_picks, sight)
    summarise(text, picks, num_picks, budget, sight[SUMMARY_START:STEP_COLUMN])


@compiled
def raise_criteria(
    table: Texts,
    reader: Reader,
    budget: int,
    taste: Taste,
    gains: Float64[np.ndarray, " criterion"],
) -> None:
    """Judges the summary so far, and writes by how much each criterion has risen."""
    criteria = reader.criteria
    for criterion in range(len(gains)):
        gains[criterion] = criteria[criterion]
    score_text(table, reader.source, reader.picks, reader.num_picks, taste, budget, criteria)
    for criterion in range(len(gains)):
        gains[criterion] = criteria[criterion] - gains[criterion]


@compiled
def show(
    reader: Reader,
    observation: Float32[np.ndarray, " column"],
    state: Float32[np.ndarray, " state"],
) -> None:
    """Writes what one reader sees, and the compact state [source, number of picks, picks ...]."""
    for column in range(OBSERVATION_SIZE):
        observation[column] = reader.sight[column]
    state[0] = reader.source
    state[1] = reader.num_picks
    for i in range(len(state) - 2):
        state[2 + i] = reader.picks[i]
