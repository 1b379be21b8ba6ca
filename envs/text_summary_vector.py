"""Many readers in one batch: the native vector form of `prefgym/TextSummary-v0`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from prefgym.envs.text_render import as_ansi
from prefgym.envs.text_summary import (
    WEIGHTS,
    TextConfig,
    TextSummaryEnv,
    check_render_mode,
    observation_space,
)
from prefgym.envs.worlds_vector import Outcome, WorldsVectorEnv, check_num_envs
from prefgym.simulations import reading
from prefgym.simulations.corpora import Corpus, Split
from prefgym.simulations.encoders import EncoderName
from prefgym.simulations.text_gold import CRITERIA
from prefgym.simulations.text_observation import OBSERVATION_NAMES
from prefgym.simulations.text_worlds import STOP


class TextWorlds:
    """A batch of readers; a text ends when its reader stops or has used the budget."""

    def __init__(self, config: TextConfig, num_worlds: int) -> None:
        self.criteria: tuple[str, ...] = CRITERIA
        self.weights = np.array(WEIGHTS)
        self.observation_names: tuple[str, ...] = OBSERVATION_NAMES
        self.observation_space = observation_space()
        self.action_space: spaces.Space[Any] = spaces.Discrete(STOP + 1)
        self.reading = config.reading(num_worlds)

    def start(
        self,
        chosen: NDArray[np.bool_],
        generators: Sequence[np.random.Generator],
        outcome: Outcome,
    ) -> None:
        """Opens a source at random for the chosen readers."""
        sources = np.zeros(len(chosen), np.int64)
        for world in np.flatnonzero(chosen).tolist():
            sources[world] = generators[world].integers(len(self.reading.texts))
        self.reading.start(chosen, sources, outcome.observations, outcome.states)

    def step(self, actions: ArrayLike) -> Outcome:
        """Lets every reader pick a unit, or stop.

        Raises:
            ValueError: if the actions are not one whole number per reader.
        """
        chosen = np.asarray(actions)
        if chosen.shape != (self.reading.num_worlds,) or not np.issubdtype(
            chosen.dtype, np.integer
        ):
            raise ValueError(
                f"actions must be {self.reading.num_worlds} whole numbers, "
                f"got {chosen.dtype} of shape {chosen.shape}"
            )
        return self._complete(self.reading.step(chosen.astype(np.int64)))

    def empty_outcome(self) -> Outcome:
        """Arrays to be written."""
        return self._complete(self.reading.empty_outcome())

    def render_state(self, state: NDArray[np.float32]) -> str:
        """Any recorded row of `infos["state"]` as plain text."""
        return as_ansi(*self.reading.picked(state))

    def _complete(self, outcome: reading.Outcome) -> Outcome:
        observations, rewards, gains, ended, states = outcome
        return Outcome(observations, rewards, gains, ended, np.zeros_like(ended), states)


class TextSummaryVectorEnv(WorldsVectorEnv):
    """A batch of `TextSummaryEnv`, of the same keywords, with `action_masks` of all readers."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        corpus: Corpus = "sunsets",
        language: Literal["en", "zh", "both"] = "en",
        split: Split = "train",
        rewrites: bool = True,
        budget: int = 0,
        text: str | Path | None = None,
        encoder: EncoderName = "words",
    ) -> None:
        check_num_envs(num_envs)
        config = TextConfig(corpus, language, split, rewrites, budget, text, encoder)
        self._text_worlds = TextWorlds(config, num_envs)
        super().__init__(
            self._text_worlds,
            num_envs,
            autoreset_mode=autoreset_mode,
            render_mode=check_render_mode(render_mode),
            metadata=TextSummaryEnv.metadata,
        )

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions change something, shape (reader, units + 1)."""
        return self._text_worlds.reading.open_actions()
