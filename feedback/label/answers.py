"""Answers as a form gives them, of places shown, and as the store keeps them, of segments.

A form speaks of places (0 is the left or first one shown), an answer of the query's segments in
the query's order. Only here is one turned into the other.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prefgym.feedback.event import Answer
from prefgym.feedback.label.views import DrivingView, TextView, View
from prefgym.feedback.manoeuvres import MANOEUVRES
from prefgym.feedback.posted_query import Assignment, QueryKind

LEVELS = ("1", "2", "3", "4", "5")
MAX_TEXT = 10_000  # characters
MAX_COMMANDS = 400
TIE, SKIP, FINE = "tie", "skip", "fine"
_PREFERENCES = {TIE: 0.5, SKIP: None}

Fields = Mapping[str, str]
Command = tuple[int, str]
"""A decision of the scene and the manoeuvre that begins there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Decisions of a scene at which a person may take over: from `start`, before `steps`."""

    start: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a form says.

    Args:
        answer: in the query's order, as the store keeps it; without what only a simulation tells.
        commands: what to do in the scene instead; empty where nothing is to be simulated.
        text: what should have been written; "" where nothing was.
    """

    answer: Answer
    commands: tuple[Command, ...] = ()
    text: str = ""


def read_reply(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    """What a form says about the query.

    Args:
        assignment: what was asked, and in which order it was shown.
        fields: names and values of the form.
        views: what was shown.
        bounds: decisions at which a command may be given.

    Raises:
        ValueError: if that is no answer to such a query.
    """
    return _READERS[assignment.query.kind](assignment, fields, views, bounds)


def previous_fields(assignment: Assignment) -> dict[str, str]:
    """The form's fields that gave `assignment.previous`; what was driven cannot be shown again."""
    answer = assignment.previous
    if answer is None:
        return {}
    return _WRITERS[assignment.query.kind](assignment, answer)


def _comparison(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    del views, bounds
    choice = _one_of(fields, "choice", ("0", "1", TIE, SKIP))
    if choice in _PREFERENCES:
        return Reply({"preference": _PREFERENCES[choice]})
    return Reply({"preference": 1.0 if assignment.order[int(choice)] == 0 else 0.0})


def _comparison_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    preference = answer["preference"]
    for choice, value in _PREFERENCES.items():
        if preference == value:
            return {"choice": choice}
    return {"choice": str(assignment.order.index(0 if preference == 1.0 else 1))}


def _ranking(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    del views, bounds
    if fields.get("choice") == SKIP:
        return Reply({"ranks": None})
    count = len(assignment.order)
    allowed = tuple(str(rank) for rank in range(1, count + 1))
    shown = [int(_one_of(fields, f"rank_{place}", allowed)) for place in range(count)]
    by_segment = [shown[assignment.order.index(segment)] for segment in range(count)]
    distinct = sorted(set(by_segment))
    return Reply({"ranks": [distinct.index(rank) for rank in by_segment]})


def _ranking_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    ranks = answer["ranks"]
    if not isinstance(ranks, list):
        return {"choice": SKIP}
    return {
        f"rank_{place}": str(_integer(ranks[segment]) + 1)
        for place, segment in enumerate(assignment.order)
    }


def _rating(assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds) -> Reply:
    del views, bounds
    criteria = assignment.query.criteria
    if fields.get("choice") == SKIP:
        return Reply(dict.fromkeys(criteria))
    given = {name: _one_of(fields, f"rating_{name}", ("", *LEVELS)) for name in criteria}
    if not any(given.values()):
        raise ValueError("a rating must rate at least one criterion, got none")
    return Reply({name: int(level) if level else None for name, level in given.items()})


def _rating_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    if all(level is None for level in answer.values()):
        return {"choice": SKIP}
    return {
        f"rating_{name}": "" if answer[name] is None else str(answer[name])
        for name in assignment.query.criteria
    }


def _correction(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    del assignment
    choice = _one_of(fields, "choice", ("", FINE, SKIP))
    if choice:
        return Reply({"corrected": False if choice == FINE else None})
    shown = views[0]
    if isinstance(shown, TextView):
        text = _corrected_text(shown, fields)
        return Reply({"what": text}, text=text)
    if not isinstance(shown, DrivingView):
        raise ValueError("only a text or a drive can be corrected")
    start = _decision(fields.get("start", ""), bounds)
    what = _one_of(fields, "manoeuvre", MANOEUVRES)
    return Reply({"start": start, "what": what}, commands=((start, what),))


def _correction_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    del assignment
    if "what" not in answer:
        return {"choice": SKIP if answer["corrected"] is None else FINE}
    if "start" not in answer:
        return {"edited": str(answer["what"])}
    return {"start": str(answer["start"]), "manoeuvre": str(answer["what"])}


def _intervention(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    del assignment, views
    choice = _one_of(fields, "choice", ("", FINE, SKIP))
    if choice:
        return Reply({"takeovers": [] if choice == FINE else None})
    commands = read_commands(fields.get("actions", ""), bounds)
    return Reply({"takeovers": [start for start, _ in commands]}, commands)


def _intervention_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    del assignment
    if answer["takeovers"] is None:
        return {"choice": SKIP}
    return {} if answer["takeovers"] else {"choice": FINE}


def _demonstration(
    assignment: Assignment, fields: Fields, views: Sequence[View], bounds: Bounds
) -> Reply:
    del assignment, views
    if _one_of(fields, "choice", ("", SKIP)):
        return Reply({"demonstrated": None})
    commands = read_commands(fields.get("actions", ""), bounds)
    return Reply({"demonstrated": True}, commands=commands)


def _demonstration_fields(assignment: Assignment, answer: Answer) -> dict[str, str]:
    del assignment
    return {"choice": SKIP} if answer["demonstrated"] is None else {}


def read_commands(document: str, bounds: Bounds) -> tuple[Command, ...]:
    """Commands of a JSON list [[decision, manoeuvre], ...], in the order of time.

    Raises:
        ValueError: if that is not what the document is, or it is empty.
    """
    try:
        found = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ValueError("actions must be a JSON list of [decision, manoeuvre]") from error
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_COMMANDS:
        raise ValueError(f"actions must be a list of 1 to {MAX_COMMANDS} commands")
    commands = tuple(_command(part, bounds) for part in found)
    starts = [start for start, _ in commands]
    if sorted(set(starts)) != starts:
        raise ValueError("decisions of actions must rise from one to the next")
    return commands


def _command(part: object, bounds: Bounds) -> Command:
    if not isinstance(part, list) or len(part) != 2:
        raise ValueError("every action must be a decision and a manoeuvre")
    start, what = part
    if isinstance(start, bool) or not isinstance(start, int) or what not in MANOEUVRES:
        raise ValueError(f"manoeuvre of an action must be one of {', '.join(MANOEUVRES)}")
    return _decision(str(start), bounds), str(what)


def _decision(value: str, bounds: Bounds) -> int:
    # no more digits than a scene has decisions: int() is slow on a million of them
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ValueError(f"decision must be a number of digits, got {value[:20]!r}")
    if not bounds.start <= int(value) < bounds.steps:
        raise ValueError(f"decision must be in [{bounds.start}, {bounds.steps}), got {value}")
    return int(value)


def _corrected_text(shown: TextView, fields: Fields) -> str:
    """What should have been written: the edited text if it was edited, else the chosen wordings."""
    edited = "\n".join(fields.get("edited", "").strip().splitlines())
    if edited and edited != shown.text.strip():
        if len(edited) > MAX_TEXT:
            raise ValueError(f"a text must have at most {MAX_TEXT} characters, got {len(edited)}")
        if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in edited):
            raise ValueError("a text must not hold control characters")
        return edited
    chosen = chosen_wordings(shown, fields)
    if not any(chosen):
        raise ValueError("a correction must change something, or say that all is fine")
    sentences = [
        wordings[number - 1] if number else sentence
        for sentence, wordings, number in zip(shown.sentences, shown.wordings, chosen, strict=True)
    ]
    return ("" if shown.language in ("zh", "ja") else " ").join(sentences)


def chosen_wordings(shown: TextView, fields: Fields) -> list[int]:
    """For each sentence the number of the wording chosen, 0 for the sentence as it is."""
    return [
        int(_one_of(fields, f"wording_{place}", tuple(map(str, range(len(wordings) + 1))), "0"))
        for place, wordings in enumerate(shown.wordings)
    ]


def _one_of(fields: Fields, name: str, allowed: tuple[str, ...], absent: str = "") -> str:
    value = fields.get(name, absent)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value[:20]!r}")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"a rank must be a whole number, got {value!r}")
    return value


_Reader = Callable[[Assignment, Fields, Sequence[View], Bounds], Reply]
_READERS: Mapping[QueryKind, _Reader] = {
    "comparison": _comparison,
    "ranking": _ranking,
    "rating": _rating,
    "correction": _correction,
    "intervention": _intervention,
    "demonstration": _demonstration,
}
_WRITERS: Mapping[QueryKind, Callable[[Assignment, Answer], dict[str, str]]] = {
    "comparison": _comparison_fields,
    "ranking": _ranking_fields,
    "rating": _rating_fields,
    "correction": _correction_fields,
    "intervention": _intervention_fields,
    "demonstration": _demonstration_fields,
}
