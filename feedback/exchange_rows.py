"""Lines of JSON that hold what a store holds, and that are not trusted when they are read."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from prefgym.feedback.event import COMPARISON, Answer, Event, JsonScalar
from prefgym.feedback.posted_query import KINDS, PostedQuery

Json = JsonScalar | list["Json"] | dict[str, "Json"]
Row = Mapping[str, Json]
T = TypeVar("T")

MAX_LINE = 2**20  # characters; an answer is a few words, or a text that somebody wrote
_MAX_NUMBER = 2**31 - 1  # PostgreSQL's integers


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """What is kept of an assignment: never its token or lease.

    Args:
        query: key of the query.
        rater: who was asked.
        repeat: whether for the second time.
        shown: the order in which the segments were shown.
        revision: number of answers taken back.
        event: key of the event of the answer in force; None if it was taken back.
        seconds: how long the person took, if known.
    """

    query: str
    rater: str
    repeat: bool
    shown: tuple[int, ...]
    revision: int
    event: str | None
    seconds: float | None


def to_line(row: object) -> str:
    """A line of JSON, the same for the same row."""
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


def event_json(event: Event) -> dict[str, object]:
    """An event as JSON."""
    return asdict(event)


def query_json(query: PostedQuery, *, closed: bool) -> dict[str, object]:
    """A query as JSON, and whether it is no longer asked."""
    return asdict(query) | {"closed": closed}


def read_lines(path: Path, parse: Callable[[Row], T]) -> Iterator[T]:
    """What the lines of a file say.

    Raises:
        ValueError: if one says nothing of the kind; the line is named, and nothing of it quoted.
    """
    with path.open(encoding="utf-8", newline="\n") as file:
        for number in range(1, _MAX_NUMBER):
            try:
                line = file.readline(MAX_LINE + 1)
                if not line:
                    return
                yield parse(_object(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number} of {path} is no row of it: {error}") from error


def parse_event(row: Row) -> Event:
    """The event of a row.

    Raises:
        ValueError: if it is none.
    """
    names = ("kind", "key", "rater", "round", "segments", "answer", "answered_at")
    _require_names(row, names)
    event = Event(
        kind=_text(row, "kind"),
        key=_text(row, "key"),
        rater=_text(row, "rater"),
        round=_number(row, "round"),
        segments=_texts(row, "segments"),
        answer=_answer(row, "answer"),
        answered_at=None if row["answered_at"] is None else _text(row, "answered_at"),
    )
    if event.kind == COMPARISON:
        said = event.answer.get("preference", "")
        if said is not None and not (isinstance(said, float) and 0 <= said <= 1):
            raise ValueError("answer of a comparison must be a preference in [0, 1] or null")
    return event


def parse_query(row: Row) -> tuple[PostedQuery, bool]:
    """The query of a row, and whether it is no longer asked.

    Raises:
        ValueError: if it is none.
    """
    names = ("key", "kind", "segments", "round", "criteria", "overlap", "priority", "gold")
    _require_names(row, (*names, "scene", "closed"))
    kind = next((kind for kind in KINDS if kind == row["kind"]), None)
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    query = PostedQuery(
        key=_text(row, "key"),
        kind=kind,
        segments=_texts(row, "segments"),
        round=_number(row, "round"),
        criteria=_texts(row, "criteria"),
        overlap=_number(row, "overlap"),
        priority=_number(row, "priority", low=-_MAX_NUMBER),
        gold=None if row["gold"] is None else _answer(row, "gold"),
        scene=_text(row, "scene", empty=True),
    )
    return query, _flag(row, "closed")


def parse_assignment(row: Row) -> AssignmentRow:
    """The assignment of a row.

    Raises:
        ValueError: if it is none.
    """
    names = ("query", "rater", "repeat", "shown", "revision", "event", "seconds")
    _require_names(row, names)
    shown, seconds = row["shown"], row["seconds"]
    if not isinstance(shown, list):
        raise ValueError("shown must be a list")
    order = tuple(_number({"shown": place}, "shown") for place in shown)
    if sorted(order) != list(range(len(order))):
        raise ValueError("shown must be an order of places")
    if seconds is not None and not (isinstance(seconds, float) and 0 <= seconds < math.inf):
        raise ValueError("seconds must be a number that is not negative, or null")
    return AssignmentRow(
        query=_text(row, "query"),
        rater=_text(row, "rater"),
        repeat=_flag(row, "repeat"),
        shown=order,
        revision=_number(row, "revision"),
        event=None if row["event"] is None else _text(row, "event"),
        seconds=seconds,
    )


def _object(line: str) -> Row:
    if len(line) > MAX_LINE:
        raise ValueError(f"it has more than {MAX_LINE} characters")
    row = json.loads(line, parse_constant=_refuse_constant)
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    return row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _require_names(row: Row, names: tuple[str, ...]) -> None:
    if set(row) != set(names):
        raise ValueError(f"it must have {', '.join(names)}")


def _text(row: Row, name: str, *, empty: bool = False) -> str:
    value = row[name]
    if not isinstance(value, str) or not (value or empty):
        raise ValueError(f"{name} must be a text")
    if "\0" in value:
        raise ValueError(f"{name} must hold no zero character, which PostgreSQL cannot store")
    value.encode()  # nor half of a surrogate pair, which is an error here
    return value


def _texts(row: Row, name: str) -> tuple[str, ...]:
    values = row[name]
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list of texts")
    return tuple(_text({name: value}, name) for value in values)


def _number(row: Row, name: str, *, low: int = 0) -> int:
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= _MAX_NUMBER:
        raise ValueError(f"{name} must be a whole number from {low} to {_MAX_NUMBER}")
    return value


def _flag(row: Row, name: str) -> bool:
    value = row[name]
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def _answer(row: Row, name: str) -> Answer:
    value = row[name]
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object")
    answer: Answer = {}
    for key, said in value.items():
        if isinstance(said, dict):
            raise ValueError(f"{name} must hold nothing within what it holds")
        if isinstance(said, list):
            answer[key] = [_scalar(part, name) for part in said]
        else:
            answer[key] = said
    return answer


def _scalar(value: Json, name: str) -> JsonScalar:
    if isinstance(value, list | dict):
        raise ValueError(f"{name} must hold no lists of lists")
    return value
