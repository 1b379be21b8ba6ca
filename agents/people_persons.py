"""People with rewards of their own: how few answers of a new one will do, on features."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.people_page import Part, Section
from prefgym.agents.person_curves import NUM_ANSWERS, AgreementCurves, curve_section
from prefgym.feedback.fit_population import PopulationConfig, fit_population
from prefgym.feedback.logistic import fit_logistic, sigmoid
from prefgym.feedback.population import person_posterior

NUM_FEATURES, NUM_WAYS = 12, 3
NUM_PEOPLE, ANSWERS, NUM_NEW = 200, 15, 100
MEAN_SIZE, SPREAD = 0.5, 1.0  # of a weight: what all want, and the SD of what each wants
NUM_TESTS = 1000
_POOLED_L2 = 0.1


class World(NamedTuple):
    """Of which kind people are: w = mean + ways z, with z standard normal."""

    mean: Float64[np.ndarray, " feature"]
    ways: Float64[np.ndarray, "feature way"]

    def people(self, count: int, *, rng: np.random.Generator) -> Float64[np.ndarray, "p feature"]:
        """Weights of so many people."""
        return self.mean + rng.normal(size=(count, self.ways.shape[1])) @ self.ways.T


class Told(NamedTuple):
    """Answers about random pairs of features."""

    rows: Float64[np.ndarray, "answer feature"]
    preference: Float64[np.ndarray, " answer"]
    rater: Int64[np.ndarray, " answer"]


def draw_world(
    num_features: int = NUM_FEATURES, num_ways: int = NUM_WAYS, *, rng: np.random.Generator
) -> World:
    """Random people who differ in a few directions."""
    mean = rng.normal(size=num_features)
    mean *= MEAN_SIZE * num_features**0.5 / np.linalg.norm(mean)
    return World(mean, SPREAD * rng.normal(size=(num_features, num_ways)) / num_ways**0.5)


def ask(
    weight: Float64[np.ndarray, "person feature"], number: int, *, rng: np.random.Generator
) -> Told:
    """So many answers of everybody."""
    rater = np.repeat(np.arange(len(weight)), number)
    rows = rng.normal(size=(len(rater), weight.shape[1]))
    logit = np.einsum("af,af->a", rows, weight[rater])
    return Told(rows, (rng.random(len(rater)) < sigmoid(logit)).astype(np.float64), rater)


def cells(num_seeds: int) -> list[Cell]:
    """Seed by seed."""
    return [{"part": "persons", "seed": seed} for seed in range(num_seeds)]


def measure(cell: Cell) -> Result:
    """Agreement with new people after so many answers: their own model, alone, and pooled."""
    rng = np.random.default_rng([4, int(cell["seed"])])
    world = draw_world(rng=rng)
    weight = world.people(NUM_PEOPLE, rng=rng)
    told = ask(weight, ANSWERS, rng=rng)
    wrong = (told.preference > 0.5) != (np.einsum("af,af->a", told.rows, weight[told.rater]) > 0)
    full = fit_population(*told, PopulationConfig()).population
    low = fit_population(*told, PopulationConfig(rank=NUM_WAYS)).population
    identity = np.eye(NUM_FEATURES)
    pooled_prior = _POOLED_L2 * identity
    pooled = fit_logistic(told.rows, told.preference, prior_precision=pooled_prior).weight[0]
    # alone: with a prior as wide as people's weights truly are, which is generous
    alone_prior = identity / (MEAN_SIZE**2 + SPREAD**2)

    new = world.people(NUM_NEW, rng=rng)
    tests = rng.normal(size=(NUM_TESTS, NUM_FEATURES))
    curves = AgreementCurves(("own", "own, low rank", "alone"))
    for number in NUM_ANSWERS:
        said = ask(new, number, rng=rng)
        for person, truth in enumerate(new):
            mine = said.rater == person
            rows, preference = said.rows[mine], said.preference[mine]
            found = {
                "own": person_posterior(full, rows, preference).mean,
                "own, low rank": person_posterior(low, rows, preference).mean,
                "alone": fit_logistic(rows, preference, prior_precision=alone_prior).weight[0],
            }
            for name, guess in found.items():
                curves.add(name, number, float(((tests @ guess > 0) == (tests @ truth > 0)).mean()))
    right = (tests @ pooled > 0)[:, None] == (tests @ new.T > 0)
    return {"pooled": float(right.mean()), "flips": float(wrong.mean()), **curves.result()}


def section(results: list[Result]) -> Section:
    """Table, plot and gates."""
    return curve_section(
        results,
        title="Persons, on features",
        what=f"{NUM_PEOPLE} people x {ANSWERS} answers, {NUM_FEATURES} features; people differ in "
        f"{NUM_WAYS} directions about a common mean. Then {NUM_NEW} new people.",
        models=("own", "own, low rank", "alone"),
        picture="people-persons.png",
        gated="4. agreement with a new person, features",
    )


PART = Part(cells, measure, section)
