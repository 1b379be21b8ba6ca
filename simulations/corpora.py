"""The shipped texts, divided into what may be trained on and what is kept for measuring."""

from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np

from prefgym.simulations.articles import articles
from prefgym.simulations.scenes import NUM_SCENES, scene
from prefgym.simulations.source import Source
from prefgym.simulations.tokens import vocabulary

Corpus = Literal["sunsets", "articles"]
Split = Literal["train", "validation", "test", "topic"]
CORPORA: tuple[Corpus, ...] = ("sunsets", "articles")
LANGUAGES = ("en", "zh")
SPLITS = ("train", "validation", "test", "topic")
HELD_OUT_TOPIC = "travel"
# scenes of each split, of all that there are; articles of each topic, by their number
_NUM_SCENES = {"train": 180, "validation": 40, "test": 60}
_ARTICLES = {"train": range(1, 6), "validation": range(6, 7), "test": range(7, 9)}


@cache
def sources(corpus: Corpus, language: str, split: Split) -> tuple[Source, ...]:
    """The texts of one split, always the same and in the same order.

    "topic" holds all articles of a topic that is in no other split; scenes have but one topic.

    Raises:
        ValueError: if there is no such corpus, language or split.
    """
    for name, value, known in (
        ("corpus", corpus, CORPORA),
        ("language", language, LANGUAGES),
        ("split", split, SPLITS),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    if corpus == "articles":
        return tuple(source for source in articles(language) if _split_of(source) == split)
    if split == "topic":
        raise ValueError("split 'topic' is of articles: sunsets have one topic")
    order = np.random.default_rng(0).permutation(NUM_SCENES)
    end = np.cumsum(list(_NUM_SCENES.values()))[list(_NUM_SCENES).index(split)]
    chosen = order[end - _NUM_SCENES[split] : end]
    return tuple(scene(language, int(n), rng=np.random.default_rng([int(n)])) for n in chosen)


def _split_of(article: Source) -> str:
    if article.topic == HELD_OUT_TOPIC:
        return "topic"
    number = int(article.id.rsplit("-", 1)[1])
    return next(split for split, numbers in _ARTICLES.items() if number in numbers)


@cache
def word_counts(language: str) -> Mapping[str, int]:
    """In how many units of the training texts each content word occurs; empty for other languages.

    Raises:
        ValueError: if the shipped texts are damaged.
    """
    if language not in LANGUAGES:
        return {}
    return vocabulary(
        unit.text
        for corpus in CORPORA
        for source in sources(corpus, language, "train")
        for unit in source.units
    )
