"""Drivers with rewards of their own: how few answers of a new one will do, on driving clips."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.people_page import Part, Section, rows_where
from prefgym.agents.people_training import (
    ENV_ID,
    NUM_CLIPS,
    driving_clips,
    learn_pooled,
    learn_prior,
)
from prefgym.agents.person_curves import NUM_ANSWERS, AgreementCurves, curve_section
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.logistic import sigmoid
from prefgym.feedback.personal import fit_person
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments
from prefgym.simulations.population import sample_drivers, sample_like_profiles

NUM_TEST_CLIPS = 300
NUM_DRIVERS, ANSWERS, NUM_NEW = 200, 15, 40
RATIONALITY = 2.0  # per standard deviation of a driver's own returns
MODELS = ("own", "alone")
ABOUT = (
    "Two populations: drivers from the published range of aggressiveness (`sample_drivers`), who "
    "differ little, and drivers who are each like one of the four profiles but for N(0, 0.15²) on "
    "every weight (`sample_like_profiles`). The latter are of four kinds, which a normal "
    "population smooths over: twenty answers tell less of them than of the former."
)


POPULATIONS: dict[str, Callable[..., Float64[np.ndarray, "person criterion"]]] = {
    "the published range": sample_drivers,
    "like one of four profiles": sample_like_profiles,
}


def cells(num_seeds: int) -> list[Cell]:
    """Seed by seed, of both populations."""
    return [
        {"part": "drivers", "population": population, "seed": seed}
        for seed in range(num_seeds)
        for population in POPULATIONS
    ]


def measure(cell: Cell) -> Result:
    """Agreement with new drivers after so many answers: their own model, alone, and pooled."""
    seed = int(cell["seed"])
    rng = np.random.default_rng([5, seed])
    everything = driving_clips(NUM_CLIPS + NUM_TEST_CLIPS, seed=seed, rng=rng)
    clips = everything.take(np.arange(NUM_CLIPS))
    tests = everything.take(np.arange(NUM_CLIPS, len(everything.segments))).segments
    generator = torch.Generator().manual_seed(seed)
    sample = POPULATIONS[str(cell["population"])]
    drivers, new = (sample(n, rng=rng) for n in (NUM_DRIVERS, NUM_NEW))
    told, flips = compare(clips.segments, drivers, ANSWERS, rng=rng)
    prior = learn_prior(clips, told, generator=generator)
    pooled = learn_pooled(clips, told, generator=generator)
    true = own_returns(tests, new)
    curves = AgreementCurves(MODELS)
    for number in NUM_ANSWERS:
        for person in range(NUM_NEW):
            said, _ = compare(clips.segments, new[person : person + 1], number, rng=rng)
            used, said = said.localise()
            shown = clips.take(used)
            own = fit_person(prior, shown.segments, [said], generator=generator)
            alone = learn_pooled(shown, said, generator=generator)
            for name, model in zip(MODELS, (own, alone), strict=True):
                curves.add(name, number, agreement(model, tests, true[:, person]))
    everybody = [agreement(pooled, tests, mine) for mine in true.T]
    return {"pooled": float(np.mean(everybody)), "flips": flips, **curves.result()}


def own_returns(
    clips: Segments, weight: Float64[np.ndarray, "person criterion"]
) -> Float64[np.ndarray, "clip person"]:
    """What every clip is worth to everybody."""
    return (clips.criteria * clips.mask[:, :, None]).sum(axis=1).astype(np.float64) @ weight.T


def compare(
    clips: Segments,
    weight: Float64[np.ndarray, "person criterion"],
    number: int,
    *,
    begin: int = 0,
    usual: int | None = None,
    rng: np.random.Generator,
) -> tuple[Comparison, float]:
    """So many answers of everybody about random pairs, and how many are against what they want.

    Args:
        clips: of which two are compared.
        weight: what everybody wants.
        number: of answers each.
        begin: the first of a pair is this clip or a later one.
        usual: by the spread of so many clips, from the first, is the person's choice noisy; all.
        rng: source of pairs and answers.
    """
    rater = np.repeat(np.arange(len(weight)), number)
    first, step = rng.integers([len(clips) - begin, len(clips) - 1], size=(len(rater), 2)).T
    first += begin
    second = (first + 1 + step) % len(clips)
    returns = own_returns(clips, weight)
    gap = (returns[first, rater] - returns[second, rater]) / returns[:usual].std(axis=0)[rater]
    said = rng.random(len(rater)) < sigmoid(RATIONALITY * gap)
    comparison = Comparison(first, second, said.astype(np.float64), rater, len(weight))
    return comparison, float((said != (gap > 0)).mean())


def together(said: Sequence[Comparison]) -> Comparison:
    """The answers of the same people about the same clips, of all rounds."""
    return Comparison(
        np.concatenate([one.first for one in said]),
        np.concatenate([one.second for one in said]),
        np.concatenate([one.preference for one in said]),
        np.concatenate([one.raters for one in said]),
        said[0].num_raters,
    )


def agreement(model: RewardModel, clips: Segments, true: Float64[np.ndarray, " clip"]) -> float:
    """Share of the pairs of clips that the model orders as the person does; a tie counts half."""
    found = model.returns(clips).mean(dim=(0, 2)).double().numpy()
    i, j = np.triu_indices(len(clips), 1)
    return float((1 + np.sign(found[i] - found[j]) * np.sign(true[i] - true[j])).mean() / 2)


def section(results: list[Result]) -> Section:
    """Tables, plots and gates."""
    found = Section("Drivers", [])
    for population in POPULATIONS:
        rows = rows_where(results, population=population)
        if not rows:
            continue
        part = curve_section(
            rows,
            title=f"Drivers: {population}",
            what=f"{NUM_DRIVERS} drivers x {ANSWERS} comparisons of ten-second clips of "
            f"`{ENV_ID}`, rationality {RATIONALITY:g}. Then {NUM_NEW} new drivers and fresh clips. "
            "Reward models read the driver's own quantities, not the criteria.",
            models=MODELS,
            picture=f"people-drivers-{population.split()[-1]}.png",
            gated=f"4. agreement with a new driver, {population}",
        )
        found = Section(
            found.title,
            [*found.paragraphs, f"### {part.title}", *part.paragraphs],
            [*found.gates, *part.gates],
            {**found.pictures, **part.pictures},
        )
    if results:
        found.paragraphs.insert(0, ABOUT)
    return found


PART = Part(cells, measure, section, num_seeds=10)
