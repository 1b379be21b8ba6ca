"""Runs of one person on top of what others wanted: where it comes from, and resume."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from prefgym.agents.cli_options import TrainOptions, default_config, run_config
from prefgym.agents.config import LoopConfig, PPOConfig, PriorConfig, RunConfig, from_json, to_json
from prefgym.agents.crowd import crowd_rater
from prefgym.agents.loop import PreferenceLoop
from prefgym.agents.presets import preset
from prefgym.agents.prior import SPREADS, find_prior
from prefgym.agents.run import RunError, read_progress
from prefgym.agents.train import load_run, rater_name, resume, train, with_prior, with_rater
from prefgym.agents.vec_env import describe
from prefgym.feedback.dataset import read_dataset
from prefgym.feedback.personal import fit_person, prior_files, save_prior
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.crowds import CrowdConfig
from prefgym.simulations.drivers import PROFILES

MANY = RunConfig(
    "CartPole-v1",
    loop=LoopConfig(
        labels=40,
        rounds=2,
        steps=3000,
        warmup_steps=512,
        explore_steps=400,
        segment_length=8,
        held_out=50,
    ),
    ppo=PPOConfig(num_envs=4, num_steps=64, batch_size=64, num_epochs=2),
    crowd=CrowdConfig("mixed", num_raters=5, bad_share=0.0),
)
ONE = with_prior(replace(MANY, crowd=None, seed=3))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train("CartPole-v1", out=tmp_path_factory.mktemp("runs") / "many", config=MANY).folder


@pytest.fixture(scope="module")
def personal(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    return train("CartPole-v1", out=folder, config=ONE, prior=many, seed=3).folder


def models(folder: Path) -> dict[str, bytes]:
    progress = read_progress(folder)
    assert progress is not None
    files = {name: (folder / name).read_bytes() for name in progress.files}
    return files | {"store": (folder / "feedback.sqlite").read_bytes()}


def kinds(folder: Path) -> set[str]:
    progress = read_progress(folder)
    assert progress is not None
    return {Path(name).parent.name for name in progress.files}


def without_manifest(run: Path, to: Path) -> Path:
    shutil.copytree(run, to)
    (to / "manifest.json").unlink()
    return to


def test_a_run_of_several_keeps_what_they_want(many: Path, personal: Path) -> None:
    assert {"people", "population"} < kinds(many)
    assert kinds(personal) == {"policy", "reward", "pool"}


def test_what_was_kept_is_what_the_answers_say(many: Path, tmp_path: Path) -> None:
    kept = find_prior(many, ONE)
    learned = find_prior(without_manifest(many, tmp_path / "copy"), replace(ONE, seed=0))
    assert kept.population.to_bytes() == learned.population.to_bytes()
    assert kept.population.num_people == 5
    mean = torch.from_numpy(kept.population.mean).float()
    for found in (kept, learned):
        torch.testing.assert_close(found.model.net.weight.mean(dim=0)[:, 0], mean)


def test_a_prior_is_read_from_its_own_folder_or_file(many: Path, tmp_path: Path) -> None:
    prior = find_prior(many, ONE)
    save_prior(prior, tmp_path)
    for place in (tmp_path, tmp_path / "population.safetensors"):
        assert prior_files(find_prior(place, ONE)) == prior_files(prior)


def test_a_run_begins_with_the_average_person(many: Path, personal: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    shutil.copytree(personal / "prior", folder / "prior")
    loop = PreferenceLoop(folder, load_run(personal).config)
    assert loop.reward_model.to_bytes() == find_prior(many, ONE).model.to_bytes()
    rows = [json.loads(line) for line in (personal / "metrics.jsonl").read_text().splitlines()]
    first = next(row for row in rows if row["kind"] == "rollout")
    # nobody was asked yet, and the policy trains on something other than -1 for every step
    assert first["round"] == 0
    assert first["learned_return"] != pytest.approx(-first["gold_return"])
    rounds = [row for row in rows if row["kind"] == "round"]
    assert rounds[0]["agreement_before_fit"] is not None
    assert rounds[-1]["labels"] == 20


def test_the_last_model_is_the_prior_and_this_persons_answers(personal: Path) -> None:
    run = load_run(personal)
    loop = PreferenceLoop(personal, run.config)
    assert loop.prior is not None
    with FeedbackStore(personal / "feedback.sqlite") as store:
        dataset = read_dataset(store, run.config.reward_model.heads)
    assert dataset is not None
    assert dataset.raters == ("oracle",)
    found = fit_person(
        loop.prior,
        dataset.segments,
        dataset.feedback,
        spreads=SPREADS,
        generator=torch.Generator().manual_seed(0),
    )
    torch.testing.assert_close(
        run.reward_model.net.weight.mean(dim=0), found.net.weight.mean(dim=0), rtol=1e-3, atol=1e-4
    )
    average = torch.from_numpy(loop.prior.population.mean).float()
    assert not torch.allclose(run.reward_model.net.weight.mean(dim=0)[:, 0], average, atol=1e-2)


class Stop(Exception):
    """What interrupts a run in these tests."""


def stop_at(step: int) -> Callable[[int], None]:
    def progress(now: int) -> None:
        if now >= step:
            raise Stop

    return progress


@pytest.mark.parametrize("step", [1, 1100, 2000])
def test_a_stopped_run_resumes_without_the_run_it_learned_from(
    many: Path, personal: Path, tmp_path: Path, step: int
) -> None:
    source, folder = tmp_path / "source", tmp_path / "run"
    shutil.copytree(many, source)
    with pytest.raises(Stop):
        train("CartPole-v1", out=folder, config=ONE, prior=source, seed=3, progress=stop_at(step))
    shutil.rmtree(source)
    resume(folder)
    assert models(folder) == models(personal)


def test_a_prior_that_was_changed_is_refused(personal: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(personal, folder)
    path = folder / "prior" / "population.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match="prior is damaged: its hash differs"):
        load_run(folder)
    path.unlink()
    with pytest.raises(RunError, match=r"population\.safetensors is missing"):
        load_run(folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(ONE, env_id="Pendulum-v1"), "must be of the same environment, Pendulum-v1"),
        (
            replace(ONE, env_id="prefgym/TextSummary-v0"),
            "must be of the same environment, prefgym/TextSummary-v0",
        ),
    ],
)
def test_another_environment_is_refused(many: Path, config: RunConfig, message: str) -> None:
    with pytest.raises(RunError, match=message):
        find_prior(many, config)


class Wider(gym.ObservationWrapper):  # type: ignore[type-arg]
    """CartPole that shows everything as often as it is told."""

    def __init__(self, times: int = 1) -> None:
        super().__init__(gym.make("CartPole-v1"))
        self.times = times
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (4 * times,), np.float32)

    def observation(self, observation):  # type: ignore[no-untyped-def]
        return np.tile(observation, self.times).astype(np.float32)


def test_other_observations_are_refused(many: Path, tmp_path: Path) -> None:
    run = without_manifest(many, tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "env_id": "Wider-v0"}))
    gym.register("Wider-v0", entry_point=Wider)
    try:
        wider = replace(ONE, env_id="Wider-v0", env_kwargs={"times": 2})
        with pytest.raises(RunError, match=r"shape \(4,\), here they have \(8,\)"):
            find_prior(run, wider)
    finally:
        del gym.registry["Wider-v0"]


def test_one_person_is_no_population(personal: Path) -> None:
    with pytest.raises(RunError, match="at least 2 people; oracle compared in"):
        find_prior(personal, ONE)


def test_nothing_is_begun_where_there_is_no_prior(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere is neither a run folder nor"):
        train("CartPole-v1", out=tmp_path / "run", config=ONE, prior=tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()


def test_a_run_folder_keeps_its_own_prior(personal: Path, many: Path) -> None:
    before = (personal / "prior" / "population.safetensors").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        train("CartPole-v1", out=personal, config=replace(ONE, seed=9), prior=many, seed=9)
    assert (personal / "prior" / "population.safetensors").read_bytes() == before


def test_a_crowd_has_no_model_of_its_own() -> None:
    with pytest.raises(ValueError, match="leave out the crowd"):
        replace(MANY, prior=PriorConfig("somewhere", "0"))
    config = replace(ONE, prior=PriorConfig("runs/people", "ab"))
    assert from_json(json.loads(json.dumps(to_json(config)))) == config


def test_a_driver_profile_is_a_person() -> None:
    config = with_rater(preset("prefgym/Driving-v0"), "hurried")
    assert config.env_kwargs == {"profile": "hurried"}
    assert config.teacher.rationality == 2.0
    assert rater_name(config) == "hurried"
    weights = describe(config.env_id, config.env_kwargs).weights
    assert weights.tolist() == list(PROFILES["hurried"].weights)
    assert with_rater(config, "oracle").teacher.name == "oracle"


def test_two_people_at_once_are_refused() -> None:
    config = preset("prefgym/Driving-v0", {"profile": "courteous"})
    with pytest.raises(ValueError, match="'hurried' and the environment's profile 'courteous'"):
        with_rater(config, "hurried")
    with pytest.raises(ValueError, match=r"teachers oracle.*profiles comfort-first.*got 'rude'"):
        with_rater(config, "rude")
    with pytest.raises(ValueError, match="teacher must be one of"):
        with_rater(MANY, "hurried")


def test_drivers_want_each_their_own() -> None:
    config = preset("prefgym/Driving-v0")
    crowd = CrowdConfig("drivers", 30)
    rater = crowd_rater(config, crowd, describe(config.env_id, {}))
    weights = rater.crowd.weights
    assert len(np.unique(weights, axis=0)) == 30
    assert not rater.crowd.bad.any()
    np.testing.assert_allclose(rater.truth.weights, weights.mean(axis=0))
    # who weighs speed more weighs courtesy less: the published range
    assert np.corrcoef(weights[:, 1], weights[:, 3])[0, 1] < -0.7
    again = crowd_rater(config, crowd, describe(config.env_id, {}))
    assert again.crowd.weights.tobytes() == weights.tobytes()
    with pytest.raises(ValueError, match="drivers are known of prefgym/Driving-v0, got CartPole"):
        crowd_rater(MANY, crowd, describe("CartPole-v1", {}))
    with pytest.raises(ValueError, match="leave out the groups"):
        CrowdConfig("drivers", groups=True)


def test_diverse_drivers_are_like_the_four_profiles() -> None:
    config = preset("prefgym/Driving-v0")
    crowd = CrowdConfig("diverse-drivers", 400)
    rater = crowd_rater(config, crowd, describe(config.env_id, {}))
    profiles = np.array([profile.weights for profile in PROFILES.values()])
    far = np.linalg.norm(rater.crowd.weights[:, None] - profiles, axis=2)
    assert (np.bincount(far.argmin(axis=1)) > 60).all()  # 100 of each are drawn
    assert np.median(far.min(axis=1)) < 0.3  # four weights that moved by N(0, 0.15)
    assert not rater.crowd.bad.any()


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ([], 200),
        (["--prior", "runs/people"], 20),
        (["--prior=runs/people"], 20),
        (["--crowd", "drivers"], 1000),
        (["--crowd=drivers"], 1000),
        (["--crowd", "diverse-drivers"], 1000),
        (["--crowd", "mixed"], 200),
    ],
)
def test_how_many_answers_are_asked_for(words: list[str], labels: int) -> None:
    assert default_config(["prefgym/Driving-v0", *words], {}).loop.labels == labels


def test_labels_may_be_said_in_short() -> None:
    options = TrainOptions("prefgym/Driving-v0", labels=3)
    loop = run_config(options, {}).loop
    assert (loop.labels, loop.rounds) == (3, 3)
