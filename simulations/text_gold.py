"""Gold: four criteria of a summary from annotations alone, and their weighted geometric mean.

- accuracy: importance of the facts told over the most that the budget allows, minus half for
  every unit that gets a fact wrong;
- coherence: 1 minus the share of units that lack what they need, step back in the order of the
  matter, only repeat what was said, or belong to another matter;
- vividness: 1 - exp(-n / 3) for n distinct sense words, counted in true units only;
- appeal: the mean of a length near what the reader likes, varied sentence lengths, and an ending
  that is the last in order.

Overall is the product of criterion^weight with a floor: no criterion can buy another.
"""

from math import exp, log, sqrt

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.simulations.compiled import compiled
from prefgym.simulations.text_table import Text, Texts

CRITERIA = ("accuracy", "coherence", "vividness", "appeal", "overall")
ACCURACY, COHERENCE, VIVIDNESS, APPEAL, OVERALL = range(5)
FLOOR = 0.05
FALSE_COST = 0.5
SENSES_SCALE = 3.0
RHYTHM_SCALE = 0.25  # coefficient of variation of sentence lengths that is lively enough
# a reader's taste: weights of the four criteria, wanted length / (budget x mean unit), its width
TASTE_LENGTH, TASTE_WIDTH = 4, 5

Picks = Int64[np.ndarray, " pick"]
Taste = Float64[np.ndarray, " taste"]


@compiled
def count_bits(bits: int) -> int:
    """Returns how many bits of a non-negative integer are set."""
    found = 0
    while bits:
        bits &= bits - 1
        found += 1
    return found


@compiled
def accuracy(text: Text, picks: Picks, num_picks: int) -> float:
    """Returns the share of what can be told that is told, less the cost of what is false."""
    told, num_false = 0, 0
    for i in range(num_picks):
        told |= text.states[picks[i]]
        num_false += text.wrong[picks[i]] != 0
    weight = 0.0
    for fact in range(len(text.importance)):
        if told >> fact & 1:
            weight += text.importance[fact]
    return max(0.0, min(1.0, weight / text.reachable) - FALSE_COST * num_false)


@compiled
def coherence(text: Text, picks: Picks, num_picks: int) -> float:
    """Returns 1 minus the faults of order and reference per unit."""
    faults, told, places, last = 0, 0, 0, -1
    for i in range(num_picks):
        unit = picks[i]
        place, states = text.place[unit], text.states[unit]
        if text.stray[unit]:
            faults += 1
            continue
        faults += (text.needs[unit] & ~places) != 0
        faults += place < last
        faults += states != 0 and (states & ~told) == 0
        told |= states
        places |= 1 << place
        last = place
    return max(0.0, 1.0 - faults / max(num_picks, 1))


@compiled
def vividness(text: Text, picks: Picks, num_picks: int) -> float:
    """Returns how much the true units let a reader sense, saturating."""
    senses = 0
    for i in range(num_picks):
        if text.wrong[picks[i]] == 0 and not text.stray[picks[i]]:
            senses |= text.senses[picks[i]]
    return 1.0 - exp(-count_bits(senses) / SENSES_SCALE)


@compiled
def appeal(text: Text, picks: Picks, num_picks: int, taste: Taste, budget: int) -> float:
    """Returns how pleasant the text is to this reader: length, rhythm, ending."""
    total, squares, highest = 0.0, 0.0, -1
    for i in range(num_picks):
        length = text.length[picks[i]]
        total += length
        squares += length * length
        if not text.stray[picks[i]]:
            highest = max(highest, text.place[picks[i]])
    mean = total / num_picks
    variation = sqrt(max(squares / num_picks - mean * mean, 0.0)) / max(mean, 1.0)
    wanted = taste[TASTE_LENGTH] * budget * text.unit_length
    off = (total - wanted) / (taste[TASTE_WIDTH] * wanted)
    last = picks[num_picks - 1]
    ending = 0.0
    if not text.stray[last] and text.place[last] == highest:
        ending = 1.0
    return (exp(-0.5 * off * off) + min(1.0, variation / RHYTHM_SCALE) + ending) / 3.0


@compiled
def score_text(
    table: Texts,
    source: int,
    picks: Picks,
    num_picks: int,
    taste: Taste,
    budget: int,
    out: Float64[np.ndarray, " criterion"],
) -> None:
    """Writes the five criteria of a summary, each in [0, 1]; of an empty one all are 0."""
    out[:] = 0.0
    text = table[source]
    if num_picks == 0 or not text.annotated:
        return
    out[ACCURACY] = accuracy(text, picks, num_picks)
    out[COHERENCE] = coherence(text, picks, num_picks)
    out[VIVIDNESS] = vividness(text, picks, num_picks)
    out[APPEAL] = appeal(text, picks, num_picks, taste, budget)
    log_sum, weight_sum = 0.0, 0.0
    for criterion in range(4):
        log_sum += taste[criterion] * log(max(out[criterion], FLOOR))
        weight_sum += taste[criterion]
    out[OVERALL] = exp(log_sum / weight_sum)
