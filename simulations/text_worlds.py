"""The kernel that moves a batch of readers by one pick each."""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from prefgym.simulations.compiled import compiled
from prefgym.simulations.source import MAX_UNITS
from prefgym.simulations.text_gold import Taste, score_text
from prefgym.simulations.text_observation import observe
from prefgym.simulations.text_table import TextTable

STOP = MAX_UNITS  # the action that ends the text
SPARE_STEPS = 3  # picks that change nothing cost a step; so many may be wasted


@compiled
def pick(
    table: TextTable,
    sources: Int64[np.ndarray, " world"],
    picks: Int64[np.ndarray, "world pick"],
    clocks: Int64[np.ndarray, "world 2"],
    actions: Int64[np.ndarray, " world"],
    taste: Taste,
    criteria: Float64[np.ndarray, "world criterion"],
    gains: Float64[np.ndarray, "world criterion"],
    ended: Bool[np.ndarray, " world"],
    observations: Float32[np.ndarray, "world column"],
) -> None:
    """Adds a unit to every world's summary, or ends it.

    Args:
        table: all sources.
        sources: which source each world reads.
        picks: units picked so far, in order; its width is the budget.
        clocks: number of picks and of steps.
        actions: index of a unit, or STOP. A unit that is not there or was picked changes nothing.
        taste: of the reader whose gold it is.
        criteria: of the summaries so far; replaced.
        gains: by how much this step raised each criterion; written.
        ended: written: STOP, budget spent, or no step left.
        observations: written.
    """
    budget = picks.shape[1]
    for world in range(len(sources)):
        source, action = sources[world], actions[world]
        num_picks = clocks[world, 0]
        # a batch that resets at its next step moves worlds whose budget is spent
        new = num_picks < budget and action < table.num_units[source]
        for i in range(num_picks):
            new &= picks[world, i] != action
        if new:
            picks[world, num_picks] = action
            num_picks += 1
        clocks[world, 0] = num_picks
        clocks[world, 1] += 1
        for criterion in range(criteria.shape[1]):
            gains[world, criterion] = criteria[world, criterion]
        score_text(table, source, picks[world], num_picks, taste, budget, criteria[world])
        for criterion in range(criteria.shape[1]):
            gains[world, criterion] = criteria[world, criterion] - gains[world, criterion]
        ended[world] = (
            action == STOP or num_picks == budget or clocks[world, 1] == budget + SPARE_STEPS
        )
        see(table, source, picks[world], clocks[world], observations[world])


@compiled
def see(
    table: TextTable,
    source: int,
    picks: Int64[np.ndarray, " pick"],
    clock: Int64[np.ndarray, " 2"],
    out: Float32[np.ndarray, " column"],
) -> None:
    """Writes the observation of one world."""
    budget = len(picks)
    observe(table, source, picks, clock[0], budget, clock[1] / (budget + SPARE_STEPS), out)
