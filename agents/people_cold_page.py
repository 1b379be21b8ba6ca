"""What the page tells of cold starts: tables at ten to fifty labels."""

from collections.abc import Sequence

from prefgym.agents.benchmark import Result, markdown_table
from prefgym.agents.people_page import Gate, Section, over_seeds, rows_where, span

NUM_LABELS = (10, 20, 30, 50)
STARTS = (
    "no prior",
    "k-centre",
    "entropy pool",
    "both pools",
    "population prior",
    "population prior, k-centre",
    "population prior, EPIG",
)
GAIN = 0.10


def section(results: list[Result]) -> Section:
    """A table of either world, on clips of either recording, and the gate on driving."""
    paragraphs = [
        "So many labels of one noisy person, asked in one batch, by what is there before the "
        "first. `no prior`: random pairs of clips of the usual recording (driving: 64 drivers, "
        "each with a style; Pendulum: held random actions), and the linear model with the "
        "penalty that cross-validation takes. `k-centre`: a batch that covers the candidates. "
        "`entropy pool`: clips of a PPO that before any label learns to meet new states (particle "
        "entropy), for as many steps. `both pools`: of both. What that PPO recorded is judged by "
        "the reward model once there is one: the second table of each world is agreement on its "
        "clips (relabelling). `population prior`: 200 other drivers x 15 comparisons "
        "(`fit_prior`), then the same random pairs; `EPIG`: the first batch chosen with people of "
        "the population as members. Driving: four new drivers a seed."
    ]
    gates: list[Gate] = []
    for world in ("driving", "Pendulum"):
        rows = rows_where(results, world=world)
        if not rows:
            continue
        for key, where in (("", "the usual recording"), (", novel", "the exploring policy")):
            paragraphs += [f"### {world}, clips of {where}", _table(rows, key)]
        if world == "driving":
            gates += _gates(rows)
    return Section("Cold start", paragraphs, gates)


def _table(rows: Sequence[Result], key: str) -> str:
    lines = []
    for start in STARTS:
        if f"{start}{key} {NUM_LABELS[0]}" in rows[0]:
            scores = [span(over_seeds(rows, f"{start}{key} {number}")) for number in NUM_LABELS]
            none = f"{start}{key} 0"
            first = span(over_seeds(rows, none)) if none in rows[0] else ""
            lines.append([start, first, *scores])
    header = ["begin with", "no label", *(f"{number} labels" for number in NUM_LABELS)]
    return markdown_table(header, lines)


def _gates(rows: Sequence[Result]) -> list[Gate]:
    found = over_seeds(rows, "population prior 10", less="no prior 10")
    words = [span(over_seeds(rows, f"{start} 10")) for start in ("population prior", "no prior")]
    what = "cold start: agreement by the population prior less that without, 10 labels"
    beside = f"{words[0]}, {words[1]}"
    return [Gate(what, f">= {GAIN}", found, found.estimate >= GAIN, beside)]
