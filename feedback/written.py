"""Judgements of texts that people wrote or systems made: rated summaries, and TRL's rows of pairs.

Both files are JSON Lines, one object per line.

- Rated: `{"source": ..., "summary": ..., "ratings": {"accuracy": 4, ...}, "rater": "ann"}`. A
  rating that is missing or null was not given; `rater` may be left out.
- Compared: `{"prompt": ..., "chosen": ..., "rejected": ...}`, TRL's explicit-prompt format.

A summary becomes a segment of one step, whose columns are those that the text environment shows
of a summary it has picked itself; so one reward model learns from both.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from prefgym.envs.text_sources import guess_language
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.rating import Rating
from prefgym.feedback.segment import Segments
from prefgym.simulations.corpora import word_counts
from prefgym.simulations.encoders import Encoder, EncoderName, find_encoder
from prefgym.simulations.summaries import summary_columns
from prefgym.simulations.text_observation import (
    OBSERVATION_SIZE,
    STEP_COLUMN,
    SUMMARY_START,
)
from prefgym.simulations.text_worlds import STOP
from prefgym.simulations.tokens import split_sentences

BUDGET = 4


class RatedTexts(NamedTuple):
    """Summaries and what raters said of them; the names of the raters, by their number."""

    segments: Segments
    rating: Rating
    raters: tuple[str, ...]


class ComparedTexts(NamedTuple):
    """Summaries and which of two was chosen."""

    segments: Segments
    comparison: Comparison


def read_ratings(path: Path, heads: Sequence[str], *, encoder: EncoderName = "words") -> RatedTexts:
    """Rated summaries of a JSONL file.

    Args:
        path: the file.
        heads: criteria to read, in the order of the reward model's heads.
        encoder: what tells how alike sentences are, as in the environment.

    Raises:
        ValueError: if a line is not as described above, or nothing is rated.
        OSError: if the file cannot be read.
    """
    rows = list(_rows(path, ("source", "summary", "ratings")))
    values = np.array(
        [[_rating(where, row["ratings"], head) for head in heads] for where, row in rows]
    )
    if np.isnan(values).all():
        raise ValueError(f"{path} must rate {', '.join(heads)}, but no line does")
    names, rater = np.unique([str(row.get("rater", "")) for _, row in rows], return_inverse=True)
    texts = [(row["source"], row["summary"]) for _, row in rows]
    segments = written_segments(texts, encoder=encoder)
    rating = Rating(np.arange(len(rows)), values, rater.astype(np.int64), num_raters=len(names))
    return RatedTexts(segments, rating, tuple(names.tolist()))


def read_pairs(path: Path, *, encoder: EncoderName = "words") -> ComparedTexts:
    """Compared summaries of a JSONL file of TRL rows.

    Args:
        path: the file.
        encoder: what tells how alike sentences are, as in the environment.

    Raises:
        ValueError: if a line is not as described above.
        OSError: if the file cannot be read.
    """
    rows = [row for _, row in _rows(path, ("prompt", "chosen", "rejected"))]
    texts = [(row["prompt"], row[side]) for row in rows for side in ("chosen", "rejected")]
    first = 2 * np.arange(len(rows))
    comparison = Comparison(first, first + 1, np.ones(len(rows)))
    return ComparedTexts(written_segments(texts, encoder=encoder), comparison)


def written_segments(
    texts: Sequence[tuple[str, str]], *, budget: int = BUDGET, encoder: EncoderName = "words"
) -> Segments:
    """Segments of (source, summary) pairs.

    Args:
        texts: the pairs.
        budget: sentences that a summary is meant to have.
        encoder: what tells how alike sentences are, as in the environment.

    Raises:
        ValueError: if a summary or a source has no sentence.
    """
    encode = find_encoder(encoder)
    columns = np.empty((len(texts), STEP_COLUMN - SUMMARY_START), np.float32)
    by_source: dict[str, list[int]] = {}
    for number, (source, _) in enumerate(texts):
        by_source.setdefault(source, []).append(number)
    for source, numbers in by_source.items():
        written = [texts[number][1] for number in numbers]
        columns[numbers] = _columns(source, written, budget, encode)
    shown = np.zeros((len(texts), 1, OBSERVATION_SIZE), np.float32)
    shown[:, 0, SUMMARY_START:STEP_COLUMN] = columns
    return finished_segments(shown[:, 0])


def finished_segments(
    shown: Float32[np.ndarray, "text column"],
    criteria: Float64[np.ndarray, "text criterion"] | None = None,
) -> Segments:
    """Texts as segments of one step, from what is seen of each at its end.

    Args:
        shown: what is seen.
        criteria: gold, where it is known; None: nan.
    """
    return Segments(
        observations=np.zeros_like(shown)[:, None],
        actions=np.zeros((len(shown), 1, STOP + 1), np.float32),
        next_observations=shown[:, None],
        mask=np.ones((len(shown), 1), np.bool_),
        criteria=np.full((len(shown), 1, 1), np.nan) if criteria is None else criteria[:, None],
    )


def _columns(
    source: str, summaries: list[str], budget: int, encoder: Encoder | None
) -> Float32[np.ndarray, "summary column"]:
    sentences = split_sentences(source)
    if not sentences:
        raise ValueError("a source text must have at least one sentence, got an empty one")
    language = guess_language(source)
    written = [split_sentences(summary) for summary in summaries]
    return summary_columns(sentences, written, language, budget, word_counts(language), encoder)


def _rows(path: Path, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where each line stands, and its object."""
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where} must be a JSON object, got {line[:40]!r}") from error
        missing = [name for name in names if not isinstance(row, dict) or name not in row]
        if missing:
            raise ValueError(f"{where} must have the fields {', '.join(names)}; no {missing[0]}")
        for name in names:
            if name != "ratings" and not isinstance(row[name], str):
                raise ValueError(f"{where}: {name} must be a text, got {row[name]!r}")
        yield where, row


def _rating(where: str, ratings: Any, head: str) -> float:
    if not isinstance(ratings, dict):
        raise ValueError(f"{where}: ratings must be an object, got {ratings!r}")
    value = ratings.get(head)
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: rating {head!r} must be a number or null, got {value!r}")
    return float(value)
