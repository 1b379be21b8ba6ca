"""What the page tells of asking well: curves, tables and the gate."""

from collections.abc import Sequence

import numpy as np

from prefgym.agents.benchmark import Result, markdown_table
from prefgym.agents.people_page import Gate, Section, over_seeds, rows_where, span
from prefgym.agents.plots import Curve, curve_with_interval
from prefgym.agents.query_curves import (
    NUM_QUERIES,
    cost_ratio,
    costs_to_reach,
    mean_at,
    mean_curve_ratio,
    never,
)

DRAWN = ("uniform", "BALD", "D-optimal, joint", "EPIG, joint, 50", "Thompson", "entropy")
SHOWN = (20, 50, 100, 200)
CHANCE = 0.5
MOST = 0.6
GATED = "driving"
END = ", seconds"
WORLDS = ("driving", "Pendulum", "text")


def section(results: list[Result]) -> Section:
    """Tables and plots of every world and person, and the gate on driving."""
    paragraphs = [_introduction()]
    pictures: dict[str, bytes] = {}
    gates: list[Gate] = []
    conditions = dict.fromkeys((str(row["world"]), str(row["person"])) for row in results)
    for world, person in sorted(conditions, key=_place):
        rows = rows_where(results, world=world, person=person)
        rules = [key.removesuffix(END) for key in rows[0] if key.endswith(END)]
        title = f"{world}, {person} person"
        name = f"people-queries-{world.lower()}-{person}"
        pictures |= {
            f"{name}.png": _plot(rows, title, seconds=False),
            f"{name}-seconds.png": _plot(rows, title, seconds=True),
        }
        paragraphs += [
            f"### {title[0].upper()}{title[1:]}",
            _table(rows, rules),
            f"![{title}]({name}.png)",
            f"![{title}, over seconds]({name}-seconds.png)",
        ]
        if world == GATED:
            gates += _gates(rows, rules, person)
    return Section("Asking well", paragraphs, gates, pictures)


def _place(condition: tuple[str, str]) -> tuple[int, bool]:
    world, person = condition
    return WORLDS.index(world), person != "oracle"


def _introduction() -> str:
    return (
        "One pool of recorded behaviour for each seed (what a run shows before it has a policy; "
        "driving: its four people in turn; text: random summaries compared as wholes) and one "
        "simulated person, asked in rounds of ten up to 100 queries and of 20 and 40 after. "
        "`uniform` asks random pairs; the others choose from ten candidates a query, or 50 where "
        "that is said, by 100 draws from the posterior of the linear model, or its three members "
        "where that is said; their first round is chosen for coverage (k-centre). `power`, "
        "`spread` and `joint` are ways to keep the ten queries of a round from asking the same. "
        "Agreement is with the true order of fresh clips of the same pool. `to 95 %`: queries to "
        "95 % of the agreement at which uniform queries end (200); `over uniform's`: ratio of the "
        "means over seeds, with 95 % from resampled seeds; `above chance`: the same for 95 % of "
        "the way up from a half; `of mean curves`: the same as `over uniform's` with the curves "
        "averaged first; `seconds` compares the time that the person takes: 4 s in the median "
        "for a sure answer, up to half as much again for a coin flip. A seed that does not get "
        "there counts as 200. Entropy is there to be compared with."
    )


def _table(rows: Sequence[Result], rules: Sequence[str]) -> str:
    lines = []
    for rule in rules:
        line = [rule]
        line += [f"{mean_at(rows, rule, NUM_QUERIES.index(n)).estimate:.3f}" for n in SHOWN]
        line.append(f"{costs_to_reach(rows, rule).mean():.0f}")
        if rule == "uniform":
            line += ["1"] * 4
        else:
            line += [
                span(cost_ratio(rows, rule), 2),
                span(cost_ratio(rows, rule, floor=CHANCE), 2),
                span(mean_curve_ratio(rows, rule), 2),
                span(cost_ratio(rows, rule, seconds=True), 2),
            ]
        mistakes = over_seeds(rows, f"{rule}, mistakes").estimate
        lines.append([*line, f"{mistakes:.0%}", f"{never(rows, rule)}"])
    header = ["rule", *(f"at {n}" for n in SHOWN), "to 95 %", "over uniform's", "above chance"]
    header += ["of mean curves", "seconds", "mistakes", f"never, of {len(rows)}"]
    return markdown_table(header, lines)


def _plot(rows: Sequence[Result], title: str, *, seconds: bool) -> bytes:
    curves = []
    for rule in DRAWN:
        if rule not in rows[0]:
            continue
        places: Sequence[float] = NUM_QUERIES
        if seconds:
            key = f"{rule}, seconds"
            places = [mean_at(rows, key, i).estimate for i in range(len(NUM_QUERIES))]
        scores = [mean_at(rows, rule, i) for i in range(len(NUM_QUERIES))]
        curves.append(Curve(rule, places, scores))
    return curve_with_interval(
        curves,
        title=f"{title}, {len(rows)} seeds",
        xlabel="seconds of the person" if seconds else "comparisons",
        ylabel="agreement with the person",
        logarithmic=False,
    )


def _gates(rows: Sequence[Result], rules: Sequence[str], person: str) -> list[Gate]:
    """The best of the active rules, entropy left out: it is nobody's default."""
    active = [rule for rule in rules if rule not in ("uniform", "entropy")]
    gates = []
    for floor, name in ((0.0, "accuracy"), (CHANCE, "accuracy above chance")):
        found = {rule: cost_ratio(rows, rule, floor=floor) for rule in active}
        best = min(active, key=lambda rule: found[rule].estimate)
        queries = costs_to_reach(rows, best, floor=floor).mean()
        plain = costs_to_reach(rows, "uniform", floor=floor).mean()
        median = np.median([found[rule].estimate for rule in active])
        gates.append(
            Gate(
                f"5. queries to 95 % of final {name} over uniform's, driving, {person} person",
                f"<= {MOST}",
                found[best],
                found[best].estimate <= MOST,
                f"{best}: {queries:.0f} for {plain:.0f}; median of {len(active)} rules "
                f"{median:.2f}",
            )
        )
    return gates
