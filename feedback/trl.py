"""Answers about texts as TRL's rows: pairs in `preference.jsonl`, single texts in `unpaired.jsonl`.

TRL knows neither ties nor "can't tell": they go to `left_out.jsonl`, with the reason. The column
`margin`, which TRL's reward trainer subtracts before it judges a pair, is written where somebody
ranked: the number of ranks between two texts, 0 for neighbours and for plain comparisons.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from prefgym.feedback.event import UNDO, Event

Texts = Callable[[str], tuple[str, str]]
_MIDDLE = 3.0  # of ratings from 1 to 5


class _Pair(NamedTuple):
    """`better` was preferred to `worse`, with so many ranks in between."""

    better: str
    worse: str
    margin: int


class _Single(NamedTuple):
    """One text was found good, or not."""

    segment: str
    good: bool


class _LeftOut(NamedTuple):
    """Nothing that TRL could learn from."""

    segments: tuple[str, ...]
    reason: str


def write_trl(events: Sequence[Event], folder: Path, texts: Texts) -> dict[str, int]:
    """Write the events in force; the number of rows of each file, and of each reason."""
    margin = any(event.kind == "ranking" for event in events)
    rows: dict[str, list[dict[str, object]]] = {"preference": [], "unpaired": [], "left_out": []}
    reasons: Counter[str] = Counter({"tie": 0, "can't tell": 0})
    for event in events:
        for found in _judgements(event):
            if isinstance(found, _Pair) and texts(found.better)[0] != texts(found.worse)[0]:
                found = _LeftOut((found.better, found.worse), "different prompts")
            if isinstance(found, _LeftOut):
                reasons[found.reason] += 1
            name, row = _row(found, event, texts, margin=margin)
            rows[name].append(row)
    for name, lines in rows.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8", errors="replace")
    return {name: len(lines) for name, lines in rows.items()} | dict(sorted(reasons.items()))


def _row(
    found: _Pair | _Single | _LeftOut, event: Event, texts: Texts, *, margin: bool
) -> tuple[str, dict[str, object]]:
    """The file and the row of a judgement."""
    if isinstance(found, _Pair):
        (prompt, chosen), (_, rejected) = texts(found.better), texts(found.worse)
        row: dict[str, object] = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        return "preference", row | ({"margin": float(found.margin)} if margin else {})
    if isinstance(found, _Single):
        prompt, completion = texts(found.segment)
        return "unpaired", {"prompt": prompt, "completion": completion, "label": found.good}
    shown = [texts(segment) for segment in found.segments]
    told = {"event": event.key, "kind": event.kind, "reason": found.reason}
    prompts, completions = [prompt for prompt, _ in shown], [text for _, text in shown]
    return "left_out", told | {"prompts": prompts, "completions": completions}


def _judgements(event: Event) -> Iterator[_Pair | _Single | _LeftOut]:
    """What an answer says about its texts."""
    if event.kind == UNDO:
        return
    if not event.answer or all(value is None for value in event.answer.values()):
        yield _LeftOut(event.segments, "can't tell")
    elif event.kind == "comparison":
        preference = event.answer["preference"]
        yield _ordered(event.segments, [0, 0] if preference == 0.5 else _places(preference))
    elif event.kind == "ranking" and isinstance(event.answer["ranks"], list):
        ranks = [rank for rank in event.answer["ranks"] if isinstance(rank, int)]
        for places in combinations(range(len(ranks)), 2):
            pair = tuple(event.segments[place] for place in places)
            yield _ordered(pair, [ranks[place] for place in places])
    elif event.kind == "rating":
        yield _rated(event)
    elif event.kind == "correction" and event.answer.get("corrected") is False:
        yield _Single(event.segments[0], good=True)
    elif event.kind in ("correction", "demonstration"):
        for other in event.segments[1:]:
            yield _Pair(event.segments[0], other, 0)
    else:
        yield _LeftOut(event.segments, f"{event.kind} is no judgement of texts")


def _places(preference: object) -> list[int]:
    """Ranks of the first and the second; a simulated person may be unsure."""
    return [0, 1] if isinstance(preference, float) and preference > 0.5 else [1, 0]


def _ordered(segments: tuple[str, ...], ranks: list[int]) -> _Pair | _LeftOut:
    if ranks[0] == ranks[1]:
        return _LeftOut(segments, "tie")
    better, worse = segments if ranks[0] < ranks[1] else segments[::-1]
    return _Pair(better, worse, abs(ranks[0] - ranks[1]) - 1)


def _rated(event: Event) -> _Single | _LeftOut:
    """Good where the mean of what was rated is above the middle."""
    levels = [float(value) for value in event.answer.values() if isinstance(value, int | float)]
    mean = sum(levels) / len(levels) if levels else _MIDDLE
    if mean == _MIDDLE:
        return _LeftOut(event.segments, "tie")
    return _Single(event.segments[0], good=mean > _MIDDLE)
