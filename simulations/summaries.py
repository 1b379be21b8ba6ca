"""Columns of any written summary of a text, the same that an environment shows of a picked one."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32

from prefgym.simulations.encoders import Encoder
from prefgym.simulations.source import MAX_UNITS, Source, Unit
from prefgym.simulations.text_observation import (
    OBSERVATION_SIZE,
    STEP_COLUMN,
    SUMMARY_START,
    observe,
)
from prefgym.simulations.text_table import text_table


def summary_columns(
    sentences: Sequence[str],
    summaries: Sequence[Sequence[str]],
    language: str,
    budget: int,
    word_counts: Mapping[str, int],
    encoder: Encoder | None = None,
) -> Float32[np.ndarray, "summary column"]:
    """What a reward model reads of summaries of one text, whoever wrote them.

    Args:
        sentences: of the text.
        summaries: sentences of each; more than MAX_UNITS are left out.
        language: of both.
        budget: sentences that a summary is meant to have.
        word_counts: in how many texts each content word occurs.
        encoder: tells how alike sentences are; None: by TF-IDF over the words of the text.

    Raises:
        ValueError: if a summary has no sentence.
    """
    if not all(summaries):
        raise ValueError("a summary must have at least one sentence, got an empty one")
    sources = [
        Source(
            id=str(number),
            language=language,
            topic="",
            title="",
            sentences=tuple(sentences),
            units=tuple(Unit(sentence) for sentence in summary[:MAX_UNITS]),
            annotated=False,
        )
        for number, summary in enumerate(summaries)
    ]
    table = text_table(sources, budget, {language: word_counts}, encoder)
    picks = np.arange(MAX_UNITS)
    observation = np.empty(OBSERVATION_SIZE, np.float32)
    columns = np.empty((len(sources), STEP_COLUMN - SUMMARY_START), np.float32)
    for row, source in enumerate(sources):
        observe(table[row], picks, len(source.units), budget, 0.0, observation)
        columns[row] = observation[SUMMARY_START:STEP_COLUMN]
    return columns
