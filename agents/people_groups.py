"""A minority that wants something else: who belongs to it, and what it wants."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, rows_where, span
from prefgym.agents.rank_statistics import adjusted_rand
from prefgym.feedback.groups import GroupAnswers, GroupConfig, choose_groups
from prefgym.feedback.logistic import item_rows, sigmoid

NUM_RATERS, MINORITY = 50, 0.2
NUM_FEATURES, NUM_ITEMS, NUM_TESTS = 8, 30, 4000
LOGIT_SD = 3.0  # the logit of a random pair: 16 % of answers are against what a rater wants
CONFIG = GroupConfig(l2=0.3)


@dataclass(frozen=True, slots=True)
class GroupWorld:
    """What is compared, and how much is known.

    Args:
        items: whether things that have nothing in common are compared, or features.
        num_answers: of each rater.
        declared: whether raters declare a group, rightly in nine cases of ten.
    """

    items: bool = False
    num_answers: int = 30
    declared: bool = False


FEATURES = "features, 30 answers each"
WORLDS = {
    FEATURES: GroupWorld(),
    "features, 10 answers each": GroupWorld(num_answers=10),
    "features, 10 answers, declared": GroupWorld(num_answers=10, declared=True),
    "30 items, 30 answers each": GroupWorld(items=True),
    "30 items, 60 answers each": GroupWorld(items=True, num_answers=60),
}


def cells(num_seeds: int) -> list[Cell]:
    """Every world, seed by seed."""
    return [{"part": "groups", "world": w, "seed": s} for s in range(num_seeds) for w in WORLDS]


def measure(cell: Cell) -> Result:
    """Agreement with each group's true order, pooled and by group, and whether it was found."""
    rng = np.random.default_rng([3, int(cell["seed"])])
    weight, group, answers, tests = draw(WORLDS[str(cell["world"])], rng=rng)
    fits = choose_groups(answers, (1, 2, 3), CONFIG, rng=rng)
    by_number = {len(fit.weight): fit for fit in fits}
    pooled, two = by_number[1].weight[0], by_number[2]

    def agreement(found: Float64[np.ndarray, " feature"], true: int) -> float:
        return float(((tests @ found > 0) == (tests @ weight[true] > 0)).mean())

    return {
        "majority": agreement(two.weight[0], 0),
        "minority": agreement(two.weight[1], 1),
        "majority, pooled": agreement(pooled, 0),
        "minority, pooled": agreement(pooled, 1),
        "rand": adjusted_rand(two.assignment, group),
        "groups": len(fits[0].weight),
    }


def draw(
    world: GroupWorld, *, rng: np.random.Generator
) -> tuple[
    Float64[np.ndarray, "group feature"],
    Int64[np.ndarray, " rater"],
    GroupAnswers,
    Float64[np.ndarray, "test feature"],
]:
    """What both groups want, who is of the minority (1), what was said, and pairs to test on."""
    num_answers = NUM_RATERS * world.num_answers
    if world.items:
        weight = rng.normal(0.0, LOGIT_SD / np.sqrt(2), (2, NUM_ITEMS))
        first, step = rng.integers([NUM_ITEMS, NUM_ITEMS - 1], size=(num_answers, 2)).T
        rows = item_rows(first, (first + 1 + step) % NUM_ITEMS, NUM_ITEMS)
        one, other = np.triu_indices(NUM_ITEMS, 1)
        tests = item_rows(one, other, NUM_ITEMS)
    else:
        weight = rng.normal(size=(2, NUM_FEATURES))
        weight *= LOGIT_SD / np.linalg.norm(weight, axis=1, keepdims=True)
        rows = rng.normal(size=(num_answers, NUM_FEATURES))
        tests = rng.normal(size=(NUM_TESTS, NUM_FEATURES))
    group = (np.arange(NUM_RATERS) < round(MINORITY * NUM_RATERS)).astype(np.int64)
    rater = np.repeat(np.arange(NUM_RATERS), world.num_answers)
    prob = sigmoid((rows * weight[group[rater]]).sum(axis=1))
    said = (rng.random(num_answers) < prob).astype(float)
    declared = np.where(rng.random(NUM_RATERS) < 0.1, 1 - group, group)
    told = declared if world.declared else np.zeros(NUM_RATERS, np.int64)
    return weight, group, GroupAnswers(rows, said, rater, told), tests


def section(results: list[Result]) -> Section:
    """Table and gates."""
    keys = ("minority", "majority", "minority, pooled", "majority, pooled", "rand")
    rows = []
    for name in WORLDS:
        mine = rows_where(results, world=name)
        if mine:
            right = sum(row["groups"] == 2 for row in mine)
            line = [name, *(span(over_seeds(mine, key)) for key in keys)]
            rows.append([*line, f"{right} of {len(mine)}"])
    header = ["world", "minority", "majority", "minority, pooled", "majority, pooled"]
    return Section(
        "Groups",
        [
            f"{NUM_RATERS} raters, of whom {MINORITY:.0%} are a minority that wants something "
            f"else altogether. Agreement with what each group truly prefers, on "
            f"{NUM_TESTS:,} fresh pairs of {NUM_FEATURES} normal features or on all pairs of "
            f"{NUM_ITEMS} items: of a mixture of two Bradley-Terry models by EM, and of one model "
            "pooled over everybody. Then the adjusted Rand index of the groups found, and how "
            "often BIC chose two of one, two or three groups. A declared group is right in nine "
            "cases of ten and enters as a prior.",
            markdown_table([*header, "adjusted Rand", "BIC chose 2"], rows),
            "Items that have nothing in common take more answers than features: the minority's "
            "thirty scores then hang on its own 300 answers.",
        ],
        _gates(rows_where(results, world=FEATURES)),
    )


def _gates(mine: list[Result]) -> list[Gate]:
    if not mine:
        return []
    wanted = {"minority": 0.93, "majority": 0.97, "rand": 0.95}
    words = {"rand": "3. adjusted Rand index"}
    gates = []
    for key, least in wanted.items():
        found = over_seeds(mine, key)
        beside = "" if key == "rand" else f"pooled {span(over_seeds(mine, f'{key}, pooled'))}"
        what = words.get(key, f"3. agreement with the {key}")
        gates.append(Gate(what, f">= {least}", found, found.estimate >= least, beside))
    return gates


PART = Part(cells, measure, section)
