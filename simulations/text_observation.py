"""What an agent sees of a source, its units and the summary so far; nothing of it is annotated.

Per unit: the static columns of `text_table`, and how the unit stands to the summary so far. Then
the summary as a whole: a reward model reads these columns, a policy may too. Nothing depends on a
language: words are counted, never known.
"""

import numpy as np
from jaxtyping import Float32

from prefgym.simulations.compiled import compiled
from prefgym.simulations.source import MAX_UNITS
from prefgym.simulations.text_gold import Picks, count_bits
from prefgym.simulations.text_table import (
    CENTRALITY,
    CLAUSES,
    CLOSENESS,
    LEANS,
    MAX_TERMS,
    NUM_TOP_TERMS,
    OVERLAP,
    POSITION,
    RARITY,
    STATIC_NAMES,
    VERBATIM,
    TextTable,
)

DYNAMIC_NAMES = ("nearest_pick", "last_pick", "step_forward", "gain", "picked", "valid")
UNIT_NAMES = STATIC_NAMES + DYNAMIC_NAMES
NUM_STATIC = len(STATIC_NAMES)
UNIT_SIZE = len(UNIT_NAMES)
SUMMARY_NAMES = (
    "summary_units",
    "summary_length",
    "summary_coverage",
    "summary_overlap",
    "summary_least_overlap",
    "summary_closeness",
    "summary_least_closeness",
    "summary_rarity",
    "summary_repetition",
    "summary_most_repetition",
    "summary_backward",
    "summary_dangling",
    "summary_position",
    "summary_first_position",
    "summary_last_position",
    "summary_spread",
    "summary_rhythm",
    "summary_centrality",
    "summary_salience",
    "summary_verbatim",
    "summary_clauses",
    "summary_likeness",
)
SUMMARY_START = MAX_UNITS * UNIT_SIZE
STEP_COLUMN = SUMMARY_START + len(SUMMARY_NAMES)
OBSERVATION_SIZE = STEP_COLUMN + 1
OBSERVATION_NAMES = (
    *(f"unit{i}_{name}" for i in range(MAX_UNITS) for name in UNIT_NAMES),
    *SUMMARY_NAMES,
    "step_share",
)
BOUND = 10.0  # of any column; z-scores of at most 20 units stay below 5

Observation = Float32[np.ndarray, " column"]


@compiled
def observe(
    table: TextTable,
    source: int,
    picks: Picks,
    num_picks: int,
    budget: int,
    step_share: float,
    out: Observation,
) -> None:
    """Writes one observation."""
    out[:] = 0.0
    covered = 0
    for i in range(num_picks):
        covered |= table.terms[source, picks[i]]
    all_weight = 0.0
    for term in range(MAX_TERMS):
        all_weight += table.term_weight[source, term]
    all_weight = max(all_weight, 1e-9)
    for unit in range(table.num_units[source]):
        at = unit * UNIT_SIZE
        for column in range(NUM_STATIC):
            out[at + column] = table.static[source, unit, column]
        at += NUM_STATIC
        nearest, picked = 0.0, False
        for i in range(num_picks):
            nearest = max(nearest, table.similarity[source, unit, picks[i]])
            picked |= picks[i] == unit
        out[at] = nearest
        if num_picks > 0:
            last = picks[num_picks - 1]
            out[at + 1] = table.similarity[source, unit, last]
            out[at + 2] = (
                table.static[source, unit, POSITION] - table.static[source, last, POSITION]
            )
        out[at + 3] = term_share(table, source, table.terms[source, unit] & ~covered, all_weight)
        out[at + 4] = 1.0 if picked else 0.0
        out[at + 5] = 0.0 if picked else 1.0
    if num_picks > 0:
        summary = out[SUMMARY_START:STEP_COLUMN]
        summarise(table, source, picks, num_picks, budget, summary)
        summary[2] = term_share(table, source, covered, all_weight)
        summary[18] = top_share(table, source, covered)
    out[STEP_COLUMN] = step_share


@compiled
def term_share(table: TextTable, source: int, terms: int, all_weight: float) -> float:
    """Returns the share of the source's term weight that some of its terms hold."""
    weight = 0.0
    for term in range(MAX_TERMS):
        if terms >> term & 1:
            weight += table.term_weight[source, term]
    return weight / all_weight


@compiled
def top_share(table: TextTable, source: int, terms: int) -> float:
    """Returns the share of the source's weightiest few terms that are among some of its terms."""
    top, held = 0, 0
    for term in range(NUM_TOP_TERMS):
        if table.term_weight[source, term] > 0.0:
            top += 1
            held += terms >> term & 1
    return held / max(top, 1)


@compiled
def summarise(
    table: TextTable, source: int, picks: Picks, num_picks: int, budget: int, out: Observation
) -> None:
    """Writes the columns of SUMMARY_NAMES, but for those of the terms covered."""
    least_overlap, least_closeness, most_repetition, repetition = 1.0, 1.0, 0.0, 0.0
    backward, dangling, places = 0, 0, 0
    total, squares, along, square_norm = 0.0, 0.0, 0.0, 0.0
    sentence_length = table.sentence_length[source]
    for i in range(num_picks):
        unit = picks[i]
        static = table.static[source, unit]
        length = table.length[source, unit]
        total += length
        squares += length * length
        out[3] += static[OVERLAP]
        out[5] += static[CLOSENESS]
        out[7] += static[RARITY]
        out[12] += static[POSITION]
        out[17] += static[CENTRALITY]
        out[19] += static[VERBATIM]
        out[20] += static[CLAUSES]
        least_overlap = min(least_overlap, static[OVERLAP])
        least_closeness = min(least_closeness, static[CLOSENESS])
        step = 0.0
        if i > 0:
            step = static[POSITION] - table.static[source, picks[i - 1], POSITION]
            backward += step < 0.0
            nearest = 0.0
            for j in range(i):
                nearest = max(nearest, table.similarity[source, unit, picks[j]])
            repetition += nearest
            most_repetition = max(most_repetition, nearest)
        # a sentence that points back is understood right after the one it followed
        follows = i > 0 and 0.0 < step <= 1.5 / max(table.num_units[source] - 1, 1)
        dangling += static[LEANS] > 0.0 and not follows
        norm = table.norm[source, unit]
        along += norm * table.likeness[source, unit]
        for j in range(num_picks):
            other = picks[j]
            square_norm += norm * table.norm[source, other] * table.similarity[source, unit, other]
        places |= 1 << int(np.rint(static[POSITION] * MAX_UNITS))
    for column in (3, 5, 7, 12, 17, 19, 20):
        out[column] /= num_picks
    mean = total / num_picks
    out[0] = num_picks / budget
    out[1] = total / (budget * sentence_length)
    out[4] = least_overlap
    out[6] = least_closeness
    out[8] = repetition / max(num_picks - 1, 1)
    out[9] = most_repetition
    out[10] = backward / max(num_picks - 1, 1)
    out[11] = dangling / num_picks
    out[13] = table.static[source, picks[0], POSITION]
    out[14] = table.static[source, picks[num_picks - 1], POSITION]
    out[15] = count_bits(places) / num_picks
    out[16] = np.sqrt(max(squares / num_picks - mean * mean, 0.0)) / max(mean, 1.0)
    # the summary's words as one vector: cosine with the words of the whole source
    out[21] = along / max(np.sqrt(square_norm), 1e-9)
