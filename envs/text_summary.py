"""Summaries picked unit by unit from a source text: `prefgym/TextSummary-v0`, one reader."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prefgym.envs.text_render import as_ansi, as_html
from prefgym.envs.text_sources import read_texts
from prefgym.simulations.corpora import CORPORA, LANGUAGES, SPLITS, Corpus, Split, sources
from prefgym.simulations.encoders import ENCODERS, EncoderName, find_encoder
from prefgym.simulations.reading import Reading
from prefgym.simulations.source import Source
from prefgym.simulations.text_gold import CRITERIA
from prefgym.simulations.text_observation import (
    BOUND,
    OBSERVATION_NAMES,
    OBSERVATION_SIZE,
    SUMMARY_NAMES,
    UNIT_SIZE,
)
from prefgym.simulations.text_worlds import SPARE_STEPS, STOP

BUDGETS: Mapping[str, int] = MappingProxyType({"sunsets": 5, "articles": 4})
OWN_BUDGET = 4
MAX_STEPS = max(BUDGETS.values()) + SPARE_STEPS
# accuracy, coherence, vividness, appeal; wanted length per budgeted unit, and its relative width
DEFAULT_TASTE = (0.35, 0.25, 0.25, 0.15, 1.0, 0.4)
REWARD_INPUTS = SUMMARY_NAMES
WEIGHTS = (0.0, 0.0, 0.0, 0.0, 1.0)
RENDER_MODES = ("ansi",)


@dataclass(frozen=True, slots=True)
class TextConfig:
    """What is read.

    Attributes:
        corpus: "sunsets", scenes to be written from an observer's notes, or "articles".
        language: "en", "zh", or "both".
        split: "train", "validation", "test", or "topic": articles of a topic kept apart.
        rewrites: whether an article's rewordings can be picked, or only its own sentences.
        budget: units a summary may have; 0: 5 for sunsets, 4 for anything else.
        text: a text of one's own in place of a corpus: a string, a file, or a folder of files.
            There is no gold for it.
        encoder: what tells how alike sentences are: "words" they share, weighted by TF-IDF, or
            "wordllama", sentence embeddings (pip install 'prefgym[text]').
    """

    corpus: Corpus = "sunsets"
    language: Literal["en", "zh", "both"] = "en"
    split: Split = "train"
    rewrites: bool = True
    budget: int = 0
    text: str | Path | None = None
    encoder: EncoderName = "words"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("corpus", self.corpus, CORPORA),
            ("language", self.language, (*LANGUAGES, "both")),
            ("split", self.split, SPLITS),
            ("encoder", self.encoder, ENCODERS),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if not 0 <= self.budget <= STOP:
            raise ValueError(f"budget must be in [0, {STOP}] units, got {self.budget}")

    def sources(self) -> tuple[Source, ...]:
        """The texts so configured."""
        if self.text is not None:
            return read_texts(self.text)
        languages = LANGUAGES if self.language == "both" else (self.language,)
        found = [
            text for language in languages for text in sources(self.corpus, language, self.split)
        ]
        if self.corpus == "articles" and not self.rewrites:
            found = [without_rewrites(source) for source in found]
        return tuple(found)

    @property
    def num_units(self) -> int:
        """Units a summary may have."""
        return self.budget or (OWN_BUDGET if self.text is not None else BUDGETS[self.corpus])

    def reading(self, num_worlds: int) -> Reading:
        """Readers of these texts, not yet started."""
        encoder, taste = find_encoder(self.encoder), np.array(DEFAULT_TASTE)
        return Reading(num_worlds, self.sources(), self.num_units, taste, encoder)


def without_rewrites(source: Source) -> Source:
    """The same source with nothing to pick but its own sentences."""
    own = tuple(unit for unit in source.units if unit.kind == "source")
    return replace(source, units=own)


def observation_space() -> spaces.Space[NDArray[np.float32]]:
    """Returns the observation space of one reader; `OBSERVATION_NAMES` names its columns."""
    return spaces.Box(-BOUND, BOUND, (OBSERVATION_SIZE,), np.float32)


def check_render_mode(render_mode: str | None) -> str | None:
    """Returns the render mode, if it is one.

    Raises:
        ValueError: if the environment cannot write that way.
    """
    if render_mode not in (None, *RENDER_MODES):
        raise ValueError(f"render_mode must be None or 'ansi', got {render_mode!r}")
    return render_mode


class TextSummaryEnv(gymnasium.Env[NDArray[np.float32], np.int64]):
    """One reader who picks the units of a summary, then stops.

    The reward of a step is how much it raised the overall gold criterion, so an episode's return
    is the gold of its text. Actions are the units' numbers, and `STOP`; a unit that is not there
    or was picked changes nothing and costs one of the few spare steps. `action_masks` tells which
    actions change something, as sb3-contrib's MaskablePPO asks. A text of one's own has no gold:
    its reward is 0 and `info` holds no criteria (in the vector form they are nan).

    >>> import gymnasium, prefgym.envs
    >>> text = "It rained. The bus was late. We walked."
    >>> env = gymnasium.make("prefgym/TextSummary-v0", text=text)
    >>> observation, info = env.reset(seed=0)
    >>> *_, info = env.step(2)
    >>> env.unwrapped.text()
    'We walked.'
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        corpus: Corpus = "sunsets",
        language: Literal["en", "zh", "both"] = "en",
        split: Split = "train",
        rewrites: bool = True,
        budget: int = 0,
        text: str | Path | None = None,
        encoder: EncoderName = "words",
    ) -> None:
        self.config = TextConfig(corpus, language, split, rewrites, budget, text, encoder)
        self.render_mode = check_render_mode(render_mode)
        self.criteria: tuple[str, ...] = CRITERIA
        self.weights = np.array(WEIGHTS)
        self.observation_names: tuple[str, ...] = OBSERVATION_NAMES
        self.candidates = (STOP, UNIT_SIZE)
        self.observation_space = observation_space()
        self.action_space = spaces.Discrete(STOP + 1)
        self._reading = self.config.reading(1)
        self._everyone = np.ones(1, np.bool_)
        self._action = np.zeros(1, np.int64)
        self._state = np.zeros(0, np.float32)
        self._annotated = False
        self._ended = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Opens a source at random, or number `options["source"]`."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(len(self._reading.texts)))
        if options is not None and "source" in options:
            number = self._chosen(options["source"])
        outcome = self._reading.empty_outcome()
        self._reading.start(
            self._everyone, np.array([number]), outcome.observations, outcome.states
        )
        self._state = outcome.states[0]
        self._annotated = self.opened.annotated
        self._ended = False
        return outcome.observations[0], {"state": self._state}

    def _chosen(self, wanted: object) -> int:
        count = len(self._reading.texts)
        if not isinstance(wanted, (int, np.integer)) or not 0 <= wanted < count:
            raise ValueError(f"source must be a number in [0, {count}), got {wanted!r}")
        return int(wanted)

    def step(
        self, action: np.int64 | int
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, NDArray[np.floating]]]:
        """Picks a unit, or stops."""
        if self._ended:
            raise gymnasium.error.ResetNeeded("step() needs an episode: call reset() first")
        self._action[0] = action
        observations, rewards, gains, ended, states = self._reading.step(self._action)
        self._state = states[0]
        self._ended = bool(ended[0])
        info: dict[str, NDArray[np.floating]] = {"state": self._state}
        if self._annotated:
            info["criteria"] = gains[0]
        return observations[0], float(rewards[0]), self._ended, False, info

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every text that may be opened."""
        return self._reading.texts

    @property
    def source(self) -> str:
        """The text to be summarised."""
        return self.opened.text

    def text(self) -> str:
        """The summary so far."""
        self._check_open()
        return self._reading.text(self._state)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions change something, shape (units + 1,)."""
        self._check_open()
        return self._reading.open_actions()[0]

    @property
    def opened(self) -> Source:
        """The source that is open, with its annotations."""
        self._check_open()
        return self._reading.texts[int(self._state[0])]

    def _check_open(self) -> None:
        if not len(self._state):
            raise gymnasium.error.ResetNeeded("no source is open: call reset() first")

    def render(self) -> str | None:
        """Returns the source with its picks marked, and the summary; None without a mode."""
        if self.render_mode is None:
            return None
        self._check_open()
        return self.render_state(self._state)

    def render_state(self, state: NDArray[np.float32]) -> str:
        """Returns any recorded `info["state"]` of an environment like this one as plain text."""
        return as_ansi(*self._reading.picked(state))

    def html(self, state: NDArray[np.float32] | None = None) -> str:
        """Returns a compact state, or the present one, as HTML: source and summary side by side."""
        self._check_open()
        return as_html(*self._reading.picked(self._state if state is None else state))
