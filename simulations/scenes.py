"""Sunset scenes: five facts each, told plainly, vividly or falsely. There is no end of them.

A scene fixes one of four values of each of five aspects (place, sky, air, company, ending). Its
source is the observer's notes; its units are a plain and a vivid wording of every fact, a vivid
wording of something that was not so, and sentences about other matters.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from prefgym.simulations.source import Source, Unit

ASPECTS = ("place", "sky", "air", "company", "ending")
VALUES_PER_ASPECT = 4
NUM_SCENES = VALUES_PER_ASPECT ** len(ASPECTS)
NUM_OFF_TOPIC = 3


@dataclass(frozen=True, slots=True)
class Wordings:
    """How one value of one aspect may be noted and told."""

    name: str
    note: str
    plain: tuple[Unit, ...]
    vivid: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class PhraseBook:
    """Everything a language has to say about sunsets; `values[aspect][value]`."""

    opening: tuple[str, ...]
    off_topic: tuple[str, ...]
    values: tuple[tuple[Wordings, ...], ...]


@cache
def phrase_book(language: str) -> PhraseBook:
    """The shipped phrases of a language.

    Raises:
        ValueError: if there are none in that language.
    """
    path = files("prefgym.simulations") / "corpus" / language / "sunset.toml"
    if not path.is_file():
        raise ValueError(f"language must be 'en' or 'zh', got {language!r}")
    document = tomllib.loads(path.read_text("utf-8"))
    values = tuple(
        tuple(
            Wordings(
                value["name"],
                value["note"],
                tuple(_unit(text, "plain", aspect) for text in value["plain"]),
                tuple(_unit(text, "vivid", aspect) for text in value["vivid"]),
            )
            for value in document["value"]
            if value["aspect"] == name
        )
        for aspect, name in enumerate(ASPECTS)
    )
    return PhraseBook(tuple(document["opening"]), tuple(document["off_topic"]), values)


def _unit(marked: str, kind: str, aspect: int) -> Unit:
    """A wording whose sense words are marked {so}."""
    senses = tuple(re.findall(r"\{(.*?)\}", marked))
    text = re.sub(r"[{}]", "", marked)
    states = (ASPECTS[aspect],)
    if kind == "plain":
        return Unit(text, "plain", aspect, states, senses=senses)
    return Unit(text, "vivid", aspect, states, senses=senses)


def scene(language: str, number: int, *, rng: np.random.Generator) -> Source:
    """Scene `number` in [0, NUM_SCENES), its wordings and the order of its units drawn by `rng`.

    Raises:
        ValueError: if the number is out of range or the language has no phrases.
    """
    if not 0 <= number < NUM_SCENES:
        raise ValueError(f"number of a scene must be in [0, {NUM_SCENES}), got {number}")
    book = phrase_book(language)
    digits = [number // VALUES_PER_ASPECT**i % VALUES_PER_ASPECT for i in range(len(ASPECTS))]
    notes, units = [book.opening[rng.integers(len(book.opening))]], []
    for aspect, (values, digit) in enumerate(zip(book.values, digits, strict=True)):
        true = values[digit]
        wrong = values[(digit + rng.integers(1, VALUES_PER_ASPECT)) % VALUES_PER_ASPECT]
        lie = wrong.vivid[rng.integers(len(wrong.vivid))]
        notes.append(true.note)
        units += [
            true.plain[rng.integers(len(true.plain))],
            true.vivid[rng.integers(len(true.vivid))],
            Unit(lie.text, "false", aspect, contradicts=lie.states, senses=lie.senses),
        ]
    stray = rng.choice(len(book.off_topic), NUM_OFF_TOPIC, replace=False)
    units += [Unit(book.off_topic[i], "off-topic") for i in stray]
    return Source(
        id=f"{language}-sunset-{number:04d}",
        language=language,
        topic="sunset",
        title="",
        sentences=tuple(notes),
        units=tuple(units[i] for i in rng.permutation(len(units))),
        facts=dict.fromkeys(ASPECTS, 1.0),
    )
