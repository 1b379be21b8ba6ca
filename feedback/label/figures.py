"""The figures of the dashboard, from the answers in force."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from prefgym.feedback.agreement_statistics import (
    UNKNOWN,
    Estimate,
    fleiss_kappa,
    krippendorff_alpha,
    trust,
    wilson,
)
from prefgym.feedback.answers import MAX_RATING, is_abstention
from prefgym.feedback.event import Answer
from prefgym.feedback.label.views import Interval, RaterRow
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.label_records import AssignmentRecord

RECENT = timedelta(minutes=10)
Records = Sequence[AssignmentRecord]
_TIE = 0.5
_LEVELS = {0.0: 0, _TIE: 1, 1.0: 2}  # of a comparison: the second is better, a tie, the first
_NEAR = 1  # levels by which a rating may miss the known one and be right
_KEPT_SECONDS, _KEPT_TIMES = 2.0, 10.0
_BOOTSTRAP_SEED = 0


class Figures(NamedTuple):
    """What the dashboard shows of all answers; see `views.Dashboard`."""

    by_kind: dict[str, int]
    agreement: Interval
    kappa: Interval
    raters: tuple[RaterRow, ...]
    per_hour: float


class LatestFigures:
    """The figures of a queue's answers, a few seconds old; computed by one at a time.

    They are kept for ten times as long as they take, so that looking at the figures of very many
    answers does not keep anyone from answering.
    """

    def __init__(self, queue: LabelQueue) -> None:
        self._queue = queue
        self._lock = Lock()
        self._fresh_until = 0.0
        self._figures = Figures({}, Interval(None), Interval(None), (), 0.0)

    def read(self) -> Figures:
        """The figures; computed again where they are old."""
        with self._lock:
            begin = time.monotonic()
            if begin >= self._fresh_until:
                rng = np.random.default_rng(_BOOTSTRAP_SEED)
                self._figures = figures(self._queue.records(), datetime.now(UTC), rng=rng)
                now = time.monotonic()
                self._fresh_until = now + max(_KEPT_SECONDS, _KEPT_TIMES * (now - begin))
            return self._figures


def figures(records: Records, now: datetime, *, rng: np.random.Generator) -> Figures:
    """The figures of these answers."""
    alpha, kappa = agreement(records, rng=rng)
    return Figures(by_kind(records), alpha, kappa, rater_rows(records), per_hour(records, now))


def agreement(records: Records, *, rng: np.random.Generator) -> tuple[Interval, Interval]:
    """Krippendorff's alpha and Fleiss' kappa over what several people were asked.

    Over comparisons, and rankings as the comparisons they hold; where there are none, alpha is
    that of ratings, each criterion of each clip being a unit.
    """
    compared = _counts([unit for r in _first(records) for unit in _comparisons(r)], len(_LEVELS))
    if (compared.sum(axis=1) > 1).any():
        alpha = krippendorff_alpha(compared, mirrored=True, rng=rng)
        return interval(alpha), interval(fleiss_kappa(compared, mirrored=True, rng=rng))
    rated = _counts([unit for r in _first(records) for unit in _ratings(r)], MAX_RATING)
    return interval(krippendorff_alpha(rated, rng=rng)), interval(UNKNOWN)


def rater_rows(records: Records) -> tuple[RaterRow, ...]:
    """One row per person, by name."""
    by_name: dict[str, list[AssignmentRecord]] = {}
    for record in records:
        by_name.setdefault(record.rater, []).append(record)
    trusted = _trust(records, {name: number for number, name in enumerate(sorted(by_name))})
    return tuple(
        _row(name, by_name[name], trusted[number]) for number, name in enumerate(sorted(by_name))
    )


def by_kind(records: Records) -> dict[str, int]:
    """Answers of each kind."""
    counts: dict[str, int] = {}
    for record in records:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    return counts


def per_hour(records: Records, now: datetime) -> float:
    """Answers per hour, by those of the last ten minutes."""
    times = (datetime.fromisoformat(r.answered_at) for r in records if r.answered_at is not None)
    return sum(now - time < RECENT for time in times) * (timedelta(hours=1) / RECENT)


def interval(estimate: Estimate) -> Interval:
    """An estimate as a page shows it: None where nothing is known."""
    known = not np.isnan(estimate.value)
    return Interval(*estimate) if known else Interval(None)


def _row(name: str, records: Records, trusted: float) -> RaterRow:
    seconds = [record.seconds for record in records if record.seconds is not None]
    preferences = [(r, p) for r in records if (p := _preference(r)) is not None]
    decided = [(record, p) for record, p in preferences if p != _TIE]
    firsts = sum(_chose_first(record, p) for record, p in decided)
    answered = [record for record in records if not is_abstention(record.answer)]
    ties = len(preferences) - len(decided)
    return RaterRow(
        name=name,
        answers=len(records),
        seconds=median(seconds) if seconds else None,
        first_share=interval(wilson(firsts, len(decided))),
        tie_share=ties / len(preferences) if preferences else None,
        skip_share=1 - len(answered) / len(records),
        self_agreement=_self_agreement(answered),
        gold_share=_gold_share(answered),
        trust=None if np.isnan(trusted) else float(trusted),
    )


def _preference(record: AssignmentRecord) -> float | None:
    value = record.answer.get("preference") if record.kind == "comparison" else None
    return value if isinstance(value, float) else None


def _chose_first(record: AssignmentRecord, preference: float) -> bool:
    """Whether the one shown first was preferred."""
    return record.order[0] == (0 if preference == 1.0 else 1)


def _self_agreement(answered: Records) -> Interval:
    """Share of repeated questions that were answered as before."""
    before = {record.query: record.answer for record in answered if not record.repeat}
    again = [r for r in answered if r.repeat and r.query in before]
    return interval(wilson(sum(r.answer == before[r.query] for r in again), len(again)))


def _gold_share(answered: Records) -> Interval:
    """Share of the questions with a known answer that were answered right."""
    known = [(r.answer, r.gold) for r in answered if r.gold is not None and not r.repeat]
    return interval(wilson(sum(_is_right(said, gold) for said, gold in known), len(known)))


def _is_right(said: Answer, gold: Answer) -> bool:
    return all(_is_close(said.get(name), value) for name, value in gold.items())


def _is_close(said: object, known: object) -> bool:
    """Equal, or for the levels of a rating at most one apart."""
    if isinstance(said, int) and isinstance(known, int) and not isinstance(known, bool):
        return abs(said - known) <= _NEAR
    return said == known


def _trust(records: Records, numbers: Mapping[str, int]) -> list[float]:
    """How probable it is that each person's choice between two is right; nan if unknown."""
    units: dict[str, int] = {}
    chosen = []
    truth: dict[int, float] = {}
    for record in _first(records):
        preference = _preference(record)
        if preference is None or preference == _TIE:
            continue
        unit = units.setdefault(record.query, len(units))
        chosen.append((numbers[record.rater], unit, preference == 1.0))
        known = None if record.gold is None else record.gold.get("preference")
        if known in (0.0, 1.0) and isinstance(known, float):
            truth[unit] = known
    if not chosen:
        return [float("nan")] * len(numbers)
    who, what, firsts = (np.array(column) for column in zip(*chosen, strict=True))
    known_truth = np.array([truth.get(unit, np.nan) for unit in range(len(units))])
    found = trust(who, what, firsts, known_truth, len(numbers))
    return [float(value) for value in found]


def _first(records: Records) -> list[AssignmentRecord]:
    """Without repeats: a person's agreement with themselves is another matter."""
    return [record for record in records if not record.repeat and not is_abstention(record.answer)]


def _comparisons(record: AssignmentRecord) -> list[tuple[str, int]]:
    """Units and levels of a comparison, or of all comparisons that a ranking holds."""
    preference = _preference(record)
    if preference is not None:
        return [(record.query, _LEVELS[preference])]
    ranks = record.answer.get("ranks") if record.kind == "ranking" else None
    if not isinstance(ranks, list):
        return []
    values = [rank for rank in ranks if isinstance(rank, int)]
    return [
        (f"{record.query}/{i}/{j}", 1 + (values[j] > values[i]) - (values[j] < values[i]))
        for j in range(len(values))
        for i in range(j)
    ]


def _ratings(record: AssignmentRecord) -> list[tuple[str, int]]:
    if record.kind != "rating":
        return []
    return [
        (f"{record.query}/{name}", level - 1)
        for name, level in record.answer.items()
        if isinstance(level, int)
    ]


def _counts(said: Sequence[tuple[str, int]], num_levels: int) -> Int64[np.ndarray, "unit level"]:
    """How many people chose each level of each unit."""
    numbers: dict[str, int] = {}
    units = [numbers.setdefault(unit, len(numbers)) for unit, _ in said]
    counts = np.zeros((len(numbers), num_levels), np.int64)
    np.add.at(counts, (units, [level for _, level in said]), 1)
    return counts
