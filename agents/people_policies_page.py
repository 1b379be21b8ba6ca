"""The section on policies that a crowd trained: scores, and what is kept of clean answers'."""

from collections.abc import Sequence

import numpy as np

from prefgym.agents.benchmark import Result, markdown_table
from prefgym.agents.benchmark_driving import ORACLE_STEPS
from prefgym.agents.people_page import Gate, Part, Section, number, over_seeds, rows_where, span
from prefgym.agents.people_policies import (
    BAD_SHARE,
    CLEAN,
    CLEAN_MORE,
    CROWD,
    HEAVY,
    HEAVY_MORE,
    LABELS,
    MORE,
    NUM_RATERS,
    OF_WORLD,
    READ_PLAINLY,
    REFERENCE,
    SLIGHT,
    SLIGHT_MORE,
    cells,
    measure,
)
from prefgym.agents.people_training import STEPS, share_of
from prefgym.agents.statistics import Interval, normalised_score

FLOORS = {"driving": ("idm", "random"), "text": ("random",)}
"""Of the normalised scores; the first of each is the headline."""


def scored(results: Sequence[Result], world: str, condition: str, floor: str) -> list[Result]:
    """The rows of a condition with their normalised "score": 0 is the floor's, 1 the oracle's."""
    found = []
    for row in rows_where(results, world=world, condition=condition):
        low, high = (
            rows_where(results, world=world, condition=name, profile=str(row["profile"]))
            for name in (floor, "gold")
        )
        if low and high:
            ends = over_seeds(low, "gold").estimate, over_seeds(high, "gold").estimate
            found.append(row | {"score": float(normalised_score(number(row, "gold"), *ends))})
    return found


def kept(results: Sequence[Result], world: str, condition: str, floor: str) -> Interval | None:
    """The score of a condition as a share of that from as many clean answers, over both's seeds."""
    tables = [
        {str(row["seed"]): row for row in scored(results, world, name, floor)}
        for name in (condition, REFERENCE.get(condition, CLEAN))
    ]
    seeds = [seed for seed in tables[0] if seed in tables[1]]
    if not seeds:
        return None
    rows, clean = ([table[seed] for seed in seeds] for table in tables)
    return share_of(rows, "score", clean, "score")


def section(results: list[Result]) -> Section:
    """A table for each world, and the gates."""
    paragraphs = [
        f"{NUM_RATERS} people answer who never err, or of whom {BAD_SHARE:.0%} say the opposite "
        "of what they see, read by plain Bradley-Terry or with a trust in each rater that is "
        "learned beside the reward (TriTrust); or all of them are mistaken in one answer out of "
        "ten, or in three, read plainly or with an honesty of each that is learned (Crowd-BT), "
        "whose prior expects one answer in five to be wrong. "
        f"Driving: {LABELS['driving']} comparisons, another profile with every seed, {STEPS:,} "
        f"environment steps, and PPO on gold for {ORACLE_STEPS:,} steps as the oracle. Text: "
        f"{LABELS['text']:,} comparisons of sunsets in English, the preset's steps, gold on "
        "held-out scenes, with greedy picks by gold as the oracle. Scores are means over seeds; "
        "kept is the mean as a share of the mean of as many clean answers, with seeds resampled "
        "together. AUC is that with which the bad raters are told from the good ones in the last "
        "round. An answer that is wrong three times in ten tells 0.12 of a bit where a clean one "
        f"tells 1, and 200 of them too little to drive by: hence {MORE} besides. A reward learned "
        "from few wrong answers is pursued all the same, so that single runs end far below the "
        "IDM driver, and the intervals are wide.",
    ]
    for world in OF_WORLD:
        table = _table(results, world)
        if table:
            paragraphs += [f"### {world.capitalize()}", table]
    return Section("Policies that a crowd trained", paragraphs, _gates(results))


def _table(results: list[Result], world: str) -> str:
    floors = FLOORS[world]
    lines = []
    for condition in OF_WORLD[world]:
        rows = scored(results, world, condition, floors[0])
        if not rows:
            continue
        wrong, agreement = (np.mean([number(r, k) for r in rows]) for k in ("wrong", "agreement"))
        line = [condition, f"{wrong:.0%}", f"{agreement:.3f}"]
        for floor in floors:
            share = kept(results, world, condition, floor)
            score = over_seeds(scored(results, world, condition, floor), "score")
            itself = condition in (CLEAN, CLEAN_MORE)
            line += [span(score), "" if share is None or itself else span(share)]
        known = [row for row in rows if "auc" in row]
        line += [span(over_seeds(known, "auc")) if known else "", str(len(rows))]
        lines.append(line)
    scores = [text for floor in floors for text in (f"S_{floor}", f"kept of S_{floor}")]
    header = ["answers", "wrong", "agreement of the last model", *scores, "AUC", "seeds"]
    return markdown_table(header, lines) if lines else ""


def _gates(results: list[Result]) -> list[Gate]:
    found = []
    for name, world, condition, least in (
        ("2. driving, 30 % bad raters", "driving", CROWD, 0.9),
        ("2. text, 30 % bad raters", "text", CROWD, 0.9),
        ("5. driving, mistake 0.1", "driving", SLIGHT, 0.8),
        ("5. driving, mistake 0.3", "driving", HEAVY, 0.5),
        (f"5. driving, mistake 0.1, {MORE} answers", "driving", SLIGHT_MORE, 0.8),
        (f"5. driving, mistake 0.3, {MORE} answers", "driving", HEAVY_MORE, 0.5),
    ):
        floor = FLOORS[world][0]
        share = kept(results, world, condition, floor)
        if share is None:
            continue
        other = READ_PLAINLY.get(condition)
        plain = None if other is None else kept(results, world, other, floor)
        beside = "" if plain is None else f"plain Bradley-Terry {span(plain)}"
        what = f"{name}: kept of S_{floor}"
        found.append(Gate(what, f">= {least}", share, share.estimate >= least, beside))
    return found


PART = Part(cells, measure, section, num_seeds=10)
