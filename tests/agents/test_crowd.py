"""Runs in which a crowd answers: who said what, resume, and cultures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.cli_options import TrainOptions, run_config
from prefgym.agents.config import LoopConfig, PPOConfig, RunConfig, from_json, to_json
from prefgym.agents.crowd import CULTURES, crowd_rater
from prefgym.agents.presets import preset
from prefgym.agents.run import read_metrics, read_progress
from prefgym.agents.train import rater_name, resume, train
from prefgym.agents.vec_env import describe
from prefgym.feedback.crowd import CrowdConfig as RaterModelConfig
from prefgym.feedback.dataset import read_dataset
from prefgym.feedback.rating import Rating
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.crowds import CrowdConfig
from prefgym.simulations.population import DRIVER_GROUPS, READER_GROUPS
from prefgym.simulations.raters import TEACHERS

TINY = RunConfig(
    "CartPole-v1",
    teacher=TEACHERS["equal"],
    loop=LoopConfig(
        labels=40,
        rounds=3,
        steps=3000,
        warmup_steps=512,
        explore_steps=400,
        segment_length=8,
        held_out=50,
    ),
    ppo=PPOConfig(num_envs=4, num_steps=64, batch_size=64, num_epochs=2),
    crowd=CrowdConfig("mixed", num_raters=5, bad_share=0.4, bad=("adversary", "tired")),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "crowd"
    train("CartPole-v1", out=folder, config=TINY)
    return folder


def models(folder: Path) -> dict[str, bytes]:
    progress = read_progress(folder)
    assert progress is not None
    files = {name: (folder / name).read_bytes() for name in progress.files}
    return files | {"store": (folder / "feedback.sqlite").read_bytes()}


def test_every_answer_has_the_name_of_who_gave_it(finished: Path) -> None:
    with FeedbackStore(finished / "feedback.sqlite") as store:
        events = store.events()
    assert len(events) == 40
    assert {event.rater for event in events} <= {f"rater-{i}" for i in range(1, 6)}
    assert len({event.rater for event in events}) == 5


class Stop(Exception):
    """What interrupts a run in this test."""


@pytest.mark.parametrize("step", [1100, 2000])
def test_a_stopped_run_remembers_who_is_tired(finished: Path, tmp_path: Path, step: int) -> None:
    def stop(now: int) -> None:
        if now >= step:
            raise Stop

    with pytest.raises(Stop):
        train("CartPole-v1", out=tmp_path / "run", config=TINY, progress=stop)
    resume(tmp_path / "run")
    assert models(tmp_path / "run") == models(finished)


def test_rounds_report_who_and_how_long(finished: Path) -> None:
    rows = [row for row in read_metrics(finished) if row["kind"] == "round"]
    assert [row["labels"] for row in rows] == [13, 26, 40]
    for row in rows:
        assert 2 <= int(str(row["raters"])) <= 5
        assert float(str(row["label_seconds"])) > 13  # 13 answers of about four seconds
        # the held-out agreement is with who never errs, though a third of the answers are wrong
        assert 0.0 <= float(str(row["heldout_agreement"])) <= 1.0


def test_a_run_with_one_person_says_nothing_of_a_crowd(tmp_path: Path) -> None:
    run = train("CartPole-v1", out=tmp_path / "one", config=replace(TINY, crowd=None))
    rows = [row for row in read_metrics(run.folder) if row["kind"] == "round"]
    assert not any({"raters", "label_seconds"} & set(row) for row in rows)
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        assert {event.rater for event in store.events()} == {"equal"}


def test_a_crowd_survives_json_and_names_the_run() -> None:
    assert from_json(json.loads(json.dumps(to_json(TINY)))) == TINY
    assert rater_name(TINY) == "mixed-of-5"


@pytest.mark.parametrize(
    ("env_id", "groups"),
    [("prefgym/Driving-v0", DRIVER_GROUPS), ("prefgym/TextSummary-v0", READER_GROUPS)],
)
def test_cultures_weigh_what_the_environment_shows(env_id: str, groups: tuple[object, ...]) -> None:
    info = describe(env_id, {})
    config = replace(
        preset(env_id), crowd=CrowdConfig("mixed", 10, bad_share=0.0, groups=True), seed=1
    )
    assert config.crowd is not None
    rater = crowd_rater(config, config.crowd, info)
    assert CULTURES[env_id][0] == groups
    assert rater.crowd.weights.shape == (10, len(info.criteria) + len(rater.style_columns))
    assert (rater.crowd.group == 1).sum() == 2  # a minority of a fifth
    again = crowd_rater(config, config.crowd, info)
    assert again.crowd.weights.tobytes() == rater.crowd.weights.tobytes()
    other = crowd_rater(replace(config, seed=2), config.crowd, info)
    assert other.crowd.weights.tobytes() != rater.crowd.weights.tobytes()
    names = [info.observation_names[column] for column in rater.style_columns]
    assert names == (["summary_length"] if "Text" in env_id else [])


def test_a_run_learns_whom_to_trust(finished: Path, tmp_path: Path) -> None:
    config = replace(TINY, rater_model=RaterModelConfig("trust"))
    assert from_json(json.loads(json.dumps(to_json(config)))) == config
    run = train("CartPole-v1", out=tmp_path / "trust", config=config)
    rows = [row for row in read_metrics(run.folder) if row["kind"] == "round"]
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        names = {event.rater for event in store.events()}
    trusts = rows[-1]["reliability"]
    assert isinstance(trusts, dict)
    assert set(trusts) == names
    assert len(set(trusts.values())) > 1
    assert models(run.folder)["store"] != models(finished)["store"]  # acted on another reward
    assert not any("reliability" in row for row in read_metrics(finished))


def test_a_rater_model_needs_comparisons() -> None:
    config = preset("prefgym/TextSummary-v0")
    with pytest.raises(ValueError, match=r"rater_model is learned from comparisons"):
        replace(config, rater_model=RaterModelConfig())


def test_an_environment_without_cultures_says_so() -> None:
    crowd = CrowdConfig(groups=True)
    with pytest.raises(ValueError, match=r"groups are known of prefgym/Driving-v0.*got CartPole"):
        crowd_rater(replace(TINY, crowd=crowd), crowd, describe("CartPole-v1", {}))


def test_ratings_of_a_crowd_keep_their_raters(tmp_path: Path) -> None:
    config = preset("prefgym/TextSummary-v0")
    loop = replace(config.loop, labels=30, rounds=1, steps=6500, warmup_steps=2048, held_out=20)
    config = replace(config, loop=loop, crowd=CrowdConfig("expert", 3))
    run = train(config.env_id, out=tmp_path / "text", config=config)
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        names = {event.rater for event in store.events()}
        dataset = read_dataset(store, config.reward_model.heads)
    assert names == {"rater-1", "rater-2", "rater-3"}
    assert dataset is not None
    (ratings,) = dataset.feedback
    assert isinstance(ratings, Rating)
    assert ratings.num_raters == 3
    assert np.unique(ratings.rater).tolist() == [0, 1, 2]


def test_readers_of_two_tastes_compare_texts(tmp_path: Path) -> None:
    config = preset("prefgym/TextSummary-v0")
    loop = replace(
        config.loop,
        labels=30,
        rounds=1,
        steps=6500,
        warmup_steps=2048,
        held_out=20,
        feedback="comparison",
    )
    crowd = CrowdConfig("mixed", 6, bad_share=0.0, groups=True, minority=0.5)
    config = replace(config, loop=loop, crowd=crowd)
    run = train(config.env_id, out=tmp_path / "tastes", config=config)
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        assert {event.kind for event in store.events()} == {"comparison"}
        assert len({event.rater for event in store.events()}) == 6


def test_the_command_line_asks_for_a_rater_model() -> None:
    options = TrainOptions("CartPole-v1", crowd="mixed", rater_model="trust")
    assert run_config(options, {}).rater_model == RaterModelConfig("trust")
    assert run_config(replace(options, rater_model=None), {}).rater_model is None
