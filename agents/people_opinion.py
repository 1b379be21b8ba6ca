"""How opinions are spread: seen without knowing who answered, and told from noise."""

import numpy as np
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_page import Part, Section, over_seeds, rows_where, span
from prefgym.agents.people_persons import ask, draw_world
from prefgym.agents.rank_statistics import roc_auc
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit_population import PopulationConfig, fit_population
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.opinion import (
    Opinion,
    fit_opinion,
    population_disagreement,
    repeated_disagreement,
)

NUM_ITEMS, NUM_ANSWERS = 30, (1000, 3000, 10_000)
MEAN_SD, SPREADS = 1.0, (0.5, 3.0)  # of items' mean worth; of opinions, where agreed and divided
CAUTIOUS = 0.1
NUM_PEOPLE, NUM_QUERIES, REPEATS = 200, 20, 2


def cells(num_seeds: int) -> list[Cell]:
    """Items over the number of answers, and people asked twice, seed by seed."""
    items: list[Cell] = [
        {"part": "opinion", "world": "items", "answers": n, "seed": s}
        for s in range(num_seeds)
        for n in NUM_ANSWERS
    ]
    return items + [{"part": "opinion", "world": "repeats", "seed": s} for s in range(num_seeds)]


def measure(cell: Cell) -> Result:
    """One cell of either kind."""
    rng = np.random.default_rng([8, int(cell["seed"])])
    if cell["world"] == "items":
        return _items(int(cell["answers"]), rng=rng)
    return _repeats(rng=rng)


def _items(num_answers: int, *, rng: np.random.Generator) -> Result:
    """Whether divided items are seen, and what choosing by a low quantile is worth."""
    divided = np.arange(NUM_ITEMS) % 2 == 1
    truth = Opinion(rng.normal(0.0, MEAN_SD, NUM_ITEMS), np.where(divided, SPREADS[1], SPREADS[0]))
    first, step = rng.integers([NUM_ITEMS, NUM_ITEMS - 1], size=(num_answers, 2)).T
    second = (first + 1 + step) % NUM_ITEMS
    worth = rng.normal(truth.mean[[first, second]], truth.sd[[first, second]])
    comparison = Comparison(first, second, (worth[0] > worth[1]).astype(np.float64))
    identity = np.eye(NUM_ITEMS)
    found, value = fit_opinion(identity, comparison)
    flat, flat_value = fit_opinion(identity, comparison, spread_l2=1e6)
    tenth = truth.quantile(CAUTIOUS)
    return {
        "AUC": roc_auc(found.sd, divided),
        "explained": found.explained,
        "explained, truly": truth.explained,
        "gain": value - flat_value,
        "by mean": float(tenth[flat.mean.argmax()]),
        "by quantile": float(tenth[found.quantile(CAUTIOUS).argmax()]),
        "best": float(tenth.max()),
    }


def _repeats(*, rng: np.random.Generator) -> Result:
    """The share of disagreement that is of opinion: truly, by the model, and by repeats."""
    weight = draw_world(rng=rng).people(NUM_PEOPLE, rng=rng)
    queries = rng.normal(size=(NUM_QUERIES, weight.shape[1]))
    query = np.tile(np.repeat(np.arange(NUM_QUERIES), REPEATS), NUM_PEOPLE)
    rater = np.repeat(np.arange(NUM_PEOPLE), NUM_QUERIES * REPEATS)
    prob = sigmoid(queries @ weight.T)
    said = (rng.random(len(query)) < prob[query, rater]).astype(np.float64)
    comparison = Comparison(2 * query, 2 * query + 1, said, rater, NUM_PEOPLE)
    told = ask(weight, NUM_QUERIES * REPEATS, rng=rng)
    population = fit_population(*told, PopulationConfig()).population
    return {
        "truly": _real_share(prob),
        "by model": population_disagreement(population, queries).real_share,
        "by repeats": repeated_disagreement(comparison),
    }


def _real_share(prob: Float64[np.ndarray, "query person"]) -> float:
    """Variance of people's probabilities as a share of the variance of their answers."""
    mean = prob.mean(axis=1)
    return float(prob.var(axis=1).sum() / (mean * (1 - mean)).sum())


def section(results: list[Result]) -> Section:
    """Both tables."""
    rows = []
    keys = ("AUC", "explained", "explained, truly", "gain", "by mean", "by quantile", "best")
    for count in NUM_ANSWERS:
        mine = [row for row in rows_where(results, world="items") if row["answers"] == count]
        if mine:
            rows.append([f"{count:,}", *(span(over_seeds(mine, key)) for key in keys)])
    header = ["answers", "AUC of a divided item", "explained, found", "explained, truly"]
    header += ["gain in log-likelihood", "10 % quantile, chosen by mean", "by quantile", "best"]
    repeats = rows_where(results, world="repeats")
    shares = ("truly", "by model", "by repeats") if repeats else ()
    shared = [span(over_seeds(repeats, key)) for key in shares]
    return Section(
        "How opinions are spread",
        [
            f"{NUM_ITEMS} items; people's utilities of every other one have SD {SPREADS[1]:g}, of "
            f"the rest {SPREADS[0]:g}. Every answer is of another person, and nobody is told who. "
            "The mean-and-variance model finds which items divide people, at more answers than a "
            "mean takes; `explained` is the share of the variance of utilities that lies between "
            "items. The item with the highest mean is worth little to the least content tenth; "
            "chosen by the 10 % quantile it is worth more to them.",
            markdown_table(header, rows) if rows else "",
            f"{NUM_PEOPLE} people on features asked {NUM_QUERIES} queries twice. The share of the "
            "disagreement that is of opinion and not noise: truly, by the population learned from "
            "as many other answers, and by how often people contradict themselves and each other, "
            "with no model.",
            markdown_table(["truly", "by the model", "by repeats"], [shared]) if shared else "",
        ],
    )


PART = Part(cells, measure, section)
