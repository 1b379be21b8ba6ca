"""Baselines of summarising: what a policy must beat before one may say that it has learned.

Each returns the picks of every source of a reading, shape (source, budget), filled with `STOP`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.simulations.reading import Reading
from prefgym.simulations.text_table import CENTRALITY
from prefgym.simulations.text_worlds import STOP

DAMPING = 0.85
ITERATIONS = 50

Numbers = Int64[np.ndarray, " text"]
Picks = Int64[np.ndarray, "text pick"]
Value = Callable[[Numbers, Picks], Float64[np.ndarray, " text"]]
"""How good the texts are that picks make of numbered sources."""


def random_picks(reading: Reading, num_picks: int, *, rng: np.random.Generator) -> Picks:
    """Different units at random, in random order."""
    return _fill(
        reading, [rng.permutation(count)[:num_picks] for count in reading.table["num_units"]]
    )


def lead(reading: Reading, num_picks: int) -> Picks:
    """The first sentences: hard to beat where the news comes first."""
    return _fill(reading, [own[:num_picks] for own in _sentences(reading)])


def most_central(reading: Reading, num_picks: int) -> Picks:
    """The sentences most like all others, in their own order."""
    scores = [
        reading.table["static"][number, own, CENTRALITY].astype(float)
        for number, own in enumerate(_sentences(reading))
    ]
    return _best(reading, scores, num_picks)


def lexrank(reading: Reading, num_picks: int, *, max_length: float = np.inf) -> Picks:
    """The sentences that a random walk from sentence to similar sentence visits most.

    Continuous LexRank (Erkan & Radev 2004, section 3.3) on the similarity of the observations,
    with damping 0.85; as there, a sentence is similar to itself.

    Args:
        reading: the sources.
        num_picks: sentences at most.
        max_length: words at most, all told; the first sentence may be longer.
    """
    scores = []
    for number, own in enumerate(_sentences(reading)):
        similarity = reading.table["similarity"][number][np.ix_(own, own)].astype(float)
        walk = similarity / np.maximum(similarity.sum(axis=1, keepdims=True), 1e-9)
        rank = np.full(len(own), 1 / len(own))
        for _ in range(ITERATIONS):
            rank = (1 - DAMPING) / len(own) + DAMPING * rank @ walk
        scores.append(rank)
    return _best(reading, scores, num_picks, max_length)


def best_of(
    reading: Reading, num_texts: int, num_picks: int, value: Value, *, rng: np.random.Generator
) -> Picks:
    """The best by `value` of some random texts of each source."""
    count = len(reading.texts)
    drawn = np.stack([random_picks(reading, num_picks, rng=rng) for _ in range(num_texts)])
    numbers = np.tile(np.arange(count), num_texts)
    scores = value(numbers, drawn.reshape(num_texts * count, -1)).reshape(num_texts, count)
    return drawn[scores.argmax(axis=0), np.arange(count)]


def greedy(reading: Reading, value: Value, *, insert: bool = False) -> Picks:
    """Units added one by one, each the best by `value`, while that helps.

    Args:
        reading: the sources.
        value: what to raise.
        insert: a unit may also go between earlier ones, not only behind them.
    """
    count, budget = len(reading.texts), reading.budget
    picks = np.full((count, budget), STOP, np.int64)
    best = np.full(count, -np.inf)
    for length in range(budget):
        numbers, rows = [], []
        for number, own in enumerate(reading.table["num_units"].tolist()):
            chosen = picks[number, :length].tolist()
            if STOP in chosen:
                continue
            for unit in sorted(set(range(own)) - set(chosen)):
                for place in range(0 if insert else length, length + 1):
                    numbers.append(number)
                    rows.append([*chosen[:place], unit, *chosen[place:]])
        if not rows:
            break
        candidates = np.full((len(rows), budget), STOP, np.int64)
        candidates[:, : length + 1] = rows
        scores = value(np.array(numbers), candidates)
        for row in np.argsort(scores, kind="stable"):
            if scores[row] > best[numbers[row]]:
                best[numbers[row]], picks[numbers[row]] = scores[row], candidates[row]
    return picks


def _sentences(reading: Reading) -> list[Int64[np.ndarray, " _"]]:
    """The units that are sentences of the source; all units where none is."""
    found = []
    for source in reading.texts:
        own = [number for number, unit in enumerate(source.units) if unit.kind == "source"]
        found.append(np.array(own or range(len(source.units)), np.int64))
    return found


def _best(
    reading: Reading,
    scores: list[Float64[np.ndarray, " _"]],
    num_picks: int,
    max_length: float = np.inf,
) -> Picks:
    rows = []
    for number, (own, score) in enumerate(zip(_sentences(reading), scores, strict=True)):
        best = own[np.argsort(-score, kind="stable")[:num_picks]]
        fits = np.cumsum(reading.table["length"][number, best]) <= max_length
        rows.append(np.sort(best[: max(int(fits.sum()), 1)]))
    return _fill(reading, rows)


def _fill(reading: Reading, rows: list[Int64[np.ndarray, " _"]]) -> Picks:
    picks = np.full((len(rows), reading.budget), STOP, np.int64)
    for number, row in enumerate(rows):
        picks[number, : len(row)] = row
    return picks
