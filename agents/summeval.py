"""SummEval, read from `$PREFGYM_DATA/summeval`: articles, what people said of summaries, ROUGE.

Fabbri et al. 2021. The articles belong to others: they are read where they lie and never written
into a table, a picture or a package. The first 50 articles by id are for fitting, the others for
measuring.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.feedback.segment import Segments
from prefgym.feedback.written import written_segments
from prefgym.simulations.tokens import split_sentences, words

CRITERIA = ("coherence", "consistency", "fluency", "relevance")
NUM_TRAIN = 50
VARIABLE = "PREFGYM_DATA"

Grams = tuple[Counter[tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Articles:
    """Some of the articles, each with its human references."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]

    def shuffles(self, number: int, seed: int) -> "Articles":
        """Each article so many times, its sentences in an order of their own each time."""
        texts = []
        for copy in range(number):
            for i, text in enumerate(self.texts):
                sentences = split_sentences(text)
                order = np.random.default_rng([seed, copy, i]).permutation(len(sentences))
                texts.append(" ".join(sentences[k] for k in order))
        return Articles(self.ids * number, tuple(texts), self.references * number)

    def take(self, part: slice) -> "Articles":
        """A part of them."""
        return Articles(self.ids[part], self.texts[part], self.references[part])


@dataclass(frozen=True, slots=True)
class Judged:
    """Summaries of some articles as segments, and the experts' mean ratings of each."""

    segments: Segments
    ratings: Float64[np.ndarray, "summary criterion"]
    article: Int64[np.ndarray, " summary"]

    @property
    def overall(self) -> Float64[np.ndarray, " summary"]:
        """Mean of the four criteria."""
        return self.ratings.mean(axis=1)

    @property
    def within_article(self) -> Float64[np.ndarray, "summary criterion"]:
        """Ratings less the mean of their article: some articles' summaries all fare better."""
        _, own = np.unique(self.article, return_inverse=True)
        mean = np.stack(
            [self.ratings[own == number].mean(axis=0) for number in range(own.max() + 1)]
        )
        return self.ratings - mean[own]


def summeval_folder() -> Path:
    """Where SummEval lies.

    Raises:
        ValueError: if it does not.
    """
    folder = Path(os.environ.get(VARIABLE, "")) / "summeval"
    if VARIABLE not in os.environ or not (folder / "ratings.jsonl").is_file():
        raise ValueError(
            f"SummEval is not here: set the environment variable {VARIABLE} to the folder that "
            "holds summeval/articles.jsonl and summeval/ratings.jsonl"
        )
    return folder


def read_articles(folder: Path) -> Articles:
    """All articles, in the order of their ids."""
    rows = sorted(_rows(folder / "articles.jsonl"), key=lambda row: str(row["id"]))
    return Articles(
        tuple(row["id"] for row in rows),
        tuple(row["text"] for row in rows),
        tuple(tuple(row["references"]) for row in rows),
    )


def read_judged(folder: Path, articles: Articles, *, budget: int) -> Judged:
    """The rated summaries of these articles, as one sees them who may write `budget` sentences."""
    number = {name: i for i, name in enumerate(articles.ids)}
    rows = [row for row in _rows(folder / "ratings.jsonl") if row["id"] in number]
    return Judged(
        written_segments(
            [(articles.texts[number[row["id"]]], row["summary"]) for row in rows], budget=budget
        ),
        np.array([[row[name] for name in CRITERIA] for row in rows], float),
        np.array([number[row["id"]] for row in rows]),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def n_grams(text: str) -> Grams:
    """Counts of the words and of the pairs of neighbouring words."""
    found = words(text)
    return tuple(Counter(zip(*(found[i:] for i in range(n)), strict=False)) for n in (1, 2))


def rouge(text: str, references: Sequence[Grams]) -> float:
    """Mean over references of the mean of ROUGE-1 and ROUGE-2 F (Lin 2004), without stemming.

    >>> round(rouge("the cat sat", [n_grams("the cat ran")]), 3)  # (2/3 + 1/2) / 2
    0.583
    """
    own = n_grams(text)
    scores = [
        _f_measure(a, b) for reference in references for a, b in zip(own, reference, strict=True)
    ]
    return float(np.mean(scores))


def _f_measure(one: Counter[tuple[str, ...]], other: Counter[tuple[str, ...]]) -> float:
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)
