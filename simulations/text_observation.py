"""What an agent sees of a source, its units and the summary so far; nothing of it is annotated.

Per unit: the static columns of `text_table`, and how the unit stands to the summary so far. Then
the summary as a whole: a reward model reads these columns, a policy may too. Nothing depends on a
language: words are counted, never known.
"""

from math import sqrt

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
    NUM_TOP_TERMS,
    OVERLAP,
    POSITION,
    RARITY,
    STATIC_NAMES,
    VERBATIM,
    Text,
)

DYNAMIC_NAMES = ("nearest_pick", "last_pick", "step_forward", "gain", "picked", "valid")
UNIT_NAMES = STATIC_NAMES + DYNAMIC_NAMES
NUM_STATIC = len(STATIC_NAMES)
UNIT_SIZE = len(UNIT_NAMES)
NEAREST, LAST, FORWARD, GAIN, PICKED, VALID = range(NUM_STATIC, UNIT_SIZE)
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
    "summary_copied",
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
    text: Text, picks: Picks, num_picks: int, budget: int, step_share: float, out: Observation
) -> None:
    """Writes one observation."""
    first_sight(text, out)
    for seen in range(num_picks):
        add_pick(text, picks, seen + 1, out)
    if num_picks > 0:
        summarise(text, picks, num_picks, budget, out[SUMMARY_START:STEP_COLUMN])
    out[STEP_COLUMN] = step_share


@compiled
def first_sight(text: Text, out: Observation) -> None:
    """Writes what is seen before anything is picked."""
    out[:] = 0.0
    for unit in range(text.num_units):
        at = unit * UNIT_SIZE
        for column in range(NUM_STATIC):
            out[at + column] = text.static[unit, column]
        out[at + GAIN] = term_share(text, text.terms[unit])
        out[at + VALID] = 1.0


@compiled
def add_pick(text: Text, picks: Picks, num_picks: int, out: Observation) -> None:
    """Brings how the units stand to the summary up to date with its last pick."""
    last = picks[num_picks - 1]
    covered = covered_terms(text, picks, num_picks - 1)
    fresh = text.terms[last] & ~covered
    covered |= fresh
    for unit in range(text.num_units):
        at = unit * UNIT_SIZE
        similarity = text.similarity[unit, last]
        out[at + NEAREST] = max(out[at + NEAREST], similarity)
        out[at + LAST] = similarity
        out[at + FORWARD] = text.static[unit, POSITION] - text.static[last, POSITION]
        if text.terms[unit] & fresh:
            out[at + GAIN] = term_share(text, text.terms[unit] & ~covered)
    out[last * UNIT_SIZE + PICKED] = 1.0
    out[last * UNIT_SIZE + VALID] = 0.0


@compiled
def covered_terms(text: Text, picks: Picks, num_picks: int) -> int:
    """Returns the terms that some units hold between them."""
    covered = 0
    for i in range(num_picks):
        covered |= text.terms[picks[i]]
    return covered


@compiled
def term_share(text: Text, terms: int) -> float:
    """Returns the share of the source's term weight that some of its terms hold."""
    weight, term = 0.0, 0
    while terms >> term:
        if terms >> term & 1:
            weight += text.term_weight[term]
        term += 1
    return weight / text.all_weight


@compiled
def top_share(text: Text, terms: int) -> float:
    """Returns the share of the source's weightiest few terms that are among some of its terms."""
    top, held = 0, 0
    for term in range(NUM_TOP_TERMS):
        if text.term_weight[term] > 0.0:
            top += 1
            held += terms >> term & 1
    return held / max(top, 1)


@compiled
def summarise(text: Text, picks: Picks, num_picks: int, budget: int, out: Observation) -> None:
    """Writes the columns of SUMMARY_NAMES."""
    out[:] = 0.0
    least_overlap, least_closeness, most_repetition, repetition = 1.0, 1.0, 0.0, 0.0
    backward, dangling, places, copied = 0, 0, 0, 0
    total, squares, along, square_norm = 0.0, 0.0, 0.0, 0.0
    for i in range(num_picks):
        unit = picks[i]
        static = text.static[unit]
        length = text.length[unit]
        total += length
        squares += length * length
        out[3] += static[OVERLAP]
        out[5] += static[CLOSENESS]
        out[7] += static[RARITY]
        out[12] += static[POSITION]
        out[17] += static[CENTRALITY]
        out[19] += static[VERBATIM]
        out[20] += static[CLAUSES]
        copied += static[VERBATIM] == 1.0
        # float(): a float32 beside Python's numbers stays one, but compiled it becomes a float64
        least_overlap = min(least_overlap, float(static[OVERLAP]))
        least_closeness = min(least_closeness, float(static[CLOSENESS]))
        step = 0.0
        if i > 0:
            step = float(static[POSITION] - text.static[picks[i - 1], POSITION])
            backward += step < 0.0
            nearest = 0.0
            for j in range(i):
                nearest = max(nearest, float(text.similarity[unit, picks[j]]))
            repetition += nearest
            most_repetition = max(most_repetition, nearest)
        # a sentence that points back is understood right after the one it followed
        follows = i > 0 and 0.0 < step <= 1.5 / max(text.num_units - 1, 1)
        dangling += static[LEANS] > 0.0 and not follows
        norm = text.norm[unit]
        along += norm * text.likeness[unit]
        for j in range(num_picks):
            other = picks[j]
            square_norm += norm * text.norm[other] * float(text.similarity[unit, other])
        places |= 1 << int(np.rint(float(static[POSITION]) * MAX_UNITS))
    for column in (3, 5, 7, 12, 17, 19, 20):
        out[column] /= num_picks
    mean = total / num_picks
    out[0] = num_picks / budget
    out[1] = total / (budget * text.sentence_length)
    covered = covered_terms(text, picks, num_picks)
    out[2] = term_share(text, covered)
    out[4] = least_overlap
    out[6] = least_closeness
    out[8] = repetition / max(num_picks - 1, 1)
    out[9] = most_repetition
    out[10] = backward / max(num_picks - 1, 1)
    out[11] = dangling / num_picks
    out[13] = text.static[picks[0], POSITION]
    out[14] = text.static[picks[num_picks - 1], POSITION]
    out[22] = copied / num_picks
    out[15] = count_bits(places) / num_picks
    out[16] = sqrt(max(squares / num_picks - mean * mean, 0.0)) / max(mean, 1.0)
    out[18] = top_share(text, covered)
    # the summary's words as one vector: cosine with the words of the whole source
    out[21] = along / max(sqrt(square_norm), 1e-9)
