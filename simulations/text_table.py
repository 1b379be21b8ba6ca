"""Sources packed into arrays, so that a batch of readers can work on them without Python objects.

Two kinds of columns stand side by side and never mix. What a *reader of the text alone* can see
(lengths, overlaps, similarities) feeds observations. What an *annotator* wrote (facts, places,
sense words) feeds gold scores. Sets of facts, units, terms and sense words are bits of integers.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from prefgym.simulations.encoders import Encoder, unit_length
from prefgym.simulations.source import MAX_FACTS, MAX_UNITS, Source, Unit
from prefgym.simulations.tokens import content_words, leans_on_context, length_units, words

MAX_TERMS = 63
NUM_TOP_TERMS = 10
STANDARD_BOUND = 5.0  # SDs; the sentences of a short source may hardly differ
STATIC_NAMES = (
    "position",
    "length",
    "centrality",
    "salience",
    "overlap",
    "closeness",
    "rarity",
    "leans",
    "digits",
    "quote",
    "verbatim",
    "clauses",
)
_STANDARDISED = ("length", "centrality", "rarity", "clauses")
POSITION, LENGTH, CENTRALITY, SALIENCE, OVERLAP, CLOSENESS, RARITY, LEANS = range(8)
VERBATIM, CLAUSES = 10, 11

Text: TypeAlias = np.record  # a row of a table, with attributes
Texts: TypeAlias = NDArray[np.void]  # a table as kernels take it
TextTable: TypeAlias = np.recarray[tuple[int], np.dtype[np.record]]

# One record per source; rows of units beyond its `num_units` are zero. As one argument of a kernel
# it is recognised in an eighth of the time that an argument for each column takes.
TEXT = np.dtype(
    (
        np.record,
        np.dtype(
            [
                ("num_units", np.int64),
                ("static", np.float32, (MAX_UNITS, len(STATIC_NAMES))),
                ("similarity", np.float32, (MAX_UNITS, MAX_UNITS)),
                ("norm", np.float64, (MAX_UNITS,)),
                ("likeness", np.float64, (MAX_UNITS,)),
                ("terms", np.int64, (MAX_UNITS,)),
                ("term_weight", np.float64, (MAX_TERMS,)),
                ("all_weight", np.float64),
                ("length", np.float64, (MAX_UNITS,)),
                ("sentence_length", np.float64),
                ("unit_length", np.float64),
                ("annotated", np.bool_),
                ("states", np.int64, (MAX_UNITS,)),
                ("wrong", np.int64, (MAX_UNITS,)),
                ("needs", np.int64, (MAX_UNITS,)),
                ("place", np.int64, (MAX_UNITS,)),
                ("senses", np.int64, (MAX_UNITS,)),
                ("stray", np.uint8, (MAX_UNITS,)),
                ("importance", np.float64, (MAX_FACTS,)),
                ("reachable", np.float64),
            ],
            align=True,
        ),
    )
)


def text_table(
    sources: Sequence[Source],
    budget: int,
    word_counts: Mapping[str, Mapping[str, int]],
    encoder: Encoder | None = None,
) -> TextTable:
    """Some sources as records of type TEXT.

    Args:
        sources: what may be read.
        budget: picks a summary may have: decides what share of the facts can be told at all.
        word_counts: per language, in how many of its texts each content word occurs; a word that
            is nowhere is rare.
        encoder: tells how alike sentences are; None: by TF-IDF over the words of their source.
    """
    table = np.zeros(len(sources), TEXT).view(np.recarray)
    for row, source in enumerate(sources):
        table.num_units[row] = len(source.units)
        table.annotated[row] = source.annotated
        table.reachable[row] = 1.0
        _fill_text(table, row, source, word_counts.get(source.language, {}), encoder)
        if source.annotated:
            _fill_annotations(table, row, source, budget)
    return table


def _fill_text(
    table: TextTable,
    row: int,
    source: Source,
    counts: Mapping[str, int],
    encoder: Encoder | None,
) -> None:
    num_units, num_sentences = len(source.units), len(source.sentences)
    texts = (*(unit.text for unit in source.units), *source.sentences)
    content = [content_words(text) for text in texts]
    length = np.array([length_units(text) for text in texts], float)
    weighted = (
        tf_idf(content, content[num_units:])
        if encoder is None
        else encoder(texts) * length[:, None]
    )
    vectors = unit_length(weighted)
    between = vectors @ vectors[num_units:].T
    document = unit_length(weighted[num_units:].sum(axis=0, keepdims=True))[0]
    terms, weights = _terms(content, _term_weights(content[num_units:], counts))
    known = set().union(*content[num_units:])
    pairs = set().union(*(pairwise(words(sentence)) for sentence in source.sentences))
    columns = {
        "position": between.argmax(axis=1) / max(num_sentences - 1, 1),
        "length": length,
        "centrality": between.mean(axis=1),
        "salience": [_top_share(held, len(weights)) for held in terms],
        "overlap": [_share(known, part) for part in content],
        "closeness": between.max(axis=1),
        "rarity": [_rarity(part, counts) for part in content],
        "leans": [leans_on_context(text) for text in texts],
        "digits": [any(character.isdigit() for character in text) for text in texts],
        "quote": [any(character in '"“”「」' for character in text) for text in texts],
        "verbatim": [_pair_share(pairs, text) for text in texts],
        "clauses": [sum(text.count(mark) for mark in ",;:，；：、") for text in texts],
    }
    for column, name in enumerate(STATIC_NAMES):
        values = np.asarray(columns[name], float)
        if name in _STANDARDISED:
            values = _standardise(values, values[num_units:])
        table.static[row, :num_units, column] = values[:num_units]
    table.similarity[row, :num_units, :num_units] = vectors[:num_units] @ vectors[:num_units].T
    table.length[row, :num_units] = length[:num_units]
    table.sentence_length[row] = max(length[num_units:].mean(), 1.0)
    table.unit_length[row] = max(length[:num_units].mean(), 1.0)
    table.norm[row, :num_units] = np.linalg.norm(weighted[:num_units], axis=1)
    table.likeness[row, :num_units] = vectors[:num_units] @ document
    table.term_weight[row, : len(weights)] = weights
    table.all_weight[row] = max(np.cumsum(table.term_weight[row])[-1], 1e-9)
    table.terms[row, :num_units] = terms[:num_units]


def _pair_share(known: set[tuple[str, str]], text: str) -> float:
    """Share of a text's neighbouring words that are neighbours in the source, in that order."""
    found = list(pairwise(words(text)))
    return sum(pair in known for pair in found) / max(len(found), 1)


def _rarity(content: Sequence[str], counts: Mapping[str, int]) -> float:
    """Mean over words of the logarithm of how seldom they occur elsewhere."""
    most = max(counts.values(), default=1)
    return float(np.mean([np.log((1 + most) / (1 + counts.get(w, 0))) for w in content] or [0.0]))


def _term_weights(sentences: list[list[str]], counts: Mapping[str, int]) -> dict[str, float]:
    """Log frequency in the source times rarity elsewhere."""
    frequency = Counter(word for sentence in sentences for word in sentence)
    most = max(counts.values(), default=1)
    return {
        word: float(np.log1p(times) * (1 + np.log((1 + most) / (1 + counts.get(word, 0)))))
        for word, times in frequency.items()
    }


def _terms(content: list[list[str]], weight: dict[str, float]) -> tuple[list[int], list[float]]:
    """Which of the source's weightiest terms each text holds, as bits, and their weights."""
    chosen = sorted(weight, key=lambda word: (-weight[word], word))[:MAX_TERMS]
    bit = {word: 1 << i for i, word in enumerate(chosen)}
    held = [sum(bit.get(word, 0) for word in set(part)) for part in content]
    return held, [weight[word] for word in chosen]


def _top_share(terms: int, num_terms: int) -> float:
    """Share of the source's weightiest few terms that are among `terms`."""
    top = min(NUM_TOP_TERMS, num_terms)
    return (terms & ((1 << top) - 1)).bit_count() / max(top, 1)


def _fill_annotations(table: TextTable, row: int, source: Source, budget: int) -> None:
    facts = {name: 1 << i for i, name in enumerate(source.facts)}
    senses = {word: 1 << i for i, word in enumerate(source.senses)}
    for number, unit in enumerate(source.units):
        table.states[row, number] = sum(facts[name] for name in set(unit.states))
        table.wrong[row, number] = sum(facts[name] for name in set(unit.contradicts))
        table.needs[row, number] = sum(1 << other for other in set(unit.needs))
        table.senses[row, number] = sum({senses[word.lower()] for word in unit.senses})
        table.place[row, number] = unit.place
        table.stray[row, number] = unit.kind == "off-topic"
    table.importance[row, : len(facts)] = list(source.facts.values())
    table.reachable[row] = max(_reachable(source.units, source.facts, budget), 1e-9)


def _reachable(units: Sequence[Unit], facts: Mapping[str, float], budget: int) -> float:
    """The greatest importance that `budget` true units can tell together."""
    true = {frozenset(unit.states) for unit in units if not unit.contradicts}
    told: set[frozenset[str]] = {frozenset()}
    for _ in range(budget):
        told |= {some | more for some in told for more in true}
    return float(max(sum(facts[name] for name in some) for some in told))


def tf_idf(
    documents: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]
) -> Float64[np.ndarray, "document word"]:
    """Word counts of documents, weighted.

    A word's weight is log((1 + n) / (1 + its number of reference documents)) + 1.
    """
    vocabulary = sorted({word for document in documents for word in document})
    column = {word: i for i, word in enumerate(vocabulary)}
    counts = np.zeros((len(documents), len(vocabulary)))
    for row, document in enumerate(documents):
        for word in document:
            counts[row, column[word]] += 1
    frequency = np.zeros(len(vocabulary))
    for document in reference:
        for word in set(document):
            frequency[column[word]] += 1
    idf = np.log((1 + len(reference)) / (1 + frequency)) + 1
    return counts * idf


def _share(known: set[str], content: Sequence[str]) -> float:
    return sum(word in known for word in content) / max(len(content), 1)


def _standardise(
    values: Float64[np.ndarray, " text"], sentences: Float64[np.ndarray, " sentence"]
) -> Float64[np.ndarray, " text"]:
    """In units of the source's own sentences: what is long or rare *here*, in any language."""
    sd = sentences.std()
    units = (values - sentences.mean()) / (sd if sd > 1e-9 else 1.0)
    return np.clip(units, -STANDARD_BOUND, STANDARD_BOUND)
