"""The JSON files of a run folder, read with one clear error for whatever does not fit.

An error names the file and the line, what was expected and what came.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JsonRow:
    """One JSON object and where it stands, with typed access to its keys.

    Whatever does not fit is refused with the ValueError that `fail` words.
    """

    place: str
    values: Mapping[str, object]

    @property
    def kind(self) -> str:
        return self.text("kind")

    def fail(self, key: str, expected: str) -> ValueError:
        got = repr(self.values[key]) if key in self.values else "nothing"
        return ValueError(f"{self.place}: {key!r} must be {expected}, got {got[:80]}")

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.fail(key, "a text")
        return value

    def number(self, key: str) -> float:
        value = _as_number(self.values.get(key))
        if value is None:
            raise self.fail(key, "a finite number")
        return value

    def integer(self, key: str) -> int:
        value = self.number(key)
        if value != int(value):
            raise self.fail(key, "a whole number")
        return int(value)

    def optional_number(self, key: str) -> float | None:
        """None where the key is absent or null, and where the number is not finite."""
        value = self.values.get(key)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        return self.number(key)

    def optional_integer(self, key: str) -> int | None:
        return None if self.values.get(key) is None else self.integer(key)

    def optional_numbers(self, key: str) -> tuple[float | None, ...]:
        """None for a part that is null or not finite."""
        value = self.values.get(key)
        if not isinstance(value, list):
            raise self.fail(key, "a list of numbers")
        return tuple(_as_number(part) for part in value)

    def numbers(self, key: str) -> tuple[float, ...]:
        parts = self.optional_numbers(key)
        found = tuple(part for part in parts if part is not None)
        if len(found) != len(parts):
            raise self.fail(key, "a list of finite numbers")
        return found

    def named_numbers(self, key: str) -> Mapping[str, float]:
        """Empty where the key is absent; names without a finite number are left out."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise self.fail(key, "an object of numbers")
        numbers = {str(name): _as_number(part) for name, part in value.items()}
        return {name: number for name, number in numbers.items() if number is not None}


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers beyond the largest float
        return None
    return number if math.isfinite(number) else None


def read_json_object(path: Path, *, remedy: str) -> JsonRow:
    """The JSON object that a file holds.

    Raises:
        ValueError: if the file is missing or damaged; it ends with the remedy.
    """
    return _row(_load(_read_text(path, remedy), str(path)), str(path))


def read_json_list(path: Path, *, remedy: str) -> list[JsonRow]:
    """The JSON objects of the one list that a file holds.

    Raises:
        ValueError: if the file is missing or damaged; it ends with the remedy.
    """
    values = _load(_read_text(path, remedy), str(path))
    if not isinstance(values, list):
        raise ValueError(f"{path}: expected a JSON list, got {type(values).__name__}; {remedy}")
    return [_row(value, f"{path}, entry {i}") for i, value in enumerate(values, start=1)]


def read_json_lines(path: Path, *, remedy: str) -> list[JsonRow]:
    """The JSON objects that a file holds, one on each line.

    A last line that stops half-way, with no line break, is what a run leaves when it is killed
    while writing, and is passed over.

    Raises:
        ValueError: if the file is missing or damaged; it ends with the remedy.
    """
    *lines, last = _read_text(path, remedy).split("\n")
    rows = [
        _row(_load(line, place := f"{path}, line {number}"), place)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    try:
        return [*rows, _row(_load(last, str(path)), f"{path}, line {len(lines) + 1}")]
    except ValueError:
        return rows


def _read_text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"{path}: expected a file of a run, got none; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a readable text file, got {error}; {remedy}") from error


def _load(text: str, place: str) -> object:
    try:
        value: object = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{place}: expected JSON, got {error}; the file is damaged, so restore it or start "
            "the run again"
        ) from error
    return value


def _row(value: object, place: str) -> JsonRow:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a JSON object, got {str(value)[:80]!r}")
    return JsonRow(place, value)
