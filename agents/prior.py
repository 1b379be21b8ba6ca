"""What others wanted, as the prior of a run for one person.

It is learned from the comparisons of a run that several people answered, read where that run has
saved it, and copied into the new run, which then depends on no other.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from prefgym.agents.config import PriorConfig, RunConfig
from prefgym.agents.run import RunError, read_config, read_file, read_progress
from prefgym.agents.schedule import Purpose, stage_seed
from prefgym.agents.vec_env import EnvInfo, describe
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.dataset import Dataset, read_dataset
from prefgym.feedback.fit_population import PopulationConfig
from prefgym.feedback.personal import (
    MODEL_FILE,
    POPULATION_FILE,
    PersonalPrior,
    fit_prior,
    load_prior,
    matched,
    prior_files,
    redraw,
)
from prefgym.feedback.population import population_from_bytes
from prefgym.feedback.reward_model import reward_model_from_bytes
from prefgym.feedback.store import FeedbackStore

FOLDER = "prior"
MODELS, POPULATIONS = "people", "population"
"""Where a run that several people answered keeps what they want, stage by stage."""

SPREADS = (1.0, 3.0, 10.0)
"""Factors of the population's covariance: how unlike the others a person may turn out to be."""


def find_prior(place: Path, config: RunConfig) -> PersonalPrior:
    """The prior for a run with these settings.

    Args:
        place: folder of a run that several people answered, or of a saved prior.
        config: of the new run.

    Raises:
        RunError: if there is no such folder, or it is of another environment or of one person.
        ValueError: if a file is damaged.
    """
    if place.name in (MODEL_FILE, POPULATION_FILE):
        place = place.parent
    info = describe(config.env_id, config.env_kwargs)
    if (place / "config.json").exists():
        prior = _prior_of_run(place, config, info)
    elif (place / POPULATION_FILE).exists():
        prior = load_prior(place, info.observation_space, info.action_space, info.observation_names)
    else:
        raise RunError(
            f"a prior is learned from a run that several people answered, and {place} is "
            "neither a run folder nor that of a saved prior; "
            "prefgym train prefgym/Driving-v0 --crowd drivers makes one"
        )
    return redraw(prior, config.reward_model, generator=_generator(config))


def learn_prior(dataset: Dataset, config: RunConfig, info: EnvInfo) -> PersonalPrior | None:
    """What the people of a run want, from their comparisons; None of fewer than two.

    Raises:
        ValueError: if the reward model has more heads than one.
    """
    compared = [kind for kind in dataset.feedback if isinstance(kind, Comparison)]
    if not compared or len(dataset.raters) < 2:
        return None
    return fit_prior(
        dataset.segments,
        compared[0],
        model_config=config.reward_model,
        inputs=info.reward_inputs(config.reward_model.inputs),
        config=PopulationConfig(),
        generator=_generator(config),
    )


def begin_with(prior: PersonalPrior, source: Path) -> tuple[PriorConfig, dict[str, bytes]]:
    """The setting of a run with this prior, and the files that its folder begins with."""
    files = prior_files(prior)
    named = {f"{FOLDER}/{name}": content for name, content in files.items()}
    return PriorConfig(str(source), _digest(files)), named


def read_prior(folder: Path, config: RunConfig, info: EnvInfo) -> PersonalPrior | None:
    """The prior that a run began with; None if with nothing.

    Raises:
        RunError: if its files are missing, or not as written.
    """
    if config.prior is None:
        return None
    try:
        names = (MODEL_FILE, POPULATION_FILE)
        files = {name: (folder / FOLDER / name).read_bytes() for name in names}
    except OSError as error:
        raise RunError(
            f"{error.filename} is missing, with which the run began; restore it or start a new run"
        ) from error
    if _digest(files) != config.prior.digest:
        raise RunError(f"{folder / FOLDER} is damaged: its hash differs from the settings'")
    return load_prior(
        folder / FOLDER, info.observation_space, info.action_space, info.observation_names
    )


def wide_prior(prior: PersonalPrior, num_members: int, *, seed: int) -> PersonalPrior:
    """The same prior with so many people drawn as members."""
    generator = torch.Generator().manual_seed(seed)
    config = replace(prior.model.config, num_members=num_members)
    return redraw(prior, config, generator=generator)


def population_files(dataset: Dataset, config: RunConfig, info: EnvInfo) -> dict[str, bytes]:
    """What a run keeps of its people, as the prior for the next; nothing of a single person."""
    if len(config.reward_model.heads) > 1 or config.prior is not None:
        return {}
    found = learn_prior(dataset, config, info)
    if found is None:
        return {}
    return {MODELS: found.model.to_bytes(), POPULATIONS: found.population.to_bytes()}


def _prior_of_run(run: Path, config: RunConfig, info: EnvInfo) -> PersonalPrior:
    """Read where it is saved for the same reward inputs, else learned from the answers."""
    theirs = read_config(run)
    if theirs.env_id != config.env_id:
        raise RunError(
            f"a prior must be of the same environment, {config.env_id}; "
            f"{run} is a run in {theirs.env_id}"
        )
    there = describe(theirs.env_id, theirs.env_kwargs)
    shapes = there.observation_space.shape, info.observation_space.shape
    if shapes[0] != shapes[1] or there.observation_names != info.observation_names:
        raise RunError(
            f"a prior must be of the same observations; those of {run} have shape {shapes[0]}, "
            f"here they have {shapes[1]}: give both the same --env settings"
        )
    if theirs.reward_model.inputs == config.reward_model.inputs:
        saved = _saved_prior(run, info)
        if saved is not None:
            return saved
    store = run / "feedback.sqlite"
    if not store.exists():
        raise RunError(f"{run} has no answers yet; finish it: prefgym train --resume {run}")
    with FeedbackStore(store) as open_store:
        dataset = read_dataset(open_store, config.reward_model.heads)
    found = None if dataset is None else learn_prior(dataset, config, info)
    if found is None:
        names = () if dataset is None else dataset.raters
        who = ", ".join(names) or "nobody"
        raise RunError(
            f"a prior takes comparisons of at least 2 people; {who} compared in {run}. "
            "Let a crowd answer, as with --crowd drivers, or several people at the page"
        )
    return found


def _saved_prior(run: Path, info: EnvInfo) -> PersonalPrior | None:
    progress = read_progress(run)
    if progress is None:
        return None
    files = {Path(name).parent.name: name for name in progress.files}
    if POPULATIONS not in files:
        return None
    model, population = (read_file(run, progress, files[kind]) for kind in (MODELS, POPULATIONS))
    space = info.observation_space, info.action_space
    return matched(
        reward_model_from_bytes(model, *space, info.observation_names),
        population_from_bytes(population),
    )


def _generator(config: RunConfig) -> torch.Generator:
    return torch.Generator().manual_seed(stage_seed(config.seed, 0, Purpose.PRIOR))


def _digest(files: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
