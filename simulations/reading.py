"""A batch of readers, each picking a summary from a source unit by unit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from prefgym.simulations.corpora import LANGUAGES, word_counts
from prefgym.simulations.encoders import Encoder
from prefgym.simulations.source import MAX_UNITS, Source, join
from prefgym.simulations.text_gold import CRITERIA, OVERALL
from prefgym.simulations.text_observation import OBSERVATION_SIZE
from prefgym.simulations.text_table import text_table
from prefgym.simulations.text_worlds import STOP, pick, see

NUM_CLOCKS = 2


class Reading:
    """Readers of shared sources. A compact state is [source, number of picks, picks ...].

    Gold of a source without annotations is nan.
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
        self.taste = taste
        counts = {language: word_counts(language) for language in LANGUAGES}
        self.table = text_table(self.texts, budget, counts, encoder)
        self.sources = np.zeros(num_worlds, np.int64)
        self.picks = np.zeros((num_worlds, budget), np.int64)
        self.clocks = np.zeros((num_worlds, NUM_CLOCKS), np.int64)
        self._so_far = np.zeros((num_worlds, len(CRITERIA)))

    @property
    def num_worlds(self) -> int:
        """How many readers there are."""
        return len(self.sources)

    def start(
        self,
        world: int,
        source: int,
        observation: Float32[np.ndarray, " column"],
        state: Float32[np.ndarray, " state"],
    ) -> None:
        """Lets one reader begin with a source; overwrites its observation and state."""
        self.sources[world] = source
        self.picks[world] = 0
        self.clocks[world] = 0
        self._so_far[world] = 0.0
        see(self.table, source, self.picks[world], self.clocks[world], observation)
        state[:] = 0.0
        state[0] = source

    def step(
        self, actions: Int64[np.ndarray, " world"]
    ) -> tuple[
        Float32[np.ndarray, "world column"],
        Float64[np.ndarray, "world criterion"],
        Bool[np.ndarray, " world"],
        Float32[np.ndarray, "world state"],
    ]:
        """Moves every reader by one pick; STOP = MAX_UNITS ends the text.

        Returns observations, gains in each criterion, which texts have ended, and compact states.

        Raises:
            ValueError: if an action is neither a unit's number nor STOP.
        """
        wrong = (actions < 0) | (actions > STOP)
        if wrong.any():
            world = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"action must be in [0, {STOP}] (a unit, or {STOP} to stop), "
                f"got {actions[world]} in world {world}"
            )
        observations = np.empty((self.num_worlds, OBSERVATION_SIZE), np.float32)
        gains = np.empty((self.num_worlds, len(CRITERIA)))
        ended = np.empty(self.num_worlds, np.bool_)
        pick(
            self.table,
            self.sources,
            self.picks,
            self.clocks,
            actions,
            self.taste,
            self._so_far,
            gains,
            ended,
            observations,
        )
        gains[~self.table.annotated[self.sources]] = np.nan
        return observations, gains, ended, self.states()

    def states(self) -> Float32[np.ndarray, "world state"]:
        """What it takes to show every summary again."""
        parts = (self.sources[:, None], self.clocks[:, :1], self.picks)
        return np.concatenate(parts, axis=1).astype(np.float32)

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
        masks = np.zeros((self.num_worlds, STOP + 1), np.bool_)
        masks[:, :STOP] = np.arange(STOP) < self.table.num_units[self.sources][:, None]
        for i in range(self.picks.shape[1]):
            taken = self.clocks[:, 0] > i
            masks[taken, self.picks[taken, i]] = False
        masks[:, STOP] = self.clocks[:, 0] > 0
        return masks


def reward(gains: Float64[np.ndarray, "world criterion"]) -> Float64[np.ndarray, " world"]:
    """Gold reward of a step: how much it raised the overall criterion; 0 where gold is unknown."""
    return np.nan_to_num(gains[:, OVERALL])
