"""Asking well: what is learned of a person by each way of choosing what to ask, over the cost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from prefgym.agents.ask import ask_round
from prefgym.agents.benchmark import Cell, Result
from prefgym.agents.people_clips import (
    PEOPLE,
    WORLDS,
    Told,
    World,
    add,
    agreement,
    draw_members,
    learn,
    make_world,
    one_person,
)
from prefgym.agents.people_page import Part
from prefgym.agents.people_queries_page import section
from prefgym.agents.query_curves import NUM_QUERIES
from prefgym.feedback.batching import Batch
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.selection import Selection
from prefgym.feedback.trajectory import Trajectories

NUM_DRAWS = 100


class Rule(NamedTuple):
    """A way of choosing: by what, of how many candidates a query, with how many draws."""

    selection: Selection
    batch: Batch = "top"
    candidates: int = 10
    num_draws: int = NUM_DRAWS


RULES = {
    "uniform": Rule("uniform", num_draws=0),
    "disagreement": Rule("disagreement"),
    "BALD, 3 members": Rule("bald", num_draws=0),
    "BALD": Rule("bald"),
    "BALD, power": Rule("bald", "power"),
    "BALD, spread": Rule("bald", "spread"),
    "BALD, joint": Rule("bald", "joint"),
    "D-optimal": Rule("d-optimal"),
    "D-optimal, joint": Rule("d-optimal", "joint"),
    "D-optimal, 50": Rule("d-optimal", candidates=50),
    "D-optimal, joint, 50": Rule("d-optimal", "joint", 50),
    "EPIG, joint": Rule("epig", "joint"),
    "EPIG, joint, 50": Rule("epig", "joint", 50),
    "Thompson": Rule("thompson"),
    "entropy": Rule("entropy"),
}


DRIVING_ONLY = ("BALD, 3 members", "BALD, joint", "D-optimal, 50", "D-optimal, joint, 50")
"""What takes the rules apart, and is no rule of its own: measured once."""


class Taught(NamedTuple):
    """The reward model after each round, seconds spent so far, and how often the person erred."""

    models: list[RewardModel]
    seconds: list[float]
    mistakes: float


def cells(num_seeds: int) -> list[Cell]:
    """Every world and person, seed by seed; driving, which is gated, has twice as many seeds."""
    return [
        {"part": "queries", "world": world, "person": person, "seed": seed}
        for seed in range(num_seeds)
        for world in WORLDS
        for person in PEOPLE
        if world == "driving" or seed < (num_seeds + 1) // 2
    ]


def measure(cell: Cell) -> Result:
    """The curve of every rule, from the same recorded behaviour."""
    seed = int(cell["seed"])
    world = make_world(str(cell["world"]), seed, rng=np.random.default_rng([6, seed]))
    found: Result = {}
    for name, rule in RULES.items():
        if cell["world"] != "driving" and name in DRIVING_ONLY:
            continue
        taught = teach(world, str(cell["person"]), rule, NUM_QUERIES, seed=seed)
        found[name] = [agreement(model, world.tests, world.true) for model in taught.models]
        found[f"{name}, seconds"] = taught.seconds
        found[f"{name}, mistakes"] = taught.mistakes
    return found


def teach(
    world: World,
    person: str,
    rule: Rule,
    num_queries: Sequence[int],
    *,
    newest: Trajectories | None = None,
    seed: int,
) -> Taught:
    """Ask one person round after round; after each, the reward model is fitted to all answers.

    Args:
        world: what is asked about.
        person: name of the teacher whose way of answering it is.
        rule: how queries are chosen; the first are chosen for coverage.
        num_queries: answers in all after each round.
        newest: behaviour that is asked about once there is a model; None: the world's.
        seed: of candidates, answers and fits.
    """
    loop = replace(
        world.config.loop,
        selection=rule.selection,
        batch=rule.batch,
        candidates=rule.candidates,
    )
    rng = np.random.default_rng([7, seed])
    rater = one_person(person, world.weights)
    told: Told | None = None
    before, wrong = 0, 0.0
    taught = Taught([], [], 0.0)
    for total in num_queries:
        opinions, pool = None, world.pool
        if told is not None:
            opinions = taught.models[-1]
            pool = pool if newest is None else newest
            if rule.num_draws:
                opinions = draw_members(opinions, world, told, rule.num_draws, seed=seed)
        heads = world.config.reward_model.heads
        asked = ask_round(pool, None, opinions, rater, total - before, loop, heads=heads, rng=rng)
        assert asked.seconds is not None
        assert asked.rates is not None
        told = add(told, asked)
        taught.models.append(learn(world, told, seed=seed))
        taught.seconds.append(sum(asked.seconds))
        wrong += float(np.nan_to_num(asked.rates.error_rate)) * (total - before)
        before = total
    return Taught(taught.models, np.cumsum(taught.seconds).tolist(), wrong / before)


PART = Part(cells, measure, section, num_seeds=20)
