"""Source texts, the units that may be picked from them, and what only a person knows of them.

A unit is a sentence, or another wording of one, that a summary may contain. What it tells, what
it gets wrong, what must be read before it and what it lets a reader see are annotations: gold
scores and simulated people read them, agents and reward models never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

UnitKind = Literal["source", "plain", "vivid", "false", "off-topic"]
MAX_UNITS = 20
MAX_FACTS = 8
MAX_SENSES = 63  # the distinct sense words of a source are bits of one integer


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that can be picked.

    Attributes:
        text: as it would be read.
        kind: a sentence of the source, a rewording of one, or something about another matter.
        place: where it belongs when the matter is told in order: index of the source sentence.
        states: names of the facts it tells.
        contradicts: names of the facts it gets wrong.
        needs: indices of the units without which it cannot be understood.
        senses: words in it that let a reader see, hear, smell, taste or feel.
    """

    text: str
    kind: UnitKind = "source"
    place: int = 0
    states: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    needs: tuple[int, ...] = ()
    senses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A text to be summarised, its units, and its facts with their importance.

    `annotated` is False for a text of the user's own: its facts are unknown, so it has no gold.
    """

    id: str
    language: str
    topic: str
    title: str
    sentences: tuple[str, ...]
    units: tuple[Unit, ...]
    facts: Mapping[str, float] = field(default_factory=dict)
    annotated: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.units) <= MAX_UNITS:
            raise ValueError(
                f"source {self.id!r} must have 1 to {MAX_UNITS} units, got {len(self.units)}"
            )
        if len(self.facts) > MAX_FACTS:
            raise ValueError(
                f"source {self.id!r} must have at most {MAX_FACTS} facts, got {len(self.facts)}"
            )
        if self.annotated and not any(weight > 0 for weight in self.facts.values()):
            raise ValueError(f"source {self.id!r} needs a fact of some importance")
        if len(self.senses) > MAX_SENSES:
            raise ValueError(
                f"source {self.id!r} must have at most {MAX_SENSES} sense words, "
                f"got {len(self.senses)}"
            )
        for number, unit in enumerate(self.units):
            self._check(number, unit)

    def _check(self, number: int, unit: Unit) -> None:
        where = f"unit {number} of source {self.id!r}"
        if not unit.text.strip():
            raise ValueError(f"{where} must have a text")
        if unit.kind not in get_args(UnitKind):
            raise ValueError(
                f"kind of {where} must be one of {', '.join(get_args(UnitKind))}, got {unit.kind!r}"
            )
        unknown = {*unit.states, *unit.contradicts} - set(self.facts)
        if unknown:
            raise ValueError(f"{where} speaks of unknown facts: {', '.join(sorted(unknown))}")
        if any(not 0 <= other < len(self.units) or other == number for other in unit.needs):
            raise ValueError(f"needs of {where} must be other units' indices, got {unit.needs}")
        absent = [word for word in unit.senses if word.lower() not in unit.text.lower()]
        if absent:
            raise ValueError(f"sense words of {where} must stand in its text, got {absent}")

    @property
    def senses(self) -> tuple[str, ...]:
        """The distinct sense words of all units, in order of appearance."""
        return tuple(dict.fromkeys(word.lower() for unit in self.units for word in unit.senses))

    @property
    def text(self) -> str:
        """The source as one string."""
        return join(self.sentences, self.language)


def join(sentences: tuple[str, ...] | list[str], language: str) -> str:
    """Sentences as running text: Chinese and Japanese put no space between them."""
    return ("" if language in ("zh", "ja") else " ").join(sentences)
