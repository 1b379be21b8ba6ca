"""Stored segments as things to look at: a drive, a text, a recorded clip, or else numbers."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float32

from prefgym.envs.driving import DrivingConfig
from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.label.drives import driven_states, read_scene
from prefgym.feedback.label.edits import edited_segment
from prefgym.feedback.label.pictures import driving_picture
from prefgym.feedback.label.views import ClipView, DrivingView, NumbersView, TextView, View
from prefgym.feedback.posted_query import Environment, PostedQuery
from prefgym.feedback.scene import trace
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import MEDIA_TYPES
from prefgym.simulations.source import Source, Unit, join

LOG = logging.getLogger("prefgym.label")
Arrays = Mapping[str, np.ndarray]

MAX_COLUMNS, MAX_ROWS = 12, 60
_PICTURES_KEPT, _VIEWS_KEPT = 64, 512


class Viewer:
    """Shows the segments of a store; what they were recorded in is asked of the store, once.

    Only environments of prefgym are made from what the store says: to make any environment that
    is named there would run whatever code it names.
    """

    def __init__(self, store: FeedbackStore) -> None:
        self.store = store
        self._config: DrivingConfig | TextConfig | None = None
        self._texts: tuple[Source, ...] = ()
        self._environment: Environment | None = None
        self._content = lru_cache(_VIEWS_KEPT)(self._make)
        self._driven = lru_cache(_VIEWS_KEPT)(self._drive)
        self._picture = lru_cache(_PICTURES_KEPT)(self._draw)

    @property
    def environment(self) -> Environment | None:
        """What the segments were recorded in; None as long as nobody has said so."""
        if self._environment is None:
            found = self.store.environment()
            if found is not None:
                self._config = _config(found)
                if isinstance(self._config, TextConfig):
                    self._texts = self._config.sources()
                self._environment = found
                self._content.cache_clear()
        return self._environment

    def view(self, segment: str, address: str) -> View:
        """What a person sees of a segment.

        Args:
            segment: its id.
            address: where the person finds its clip or picture.

        Raises:
            ValueError: if it is not stored.
        """
        return _placed(self._content(segment), address)

    def scene_view(self, query: PostedQuery, address: str) -> View:
        """What a person sees who is to drive: the scene, with what came just before it.

        Raises:
            ValueError: if the scene is none.
        """
        if not query.scene or self.environment is None:
            return self.view(query.segments[0], address)
        return _placed(self._driven(query.scene), address)

    def edited(self, segment: str, text: str) -> Arrays:
        """The segment of a text that a person would have written in place of a stored one.

        Raises:
            ValueError: if what is stored is no text.
        """
        shown = self.view(segment, "")
        if not isinstance(shown, TextView) or not isinstance(self._config, TextConfig):
            raise ValueError(f"segment {segment} must be a text to be edited")
        (original,) = self.store.segments([segment])
        return edited_segment(self._config, original, shown.source, text)

    def picture(self, segment: str) -> tuple[str, bytes] | None:
        """A recorded clip, or a drive drawn now, and its media type; None if it is neither."""
        clip = self.store.clip(segment)
        if clip is not None:
            return clip if clip[0] in MEDIA_TYPES else None
        known = self.environment is not None and isinstance(self._config, DrivingConfig)
        drawn = self._picture(segment) if known else None
        return None if drawn is None else ("image/webp", drawn)

    def _make(self, segment: str) -> View:
        (arrays,) = self.store.segments([segment])
        clip = self.store.clip(segment)
        if clip is not None and clip[0] in MEDIA_TYPES:
            return ClipView("", clip[0])
        states = real_states(arrays)
        if self.environment is not None and states is not None:
            if isinstance(self._config, DrivingConfig) and states.ndim == 3:
                return DrivingView(trace(states, self.environment), "")
            if _is_text(self._texts, states):
                return text_view(self._texts, states[-1])
        return numbers_view(arrays)

    def _drive(self, name: str) -> View:
        scene = read_scene(self.store, name)
        assert scene is not None
        assert self.environment is not None
        return DrivingView(trace(driven_states(self.environment, scene, ()), self.environment), "")

    def _draw(self, segment: str) -> bytes | None:
        try:
            (arrays,) = self.store.segments([segment])
        except ValueError:  # not stored
            return None
        states = real_states(arrays)
        if not isinstance(self._config, DrivingConfig) or states is None or states.ndim != 3:
            return None
        return driving_picture(self._config, states)


def _placed(view: View, address: str) -> View:
    """The view, with the address of its clip or picture."""
    if isinstance(view, DrivingView):
        return replace(view, picture=address)
    return replace(view, url=address) if isinstance(view, ClipView) else view


def real_states(arrays: Arrays) -> Float32[np.ndarray, "time ..."] | None:
    """Compact render states of the steps that are no padding; None if there are none."""
    states, mask = arrays.get("states"), arrays.get("mask")
    if states is None or mask is None or not mask.any():
        return None
    return states[mask].astype(np.float32)


def _is_text(sources: tuple[Source, ...], states: Float32[np.ndarray, "time ..."]) -> bool:
    """Whether the last state names a source, and units of it."""
    if states.ndim != 2 or states.shape[1] < 2 or not np.isfinite(states).all():
        return False
    number, num_picks = int(states[-1, 0]), int(states[-1, 1])
    if not (0 <= number < len(sources) and 0 <= num_picks <= states.shape[1] - 2):
        return False
    picks = states[-1, 2 : 2 + num_picks]
    return bool(((picks >= 0) & (picks < len(sources[number].units))).all())


def text_view(sources: tuple[Source, ...], state: Float32[np.ndarray, " state"]) -> TextView:
    """The text of a compact state [source, number of picks, picks ...]."""
    source, num_picks = sources[int(state[0])], int(state[1])
    units = [source.units[int(number)] for number in state[2 : 2 + num_picks]]
    return TextView(
        source=source.text,
        text=join([unit.text for unit in units], source.language),
        language=source.language,
        sentences=tuple(unit.text for unit in units),
        wordings=tuple(tuple(other.text for other in wordings(source, unit)) for unit in units),
    )


def wordings(source: Source, unit: Unit) -> list[Unit]:
    """Other wordings of a unit that the source offers."""
    return [
        other
        for other in source.units
        if other.place == unit.place and other is not unit and other.kind != "off-topic"
    ]


def numbers_view(arrays: Arrays) -> NumbersView:
    """What was observed and done, step by step; of gold criteria nothing is shown."""
    columns: dict[str, np.ndarray] = {}
    mask = arrays.get("mask", np.ones(0, np.bool_))
    for name, letter in (("observations", "o"), ("actions", "a")):
        values = arrays.get(name)
        if values is None or values.shape[:1] != mask.shape:
            continue
        flat = values[mask].reshape(int(mask.sum()), -1)
        columns |= {f"{letter}{number}": column for number, column in enumerate(flat.T)}
    names = tuple(columns)[:MAX_COLUMNS]
    steps = range(min(int(mask.sum()), MAX_ROWS))
    return NumbersView(
        ("step", *names),
        tuple((str(step), *(f"{columns[name][step]:.4g}" for name in names)) for step in steps),
    )


def _config(environment: Environment) -> DrivingConfig | TextConfig | None:
    """The road or the texts of an environment of ours; None for any other."""
    kwargs = {k: v for k, v in environment.env_kwargs.items() if k != "render_mode"}
    known = {"prefgym/Driving-v0": DrivingConfig, "prefgym/TextSummary-v0": TextConfig}
    if environment.env_id not in known:
        return None
    try:
        return known[environment.env_id](**kwargs)
    except (TypeError, ValueError) as error:
        LOG.warning("%s is shown as numbers: %s", environment.env_id, error)
        return None
