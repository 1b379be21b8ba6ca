"""Everyday articles with annotations, read from the corpus files that ship with the package."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from prefgym.simulations.source import Source, Unit

TOPICS = (
    "school",
    "kitchen",
    "weather",
    "animals",
    "health",
    "transport",
    "library",
    "garden",
    "home",
    "market",
    "music",
    "travel",
)


def parse_articles(document: str) -> tuple[Source, ...]:
    """The articles of a corpus file; simulations/corpus/README.md describes its fields.

    Raises:
        ValueError: if the document is not TOML, a field is missing, or an annotation is wrong.
    """
    try:
        values = tomllib.loads(document)
        language, topic = values["language"], values["topic"]
        return tuple(_source(article, language, topic) for article in values["article"])
    except KeyError as error:
        raise ValueError(f"an article file must have the field {error}") from error


def _source(article: dict[str, Any], language: str, topic: str) -> Source:
    units = [
        Unit(
            text=unit["text"],
            place=place,
            states=tuple(unit.get("states", ())),
            needs=tuple(unit.get("needs", ())),
            senses=tuple(unit.get("senses", ())),
        )
        for place, unit in enumerate(article["unit"])
    ]
    rewrites = [
        Unit(
            text=rewrite["text"],
            kind=rewrite["kind"],
            place=rewrite["of"],
            states=tuple(rewrite.get("states", ())),
            contradicts=tuple(rewrite.get("contradicts", ())),
            senses=tuple(rewrite.get("senses", ())),
        )
        for rewrite in article["rewrite"]
    ]
    return Source(
        id=article["id"],
        language=language,
        topic=topic,
        title=article["title"],
        sentences=tuple(unit.text for unit in units),
        units=(*units, *rewrites),
        facts={name: float(weight) for name, weight in article["facts"].items()},
    )


@cache
def articles(language: str) -> tuple[Source, ...]:
    """All shipped articles of a language, topic by topic.

    Raises:
        ValueError: if there are none in that language.
    """
    folder = files("prefgym.simulations") / "corpus" / language
    if not folder.is_dir():
        raise ValueError(f"language must be 'en' or 'zh', got {language!r}")
    return tuple(
        source
        for topic in TOPICS
        for source in parse_articles((folder / f"{topic}.toml").read_text("utf-8"))
    )
