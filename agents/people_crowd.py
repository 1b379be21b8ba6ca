"""Items compared by a crowd in which some are no help, and by one in which all err alike."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, rows_where, span
from prefgym.agents.rank_statistics import kendall_tau, roc_auc
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.crowd import CrowdConfig, fit_item_crowd
from prefgym.feedback.logistic import fit_logistic, item_rows, sigmoid

NUM_ITEMS, NUM_RATERS, ANSWERS = 30, 20, 150
SCORE_SD = 1.5
L2 = 0.5


@dataclass(frozen=True, slots=True)
class CrowdWorld:
    """Who the raters are.

    Args:
        bad: how many of them are no help.
        follow: how much those follow the scores: -1 against them, 0 not at all.
        flips: probability that any answer is turned over.
        side_bias_sd: of what raters add to the logit of the side shown first.
    """

    bad: int = 0
    follow: float = 0.0
    flips: float = 0.0
    side_bias_sd: float = 0.0


ADVERSARIES, ALIKE = "6 of 20 adversarial", "all flip 30 %"
WORLDS = {
    ADVERSARIES: CrowdWorld(bad=6, follow=-1.0),
    "8 of 20 adversarial": CrowdWorld(bad=8, follow=-1.0),
    "6 of 20 answer at random": CrowdWorld(bad=6),
    ALIKE: CrowdWorld(flips=0.3),
    "all honest": CrowdWorld(),
    "all favour a side": CrowdWorld(side_bias_sd=1.0),
}
MODELS = {
    "honesty": CrowdConfig(),
    "trust": CrowdConfig(reliability="trust"),
    "no side": CrowdConfig(side_bias_sd=0.0),
}


def cells(num_seeds: int) -> list[Cell]:
    """Every crowd, seed by seed."""
    return [{"part": "crowd", "world": w, "seed": s} for s in range(num_seeds) for w in WORLDS]


def measure(cell: Cell) -> Result:
    """Kendall's tau of plain Bradley-Terry and of each model of raters, and what those see."""
    world = WORLDS[str(cell["world"])]
    score, bias, comparison = answers(world, rng=np.random.default_rng([1, int(cell["seed"])]))
    is_bad = np.arange(NUM_RATERS) < world.bad
    found: Result = {"plain": kendall_tau(plain_scores(comparison), score)}
    for name, config in MODELS.items():
        fit = fit_item_crowd(comparison, NUM_ITEMS, config, l2=L2)
        found[name] = kendall_tau(fit.score, score)
        if world.bad:
            found[f"{name}, AUC"] = roc_auc(-fit.crowd.reliability, is_bad)
        if world.side_bias_sd and config.side_bias_sd:
            found[f"{name}, side"] = float(np.corrcoef(fit.crowd.side_bias, bias)[0, 1])
    return found


def answers(
    world: CrowdWorld, *, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, " item"], Float64[np.ndarray, " rater"], Comparison]:
    """Scores of the items, side biases of the raters, and what they said of random pairs."""
    score = rng.normal(0.0, SCORE_SD, NUM_ITEMS)
    bias = rng.normal(0.0, world.side_bias_sd, NUM_RATERS)
    rater = np.repeat(np.arange(NUM_RATERS), ANSWERS)
    first, step = rng.integers([NUM_ITEMS, NUM_ITEMS - 1], size=(len(rater), 2)).T
    second = (first + 1 + step) % NUM_ITEMS
    follow = np.where(np.arange(NUM_RATERS) < world.bad, world.follow, 1.0)
    prob = sigmoid(follow[rater] * (score[first] - score[second]) + bias[rater])
    said = (rng.random(len(rater)) < prob) ^ (rng.random(len(rater)) < world.flips)
    return score, bias, Comparison(first, second, said.astype(float), rater, NUM_RATERS)


def plain_scores(comparison: Comparison) -> Float64[np.ndarray, " item"]:
    """Scores by Bradley-Terry with the same prior, whoever answered."""
    rows = item_rows(comparison.first, comparison.second, NUM_ITEMS)
    prior = np.eye(NUM_ITEMS) * L2
    return fit_logistic(rows, comparison.preference, prior_precision=prior).weight[0]


def section(results: list[Result]) -> Section:
    """Table and gates."""
    rows = []
    for name, world in WORLDS.items():
        mine = rows_where(results, world=name)
        if not mine:
            continue
        line = [name, *(span(over_seeds(mine, key)) for key in ("plain", *MODELS))]
        for model in ("honesty", "trust"):
            line.append(span(over_seeds(mine, f"{model}, AUC")) if world.bad else "")
        line.append(span(over_seeds(mine, "honesty, side")) if world.side_bias_sd else "")
        rows.append([*line, str(len(mine))])
    header = ["crowd", "plain", "honesty", "trust", "honesty, no side bias"]
    header += ["AUC, honesty", "AUC, trust", "side found", "seeds"]
    return Section(
        "Who can be trusted",
        [
            f"{NUM_ITEMS} items with scores N(0, {SCORE_SD}²), {NUM_RATERS} raters who each "
            f"compare {ANSWERS} random pairs. Kendall's tau with the true scores: of plain "
            "Bradley-Terry, of EM over the raters' honesty (Crowd-BT) and over their signed trust "
            "(TriTrust), both with a bias for the side shown first, and of honesty without that "
            "bias. Then the ROC-AUC with which a bad rater is told from a good one, and the "
            "correlation of the side biases found with the true ones.",
            markdown_table(header, rows),
            "Where all raters err alike there is nobody to trust more, and a model of the raters "
            "neither gains nor loses: the negative control.",
        ],
        _gates(rows_where(results, world=ADVERSARIES), rows_where(results, world=ALIKE)),
    )


def _gates(bad: list[Result], alike: list[Result]) -> list[Gate]:
    if not bad or not alike:
        return []
    tau, auc = over_seeds(bad, "honesty"), over_seeds(bad, "honesty, AUC")
    gain = over_seeds(alike, "honesty", less="plain")
    plain = f"plain Bradley-Terry {span(over_seeds(bad, 'plain'))}"
    return [
        Gate("1. tau, 6 of 20 adversarial", ">= 0.90", tau, tau.estimate >= 0.90, plain),
        Gate("1. AUC of a bad rater", ">= 0.99", auc, auc.estimate >= 0.99),
        Gate("1. tau less plain's, all flip 30 %", "±0.03", gain, abs(gain.estimate) <= 0.03),
    ]


PART = Part(cells, measure, section)
