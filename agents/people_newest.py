"""On-policy queries: whether to ask about what the policy does now, or about all that was seen."""

from dataclasses import replace

import numpy as np

from prefgym.agents.ask import new_segments
from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_clips import NUM_TESTS, World, agreement, make_world
from prefgym.agents.people_page import Part, Section, rows_where, span
from prefgym.agents.people_queries import RULES, teach
from prefgym.agents.plots import Curve, curve_with_interval
from prefgym.agents.policies import trained_policy
from prefgym.agents.query_curves import NUM_QUERIES, mean_at
from prefgym.agents.recorder import Recorder
from prefgym.agents.train import train_on_gold
from prefgym.agents.vec_env import make_vec_env
from prefgym.feedback.trajectory import Trajectories, concatenate

STEPS = {"driving": 100_000, "Pendulum": 40_000}
PERSON = "noisy"
RULE_NAMES = {"uniform": "uniform", "EPIG": "EPIG, joint"}
SHOWN = (20, 50, 100, 200)


def cells(num_seeds: int) -> list[Cell]:
    """Both worlds, seed by seed."""
    return [
        {"part": "on-policy", "world": world, "seed": seed}
        for seed in range(num_seeds)
        for world in STEPS
    ]


def measure(cell: Cell) -> Result:
    """Agreement on clips of the policy and of the recording before it, by what was asked about."""
    name, seed = str(cell["world"]), int(cell["seed"])
    rng = np.random.default_rng([10, seed])
    world = make_world(name, seed, rng=rng)
    newest = record_policy(world, STEPS[name], seed=seed)
    pools = {"newest": newest, "all": concatenate([world.pool, newest])}
    later = replace(world, tests=new_segments(newest, NUM_TESTS, world.config.loop, rng=rng))
    found: Result = {}
    for rule_name, rule in RULE_NAMES.items():
        for asked, pool in pools.items():
            taught = teach(world, PERSON, RULES[rule], NUM_QUERIES, newest=pool, seed=seed)
            for where, tests in (("policy", later), ("before", world)):
                scores = [agreement(model, tests.tests, tests.true) for model in taught.models]
                found[f"{rule_name}, {asked}: {where}"] = scores
    return found


def record_policy(world: World, num_steps: int, *, seed: int) -> Trajectories:
    """What PPO does after so many steps on the person's own reward, for as long as was explored."""
    config = world.config
    policy = trained_policy(train_on_gold(config, steps=num_steps, seed=seed), deterministic=False)
    num_envs = config.loop.explore_envs
    venv = make_vec_env(config.env_id, config.env_kwargs, num_envs)
    length = config.loop.exploration // num_envs
    recorder = Recorder(venv, length)
    found = recorder.record(policy, length, seed=seed)
    recorder.close()
    return found


def section(results: list[Result]) -> Section:
    """A table and a plot of either world."""
    paragraphs = [
        "After a first round about the usual recording a policy is there: PPO with "
        f"{' or '.join(f'{steps:,} ({name})' for name, steps in STEPS.items())} steps on the "
        "person's own reward. Later rounds ask a noisy person about its clips alone (`newest`: "
        "`--loop.on-policy`) or about these and the recording before them (`all`), by uniform "
        "queries or EPIG in joint batches. Agreement is with the person's order of fresh clips of "
        "the policy, which are close to call and are what PPO learns from next, and of the "
        "recording before it."
    ]
    pictures: dict[str, bytes] = {}
    for world in STEPS:
        rows = rows_where(results, world=world)
        if not rows:
            continue
        kinds = [f"{rule}, {pool}" for rule in RULE_NAMES for pool in ("newest", "all")]
        for where, words in (("policy", "the policy"), ("before", "the recording before")):
            lines = []
            for kind in kinds:
                key = f"{kind}: {where}"
                scores = [mean_at(rows, key, NUM_QUERIES.index(n)) for n in SHOWN]
                lines.append([kind, *(span(score) for score in scores)])
            header = ["asked", *(f"{n} comparisons" for n in SHOWN)]
            paragraphs += [f"### {world}, clips of {words}", markdown_table(header, lines)]
        name = f"people-on-policy-{world.lower()}.png"
        pictures[name] = curve_with_interval(
            [
                Curve(
                    kind,
                    NUM_QUERIES,
                    [mean_at(rows, f"{kind}: policy", i) for i in range(len(NUM_QUERIES))],
                )
                for kind in kinds
            ],
            title=f"{world}, clips of the policy, {len(rows)} seeds",
            xlabel="comparisons",
            ylabel="agreement with the person",
            logarithmic=False,
        )
        paragraphs.append(f"![{world}]({name})")
    return Section("On-policy queries", paragraphs, [], pictures)


PART = Part(cells, measure, section, num_seeds=10)
