"""The simulated people who answer in a run: one, or a crowd."""

from dataclasses import replace

import numpy as np

from prefgym.agents.config import RunConfig
from prefgym.agents.schedule import Purpose, stage_rng
from prefgym.agents.vec_env import EnvInfo
from prefgym.feedback.rater import CrowdRater, SimulatedRater
from prefgym.simulations.crowds import CrowdConfig, alike, make_crowd
from prefgym.simulations.judges import JUDGES
from prefgym.simulations.person import Person
from prefgym.simulations.population import (
    DRIVER_GROUPS,
    READER_GROUPS,
    Population,
    sample_drivers,
    sample_like_profiles,
    sample_population,
)
from prefgym.simulations.raters import Teacher

DRIVING = "prefgym/Driving-v0"
CULTURES = {
    DRIVING: (DRIVER_GROUPS, ()),
    "prefgym/TextSummary-v0": (READER_GROUPS, ("summary_length",)),
}
"""Groups of people for an environment, and the observation columns that they weigh besides."""


def simulated_rater(config: RunConfig, info: EnvInfo) -> SimulatedRater | CrowdRater:
    """Who answers by these settings.

    Raises:
        ValueError: if cultures are wanted of an environment that has none.
    """
    if config.crowd is not None:
        return crowd_rater(config, config.crowd, info)
    judge = config.judge if config.loop.feedback == "rating" else None
    return SimulatedRater(config.teacher, info.weights, judge=judge, criteria=info.criteria)


def crowd_rater(config: RunConfig, crowd: CrowdConfig, info: EnvInfo) -> CrowdRater:
    """The crowd of a run, drawn from the run's seed.

    Its truth is what the environment's person wants; of drivers, what their average wants.

    Raises:
        ValueError: if cultures, or drivers, are wanted of an environment that has none.
    """
    rng = stage_rng(config.seed, 0, Purpose.CROWD)
    style = CULTURES[config.env_id][1] if crowd.groups and config.env_id in CULTURES else ()
    good = Person(config.teacher, judge=config.judge)
    exact = JUDGES["exact"] if config.loop.feedback == "rating" else None
    people = _population(config.env_id, crowd, info, rng=rng)
    wanted = people.weights.mean(axis=0) if crowd.own_wishes else info.weights
    return CrowdRater(
        make_crowd(crowd, people, good, rng=rng),
        SimulatedRater(Teacher("truth"), wanted, judge=exact, criteria=info.criteria),
        criteria=info.criteria,
        style_columns=[info.observation_names.index(name) for name in style],
    )


def _population(
    env_id: str, crowd: CrowdConfig, info: EnvInfo, *, rng: np.random.Generator
) -> Population:
    """What the people want: what the environment's person wants, or each their own."""
    if crowd.own_wishes:
        if env_id != DRIVING:
            raise ValueError(f"drivers are known of {DRIVING}, got {env_id}")
        sample = sample_drivers if crowd.name == "drivers" else sample_like_profiles
        weights = sample(crowd.num_raters, rng=rng)
        return Population(weights, np.zeros(len(weights), np.int64))
    if not crowd.groups:
        return alike(info.weights, crowd.num_raters)
    if env_id not in CULTURES:
        raise ValueError(f"groups are known of {', '.join(CULTURES)}, got {env_id}")
    (most, few), style = CULTURES[env_id]
    assert len(most.weights) == len(info.criteria) + len(style)
    shares = (1 - crowd.minority, crowd.minority)
    groups = [replace(group, share=share) for group, share in zip((most, few), shares, strict=True)]
    return sample_population(groups, crowd.num_raters, rng=rng)
