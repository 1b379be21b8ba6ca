"""Clips to ask about, one simulated person, and what is learned of them: no policy is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64

from prefgym.agents.ask import Asked, new_segments
from prefgym.agents.config import EnvValue, RunConfig
from prefgym.agents.explore import explore
from prefgym.agents.presets import preset
from prefgym.agents.vec_env import describe
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.fit import FitConfig, fit
from prefgym.feedback.posterior import widen
from prefgym.feedback.rater import CrowdRater, SimulatedRater
from prefgym.feedback.reward_inputs import RewardInputs
from prefgym.feedback.reward_model import RewardModel
from prefgym.feedback.segment import Segments, concatenate
from prefgym.feedback.trajectory import Trajectories
from prefgym.simulations.crowd import Crowd
from prefgym.simulations.drivers import PROFILES
from prefgym.simulations.person import Person
from prefgym.simulations.raters import Teacher, find_teacher

WORLDS = {
    "driving": "prefgym/Driving-v0",
    "Pendulum": "Pendulum-v1",
    "text": "prefgym/TextSummary-v0",
}
PEOPLE = ("oracle", "noisy")
NUM_TESTS = 300
# Fewer penalties and folds than a run has: a fit takes a quarter of the time.
FIT = FitConfig(family="linear", num_folds=3, l2=(0.1, 1.0, 10.0, 100.0))


@dataclass(frozen=True, slots=True)
class World:
    """Behaviour on record, what a person wants of it, and clips to be tested on."""

    config: RunConfig
    inputs: RewardInputs
    weights: Float64[np.ndarray, " criterion"]
    pool: Trajectories
    tests: Segments

    @property
    def true(self) -> Float64[np.ndarray, " clip"]:
        """What each of the tests is worth to the person."""
        return clip_returns(self.tests, self.weights)


class Told(NamedTuple):
    """All that a person has answered."""

    segments: Segments
    comparison: Comparison


def clip_returns(
    clips: Segments, weights: Float64[np.ndarray, " criterion"]
) -> Float64[np.ndarray, " clip"]:
    """What every clip is worth to somebody."""
    total = (clips.criteria * clips.mask[:, :, None]).sum(axis=1)
    return np.asarray(total.astype(np.float64) @ weights)


def world_config(name: str, seed: int) -> RunConfig:
    """The preset of a world for comparisons of clips from one pool; the driver goes by the seed.

    Texts are compared as wholes, and as there is no trained writer, random ones.
    """
    kwargs: Mapping[str, EnvValue] = {}
    if name == "driving":
        kwargs = {"profile": list(PROFILES)[seed % len(PROFILES)]}
    config = preset(WORLDS[name], kwargs)
    loop = replace(config.loop, feedback="comparison", old_share=0.0)
    if loop.explore == "none":
        loop = replace(loop, explore="held", explore_envs=64, explore_steps=64 * 80)
    model = replace(config.reward_model, heads=("overall",), combine="mean")
    return replace(config, loop=loop, reward_model=model, fit=FIT)


def make_world(name: str, seed: int, *, rng: np.random.Generator) -> World:
    """Record behaviour as a run does before it has a policy, and cut tests from it."""
    config = world_config(name, seed)
    info = describe(config.env_id, config.env_kwargs)
    inputs = info.reward_inputs(config.reward_model.inputs)
    pool = explore(config, seed=seed, rng=rng)
    tests = new_segments(pool, NUM_TESTS, config.loop, rng=rng)
    return World(config, inputs, info.weights, pool, tests)


def one_person(teacher: str, weights: Float64[np.ndarray, " criterion"]) -> CrowdRater:
    """A crowd of one, who takes longer over what is close to call."""
    none = np.zeros(1, np.int64)
    crowd = Crowd(
        kinds=(Person(find_teacher(teacher)),),
        kind=none,
        weights=weights[None],
        activity=np.ones(1),
        leniency=np.zeros(1),
        bad=np.zeros(1, np.bool_),
        group=none,
    )
    return CrowdRater(crowd, SimulatedRater(Teacher("truth"), weights))


def add(told: Told | None, asked: Asked) -> Told:
    """What was told before and what a round has heard, clips that were not shown left out."""
    assert isinstance(asked.feedback, Comparison)
    used, new = asked.feedback.localise()
    segments = asked.segments.take(used)
    if told is None:
        return Told(segments, new)
    old, shift = told.comparison, len(told.segments)
    comparison = Comparison(
        np.concatenate([old.first, new.first + shift]),
        np.concatenate([old.second, new.second + shift]),
        np.concatenate([old.preference, new.preference]),
    )
    return Told(concatenate([told.segments, segments]), comparison)


def learn(world: World, told: Told, *, seed: int) -> RewardModel:
    """The reward model of the answers."""
    return fit(
        None,
        told.segments,
        [told.comparison],
        model_config=world.config.reward_model,
        inputs=world.inputs,
        config=world.config.fit,
        generator=torch.Generator().manual_seed(seed),
    )[0]


def draw_members(
    model: RewardModel, world: World, told: Told, num_draws: int, *, seed: int
) -> RewardModel:
    """The model with more draws from its posterior as members."""
    return widen(
        model,
        told.segments,
        [told.comparison],
        world.config.fit.l2,
        num_draws,
        generator=torch.Generator().manual_seed(seed),
    )


def agreement(model: RewardModel, clips: Segments, true: Float64[np.ndarray, " clip"]) -> float:
    """Share of the pairs of clips that the model orders as the person does.

    Clips that are worth the same to the person do not count; those worth the same to the model
    count half.
    """
    found = model.returns(clips).mean(dim=(0, 2)).double().numpy()
    i, j = np.triu_indices(len(clips), 1)
    wanted = np.sign(true[i] - true[j])
    right = (1 + np.sign(found[i] - found[j]) * wanted) / 2
    return float(right[wanted != 0].mean())
