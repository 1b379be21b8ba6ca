"""A batch of readers, each picking a summary from a source unit by unit."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from prefgym.simulations.corpora import LANGUAGES, word_counts
from prefgym.simulations.encoders import Encoder
from prefgym.simulations.source import MAX_UNITS, Source, join
from prefgym.simulations.text_gold import CRITERIA
from prefgym.simulations.text_observation import OBSERVATION_SIZE
from prefgym.simulations.text_table import text_table
from prefgym.simulations.text_worlds import READER, STOP, start_readers, step_readers


class Outcome(NamedTuple):
    """What a pick led to, one row per reader.

    `rewards` is by how much it raised the overall criterion, 0 where gold is unknown; `gains` by
    how much each criterion, nan where gold is unknown.
    """

    observations: Float32[np.ndarray, "world column"]
    rewards: Float64[np.ndarray, " world"]
    gains: Float64[np.ndarray, "world criterion"]
    ended: Bool[np.ndarray, " world"]
    states: Float32[np.ndarray, "world state"]


class Reading:
    """Readers of shared sources. A compact state is [source, number of picks, picks ...].

    `table` holds the sources as records of type `text_table.TEXT`.
    """

    def __init__(
        self,
        num_worlds: int,
        sources: Sequence[Source],
        budget: int,
        taste: Float64[np.ndarray, " taste"],
        encoder: Encoder | None = None,
    ) -> None:
        if num_worlds < 1:
            raise ValueError(f"num_worlds must be at least 1, got {num_worlds}")
        if not 1 <= budget <= MAX_UNITS:
            raise ValueError(f"budget must be in [1, {MAX_UNITS}] units, got {budget}")
        self.texts = tuple(sources)
        self.num_worlds = num_worlds
        self.budget = budget
        self.taste = taste
        counts = {language: word_counts(language) for language in LANGUAGES}
        # numba takes ten times as long to recognise the subclass with attributes
        self.table = np.asarray(text_table(self.texts, budget, counts, encoder))
        self._readers = np.zeros(num_worlds, READER)
        self._obs_shape = (num_worlds, OBSERVATION_SIZE)
        self._gains_shape = (num_worlds, len(CRITERIA))
        self._state_shape = (num_worlds, 2 + budget)

    def start(
        self,
        chosen: Bool[np.ndarray, " world"],
        sources: Int64[np.ndarray, " world"],
        observations: Float32[np.ndarray, "world column"],
        states: Float32[np.ndarray, "world state"],
    ) -> None:
        """Lets the chosen readers begin with a source each and overwrites what they see."""
        start_readers(self.table, self._readers, chosen, sources, observations, states)

    def step(self, actions: Int64[np.ndarray, " world"]) -> Outcome:
        """Moves every reader by one pick; STOP = MAX_UNITS ends the text.

        The arrays returned are the caller's to keep.

        Raises:
            ValueError: if an action is neither a unit's number nor STOP.
        """
        outcome = self.empty_outcome()
        invalid = step_readers(
            self.table, self._readers, actions, self.budget, self.taste, *outcome
        )
        if invalid >= 0:
            raise ValueError(
                f"action must be in [0, {STOP}] (a unit, or {STOP} to stop), "
                f"got {actions[invalid]} in world {invalid}"
            )
        return outcome

    def empty_outcome(self) -> Outcome:
        """Arrays to be written."""
        return Outcome(
            np.empty(self._obs_shape, np.float32),
            np.empty(self.num_worlds),
            np.empty(self._gains_shape),
            np.empty(self.num_worlds, np.bool_),
            np.empty(self._state_shape, np.float32),
        )

    def picked(self, state: Float32[np.ndarray, " state"]) -> tuple[Source, list[str]]:
        """The source of a compact state and the units picked from it, as text."""
        source, num_picks = self.texts[int(state[0])], int(state[1])
        return source, [source.units[int(i)].text for i in state[2 : 2 + num_picks]]

    def text(self, state: Float32[np.ndarray, " state"]) -> str:
        """The summary of a compact state as one string."""
        source, units = self.picked(state)
        return join(units, source.language)

    def open_actions(self) -> Bool[np.ndarray, "world action"]:
        """Which actions change something: units not yet picked, and STOP once there is a text."""
        num_picks, picks = self._readers["num_picks"], self._readers["picks"]
        num_units = self.table["num_units"][self._readers["source"]]
        masks = np.zeros((self.num_worlds, STOP + 1), np.bool_)
        masks[:, :STOP] = np.arange(STOP) < num_units[:, None]
        for i in range(self.budget):
            taken = num_picks > i
            masks[taken, picks[taken, i]] = False
        masks[:, STOP] = num_picks > 0
        return masks
