"""Six dimensions of which little is known each: learned together, apart, or as one reward."""

import numpy as np
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, rows_where, span
from prefgym.feedback.dimensions import fit_heads
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.logistic import fit_logistic, sigmoid

NUM_HEADS, ANSWERS = 6, 40
NUM_FEATURES, NUM_WAYS = 12, 3
WEIGHT_SD = 1.0
NUM_TESTS = 2000
RELATED, UNRELATED = "they share 3 of 12 directions", "they have nothing in common"
_POOLED_L2 = 0.1


def cells(num_seeds: int) -> list[Cell]:
    """Both worlds, seed by seed."""
    worlds = (RELATED, UNRELATED)
    return [{"part": "dimensions", "world": w, "seed": s} for s in range(num_seeds) for w in worlds]


def measure(cell: Cell) -> Result:
    """Mean agreement with the heads' true order on fresh pairs."""
    rng = np.random.default_rng([7, int(cell["seed"])])
    weight = draw_heads(related=cell["world"] == RELATED, rng=rng)
    head = np.repeat(np.arange(NUM_HEADS), ANSWERS)
    rows = rng.normal(size=(len(head), NUM_FEATURES))
    said = rng.random(len(head)) < sigmoid(np.einsum("af,af->a", rows, weight[head]))
    preference = np.full((len(head), NUM_HEADS), np.nan)
    preference[np.arange(len(head)), head] = said
    joint = fit_heads(rows, preference, PopulationConfig()).weight
    prior = np.eye(NUM_FEATURES) / WEIGHT_SD**2  # as wide as weights truly are
    apart = np.concatenate(
        [
            fit_logistic(rows[head == k], preference[head == k, k], prior_precision=prior).weight
            for k in range(NUM_HEADS)
        ]
    )
    pooled = fit_logistic(
        rows, said.astype(np.float64), prior_precision=_POOLED_L2 * np.eye(NUM_FEATURES)
    ).weight.repeat(NUM_HEADS, axis=0)
    tests = rng.normal(size=(NUM_TESTS, NUM_FEATURES))
    return {
        name: float(((tests @ found.T > 0) == (tests @ weight.T > 0)).mean())
        for name, found in {"joint": joint, "separate": apart, "pooled": pooled}.items()
    }


def draw_heads(*, related: bool, rng: np.random.Generator) -> Float64[np.ndarray, "head feature"]:
    """Weights of every head, each of variance `WEIGHT_SD`^2."""
    if not related:
        return WEIGHT_SD * rng.normal(size=(NUM_HEADS, NUM_FEATURES))
    ways = rng.normal(size=(NUM_WAYS, NUM_FEATURES)) / NUM_WAYS**0.5
    return WEIGHT_SD * rng.normal(size=(NUM_HEADS, NUM_WAYS)) @ ways


def section(results: list[Result]) -> Section:
    """Table and gate."""
    rows, gates = [], []
    for world in (RELATED, UNRELATED):
        mine = rows_where(results, world=world)
        if not mine:
            continue
        gain = over_seeds(mine, "joint", less="separate")
        line = [world, *(span(over_seeds(mine, key)) for key in ("joint", "separate", "pooled"))]
        rows.append([*line, span(gain), str(len(mine))])
        if world == RELATED:
            beside = f"joint {line[1]}, separate {line[2]}"
            what = "7. six dimensions: joint less separate"
            gates.append(Gate(what, ">= 0.01", gain, gain.estimate >= 0.01, beside))
    header = ["the dimensions' weights", "joint", "separate", "one reward", "joint less separate"]
    return Section(
        "Several dimensions",
        [
            f"{NUM_HEADS} dimensions x {ANSWERS} comparisons, {NUM_FEATURES} features. Agreement "
            "with the true order of each dimension on fresh pairs: heads with a common prior "
            "learned from all of them, heads apart with a prior as wide as weights truly are, and "
            "one reward fitted to every answer whatever it was about.",
            markdown_table([*header, "seeds"], rows),
            "Learning together helps where dimensions have something in common, and there is "
            "little to lose where they have not.",
        ],
        gates,
    )


PART = Part(cells, measure, section)
