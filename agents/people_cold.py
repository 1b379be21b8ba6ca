"""Cold start: what ten to fifty labels come to, by what is there before the first of them."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.ask import ask_round, new_segments
from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.explore import explore
from prefgym.agents.people_clips import (
    NUM_TESTS,
    Told,
    World,
    add,
    agreement,
    clip_returns,
    learn,
    make_world,
    one_person,
)
from prefgym.agents.people_cold_page import NUM_LABELS, section
from prefgym.agents.people_drivers import ANSWERS, NUM_DRIVERS, compare
from prefgym.agents.people_page import Part
from prefgym.agents.people_training import NUM_CLIPS
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.personal import PersonalPrior, fit_person, fit_prior
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import concatenate
from prefgym.feedback.selection import Selection
from prefgym.feedback.trajectory import Trajectories
from prefgym.feedback.trajectory import concatenate as join
from prefgym.simulations.population import sample_drivers

NUM_PEOPLE = 4
PERSON = "noisy"
NUM_DRAWS = 100


def cells(num_seeds: int) -> list[Cell]:
    """Both worlds, seed by seed."""
    return [
        {"part": "cold", "world": world, "seed": seed}
        for seed in range(num_seeds)
        for world in ("driving", "Pendulum")
    ]


def measure(cell: Cell) -> Result:
    """Agreement of every way to begin, after so many labels, on clips of both recordings."""
    name, seed = str(cell["world"]), int(cell["seed"])
    rng = np.random.default_rng([8, seed])
    usual = make_world(name, seed, rng=rng)
    loop = replace(usual.config.loop, explore="entropy")
    novel = explore(replace(usual.config, loop=loop), seed=seed, rng=rng)
    unseen = new_segments(novel, NUM_TESTS, loop, rng=rng)
    usual = replace(usual, tests=concatenate([usual.tests, unseen]))
    prior = None
    weights = usual.weights[None]
    if name == "driving":
        prior = driving_prior(usual, seed=seed, rng=rng)
        weights = sample_drivers(NUM_PEOPLE, rng=rng)
    found: Result = {}
    for number in NUM_LABELS:
        rows = [begin(usual, novel, prior, mine, number, seed=seed) for mine in weights]
        for key in rows[0]:
            found[f"{key} {number}"] = float(np.mean([row[key] for row in rows]))
    if prior is not None:
        none = [tested(prior.model, usual, mine) for mine in weights]
        for key in none[0]:
            found[f"population prior{key} 0"] = float(np.mean([row[key] for row in none]))
    return found


def driving_prior(world: World, *, seed: int, rng: np.random.Generator) -> PersonalPrior:
    """What other drivers' comparisons of other clips of the usual recording tell."""
    clips = new_segments(world.pool, NUM_CLIPS, world.config.loop, rng=rng)
    others = sample_drivers(NUM_DRIVERS, rng=rng)
    told, _ = compare(clips, others, ANSWERS, rng=rng)
    return fit_prior(
        clips,
        told,
        model_config=replace(world.config.reward_model, num_members=NUM_DRAWS),
        inputs=world.inputs,
        config=PopulationConfig(),
        generator=torch.Generator().manual_seed(seed),
    )


def begin(
    world: World,
    novel: Trajectories,
    prior: PersonalPrior | None,
    weights: Float64[np.ndarray, " criterion"],
    number: int,
    *,
    seed: int,
) -> dict[str, float]:
    """Agreement with one person after one batch of labels, by every way to begin.

    Args:
        world: the usual recording, and tests of both.
        novel: recorded by a policy that sought new states.
        prior: what is known of people; None: nothing.
        weights: what the person wants.
        number: of labels.
        seed: of candidates, answers and fits.
    """
    explored = replace(world, pool=novel)
    both = replace(world, pool=join([world.pool, novel]))
    plain = hear(world, weights, "uniform", number, seed=seed)
    covered = hear(world, weights, "bald", number, seed=seed)
    models = {
        "no prior": learn(world, plain, seed=seed),
        "k-centre": learn(world, covered, seed=seed),
        "entropy pool": learn(
            explored, hear(explored, weights, "uniform", number, seed=seed), seed=seed
        ),
        "both pools": learn(both, hear(both, weights, "uniform", number, seed=seed), seed=seed),
    }
    if prior is not None:
        chosen = hear(world, weights, "epig", number, model=prior.model, seed=seed)
        for name, told in (
            ("population prior", plain),
            ("population prior, k-centre", covered),
            ("population prior, EPIG", chosen),
        ):
            generator = torch.Generator().manual_seed(seed)
            models[name] = fit_person(prior, told.segments, [told.comparison], generator=generator)
    return {
        name + key: score
        for name, model in models.items()
        for key, score in tested(model, world, weights).items()
    }


def hear(
    world: World,
    weights: Float64[np.ndarray, " criterion"],
    selection: Selection,
    number: int,
    *,
    model: RewardModel | None = None,
    seed: int,
) -> Told:
    """One batch of answers; without a model all but "uniform" choose it for coverage."""
    loop = replace(world.config.loop, selection=selection, batch="joint")
    asked = ask_round(
        world.pool,
        None,
        model,
        one_person(PERSON, weights),
        number,
        loop,
        heads=world.config.reward_model.heads,
        rng=np.random.default_rng([9, seed]),
    )
    return add(None, asked)


def tested(
    model: RewardModel, world: World, weights: Float64[np.ndarray, " criterion"]
) -> dict[str, float]:
    """Agreement on clips of the usual recording, and on those of the exploring policy."""
    true = clip_returns(world.tests, weights)
    usual, novel = np.arange(NUM_TESTS), np.arange(NUM_TESTS, len(world.tests))
    return {
        "": agreement(model, world.tests.take(usual), true[usual]),
        ", novel": agreement(model, world.tests.take(novel), true[novel]),
    }


PART = Part(cells, measure, section)
