"""Two cultures on the road: who belongs to which is learned, and each gets a driver of its own."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.benchmark import Cell, Result, markdown_table
from prefgym.agents.people_drivers import compare, together
from prefgym.agents.people_page import Gate, Part, Section, over_seeds, span
from prefgym.agents.people_training import (
    ENV_ID,
    NEW_CLIPS,
    NUM_CLIPS,
    STEPS,
    Clips,
    Trainee,
    driving_clips,
    driving_criteria,
)
from prefgym.agents.rank_statistics import adjusted_rand
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import set_input_units
from prefgym.feedback.groups import GroupAnswers, GroupConfig, Groups, choose_groups
from prefgym.feedback.personal import answer_rows, with_weights
from prefgym.feedback.reward_model import RewardModel, new_reward_model
from prefgym.simulations.population import DRIVER_GROUPS, Population, sample_population

NUM_RATERS, MINORITY = 50, 0.2
ROUNDS, ANSWERS = 4, 15
NAMES = ("majority", "minority")
CONFIG = GroupConfig()


def cells(num_seeds: int) -> list[Cell]:
    """Seed by seed."""
    return [{"part": "cultures", "seed": seed} for seed in range(num_seeds)]


def measure(cell: Cell) -> Result:
    """Two policies, and what every person would say of them."""
    seed = int(cell["seed"])
    rng = np.random.default_rng([10, seed])
    clips = driving_clips(NUM_CLIPS, seed=seed, rng=rng)
    people = culture_people(rng=rng)
    said: list[Comparison] = []
    flips = []
    trainees: list[Trainee] = []
    for stage in range(ROUNDS):
        answers, flipped = compare(
            clips.segments,
            people.weights,
            ANSWERS,
            begin=clips.begin,
            usual=NUM_CLIPS,
            rng=rng,
        )
        said.append(answers)
        flips.append(flipped)
        groups, models = group_models(clips, together(said), rng=rng)
        trainees = trainees or [Trainee(model, seed=seed) for model in models]
        for trainee, model in zip(trainees, models, strict=True):
            trainee.train(model, stage, ROUNDS)
        clips = clips.with_new(trainees, rng=rng)
    criteria = np.stack([driving_criteria(trainee.policy) for trainee in trainees])
    return {
        "groups": len(groups[0].weight),
        "rand": adjusted_rand(groups[1].assignment, people.group),
        "flips": float(np.mean(flips)),
        "criteria": criteria.tolist(),
        **verdicts(criteria, people),
    }


def culture_people(*, rng: np.random.Generator) -> Population:
    """People of the two cultures, each a little different."""
    most, few = DRIVER_GROUPS
    groups = replace(most, share=1 - MINORITY), replace(few, share=MINORITY)
    return sample_population(groups, NUM_RATERS, rng=rng)


def group_models(
    clips: Clips, said: Comparison, *, rng: np.random.Generator
) -> tuple[list[Groups], list[RewardModel]]:
    """The mixture with the lowest BIC, the one of two groups, and a reward model for each group."""
    config, segments = clips.config.reward_model, clips.segments
    base = new_reward_model(config, clips.inputs, "linear", generator=torch.Generator())
    set_input_units(base, segments)
    answers = GroupAnswers(
        answer_rows(base, segments, said),
        said.preference,
        said.raters,
        np.zeros(said.num_raters, np.int64),
    )
    fits = choose_groups(answers, (1, 2, 3), CONFIG, rng=rng)
    two = next(fit for fit in fits if len(fit.weight) == len(NAMES))
    models = [
        with_weights(base, torch.from_numpy(weight).repeat(config.num_members, 1), segments, [said])
        for weight in two.weight
    ]
    return [fits[0], two], models


def verdicts(criteria: Float64[np.ndarray, "policy criterion"], people: Population) -> Result:
    """By group: how many prefer the group's own policy, and by how much on average.

    Args:
        criteria: mean gold criteria per step of the majority's policy and of the minority's.
        people: who judges, by the true weights that nothing was fitted to.
    """
    worth = people.weights @ criteria.T
    found: Result = {}
    for group, name in enumerate(NAMES):
        mine = worth[people.group == group]
        lead = mine[:, group] - mine[:, 1 - group]
        found[f"{name} prefers its own"] = float((lead > 0).mean())
        found[f"{name} gains"] = float(lead.mean())
    return found


def section(results: list[Result]) -> Section:
    """Table and gates."""
    title = "A policy for each culture"
    if not results:
        return Section(title, [])
    rows, gates = [], []
    for name in NAMES:
        share, gain = over_seeds(results, f"{name} prefers its own"), f"{name} gains"
        lead = over_seeds(results, gain)
        rows.append([name, span(share), span(lead), str(len(results))])
        won = sum(float(str(row[gain])) > 0 for row in results)
        what = f"3. driving, {name}: share of its people who prefer its own policy"
        beside = f"mean gain per step {span(lead)}, positive in {won} of {len(results)} seeds"
        gates.append(Gate(what, "> 0.5 beyond the interval", share, share.low > 0.5, beside))
    two = sum(row["groups"] == len(NAMES) for row in results)
    text = (
        f"{NUM_RATERS} people of two cultures compare clips of `{ENV_ID}` in {ROUNDS} rounds, "
        f"{ANSWERS} random pairs each: of {NUM_CLIPS} clips of diverse driving, later of "
        f"{NEW_CLIPS} new ones of either policy beside any seen before. Most want wide gaps and a "
        f"calm pace, {MINORITY:.0%} close gaps and a "
        "brisk one (`DRIVER_GROUPS`). A mixture of two Bradley-Terry models is fitted after each "
        f"round without a word of who belongs where, and PPO is trained for {STEPS:,} steps in all "
        "on the reward of each group. Which policy a person prefers follows from the person's true "
        "weights and the criteria over 256 episodes; gains are in that person's reward per step. "
        f"Adjusted Rand index of the groups found: {span(over_seeds(results, 'rand'))}; BIC chose "
        f"two groups in {two} of {len(results)} seeds; "
        f"{np.mean([float(str(r['flips'])) for r in results]):.0%} "
        "of answers go against what the person prefers."
    )
    header = ["group", "share that prefers its own", "mean gain per step", "seeds"]
    return Section(title, [text, markdown_table(header, rows)], gates)


PART = Part(cells, measure, section, num_seeds=10)
