"""A store with about thirty questions of a quick recording, to try the page without a trainer."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import gymnasium
import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw

from prefgym.envs.driving_styles import held_styles
from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.label.pictures import moving_picture
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posted_query import KINDS, Environment, PostedQuery, QueryKind
from prefgym.feedback.scene import record_scenes
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.drivers import CRITERIA
from prefgym.simulations.playback import play
from prefgym.simulations.summarizers import lead, most_central, random_picks

DemoName = Literal["driving", "text", "classic"]
DEMOS: tuple[DemoName, ...] = get_args(DemoName)
_CLIP_STEPS = 20  # decisions, 10 s
_POLE_STEPS = 100  # 2 s
_NUM_DRIVES, _NUM_RANDOM, _NUM_ARTICLES, _NUM_POLES = 24, 4, 6, 16
_KINDS: Mapping[DemoName, Sequence[QueryKind]] = {
    "driving": KINDS,
    "text": ("comparison", "ranking", "rating", "correction"),
    "classic": ("comparison", "ranking", "rating"),
}

# How often each kind is asked in turn, so that every kind is met early.
_ASKED: Sequence[tuple[QueryKind, int]] = (
    ("comparison", 2),
    ("rating", 1),
    ("correction", 1),
    ("ranking", 1),
    ("intervention", 1),
    ("demonstration", 1),
)
_TURNS = 5
_SHOWN = {"comparison": 2, "ranking": 4}


class Recording(NamedTuple):
    """Stored segments.

    `groups` may be compared among themselves; `scenes` are ids by that of the segment; `criteria`
    can be rated.
    """

    groups: Sequence[Sequence[str]]
    scenes: Mapping[str, str]
    criteria: tuple[str, ...]


def post_demo(
    store: FeedbackStore, name: DemoName, *, language: str = "en", rng: np.random.Generator
) -> int:
    """Record and ask; the number of questions.

    Args:
        store: a new one.
        name: what to show: driving, summaries of articles, or a pole on a cart.
        language: of the texts, "en" or "zh".
        rng: of the behaviour and of the choice of what is shown.
    """
    if name == "driving":
        recording = _record_drives(store, rng=rng)
    elif name == "text":
        recording = _record_texts(store, "zh" if language == "zh" else "en", rng=rng)
    else:
        recording = _record_poles(store, rng=rng)
    asked = [kind for _ in range(_TURNS) for kind, count in _ASKED for _ in range(count)]
    kinds = _KINDS[name]
    queries = [
        _query(f"demo-{number}", kind, recording, rng=rng)
        for number, kind in enumerate(kind for kind in asked if kind in kinds)
    ]
    return LabelQueue(store, rng=rng).post(queries)


def _query(
    key: str, kind: QueryKind, recording: Recording, *, rng: np.random.Generator
) -> PostedQuery:
    group = recording.groups[int(rng.integers(len(recording.groups)))]
    chosen = rng.choice(len(group), _SHOWN.get(kind, 1), replace=False)
    segments = tuple(group[number] for number in chosen)
    driven = kind in ("correction", "intervention", "demonstration")
    return PostedQuery(
        key=key,
        kind=kind,
        segments=segments,
        criteria=recording.criteria if kind == "rating" else (),
        scene=recording.scenes.get(segments[0], "") if driven else "",
    )


def _record_drives(store: FeedbackStore, *, rng: np.random.Generator) -> Recording:
    """Drivers of diverse styles, and some who press keys at random."""
    environment = Environment("prefgym/Driving-v0", criteria=CRITERIA)
    store.set_environment(environment)
    style = held_styles(_NUM_DRIVES, rng=rng)

    def pilot(observations: Float32[np.ndarray, "drive column"]) -> np.ndarray:
        actions = style(observations)
        actions[:_NUM_RANDOM] = rng.integers([3, 3, 4], size=(_NUM_RANDOM, 3))
        return actions

    seeds = rng.integers(2**31, size=_NUM_DRIVES).tolist()
    starts = rng.integers(1, 40, size=_NUM_DRIVES).tolist()
    scenes, driven = record_scenes(environment, pilot, seeds, starts, _CLIP_STEPS)
    segments = store.add_segments([driven.arrays(number) for number in range(_NUM_DRIVES)])
    names = store.add_segments([scene.arrays() for scene in scenes])
    return Recording([segments], dict(zip(segments, names, strict=True)), CRITERIA)


def _record_texts(
    store: FeedbackStore, language: Literal["en", "zh"], *, rng: np.random.Generator
) -> Recording:
    """Summaries of a few articles: the first sentences, the most typical, and random ones."""
    kwargs = {"corpus": "articles", "language": language}
    criteria = ("accuracy", "coherence", "vividness", "appeal")
    store.set_environment(Environment("prefgym/TextSummary-v0", kwargs, criteria))
    reading = TextConfig(corpus="articles", language=language).reading(_NUM_ARTICLES)
    ways = [
        lead(reading, 3),
        most_central(reading, 3),
        *(random_picks(reading, 3, rng=rng) for _ in range(3)),
    ]
    articles = rng.choice(len(reading.texts), _NUM_ARTICLES, replace=False)
    groups: list[list[str]] = [[] for _ in articles]
    for way in ways:
        found = play(reading, articles, way[articles])
        for group, seen, state in zip(groups, found.observations, found.states, strict=True):
            group += store.add_segments(
                [
                    {
                        "observations": np.zeros_like(seen)[None],
                        "next_observations": seen[None],
                        "mask": np.ones(1, np.bool_),
                        "states": state[None],
                    }
                ]
            )
    return Recording([list(dict.fromkeys(group)) for group in groups], {}, criteria)


def _record_poles(store: FeedbackStore, *, rng: np.random.Generator) -> Recording:
    """A pole on a cart, balanced well, badly or not at all; each with a clip."""
    store.set_environment(Environment("CartPole-v1", criteria=("reward",)))
    env = gymnasium.make("CartPole-v1")
    names: list[str] = []
    for number in range(_NUM_POLES):
        gains = rng.uniform([0.0, 0.0], [1.0, 1.0])
        observation, _ = env.reset(seed=number)
        seen, done = [observation], []
        for _ in range(_POLE_STEPS):
            push = gains @ seen[-1][2:] + rng.normal(0.0, 0.05)
            done.append(int(push > 0))
            observation, _, terminated, _, _ = env.step(done[-1])
            seen.append(observation)
            if terminated:
                break
        names += _store_pole(store, np.stack(seen), np.eye(2, dtype=np.float32)[done])
    return Recording([names], {}, ("upright", "calm"))


def _store_pole(
    store: FeedbackStore,
    seen: Float32[np.ndarray, "moment 4"],
    actions: Float32[np.ndarray, "time 2"],
) -> list[str]:
    arrays = {"observations": seen[:-1], "actions": actions, "next_observations": seen[1:]}
    (name,) = store.add_segments([arrays | {"mask": np.ones(len(actions), np.bool_)}])
    frames = np.stack([_draw_pole(state) for state in seen[::4]])
    store.add_clip(name, "image/webp", moving_picture(frames, seconds=0.08))
    return [name]


def _draw_pole(state: Float32[np.ndarray, " 4"]) -> UInt8[np.ndarray, "height width 3"]:
    """A cart and its pole, without pygame, which Gymnasium needs to draw them."""
    image = Image.new("RGB", (960, 480), "#f4f4f0")
    draw = ImageDraw.Draw(image)
    draw.line([(0, 400), (960, 400)], "#777777", 4)
    x, angle = 480 + 180 * float(state[0]), float(state[2])
    draw.rectangle([x - 60, 364, x + 60, 400], "#26547c")
    tip = (x + 260 * math.sin(angle), 364 - 260 * math.cos(angle))
    draw.line([(x, 364), tip], "#c8553d", 16)
    # drawn at twice the size, so that edges become smooth
    return np.asarray(image.resize((480, 240), Image.Resampling.BOX))
