"""The loop end to end on a small task: budgets, resume, and what damaged folders say."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from prefgym.agents.config import LoopConfig, PPOConfig, RunConfig
from prefgym.agents.evaluate import evaluate
from prefgym.agents.loop import PreferenceLoop
from prefgym.agents.presets import preset
from prefgym.agents.run import RunError, create, read_metrics, read_progress
from prefgym.agents.train import load_run, resume, train
from prefgym.agents.vec_env import describe
from prefgym.feedback.selection import Selection
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.crowds import CrowdConfig
from prefgym.simulations.raters import Answers

TINY = RunConfig(
    "CartPole-v1",
    loop=LoopConfig(
        labels=24,
        rounds=2,
        steps=3000,
        warmup_steps=512,
        explore_steps=400,
        segment_length=8,
        held_out=50,
    ),
    ppo=PPOConfig(num_envs=4, num_steps=64, batch_size=64, num_epochs=2),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train("CartPole-v1", out=folder, config=TINY)
    return folder


def models(folder: Path) -> dict[str, bytes]:
    progress = read_progress(folder)
    assert progress is not None
    files = {name: (folder / name).read_bytes() for name in progress.files}
    return files | {"store": (folder / "feedback.sqlite").read_bytes()}


def test_budgets_are_honoured_and_reported(finished: Path) -> None:
    run = load_run(finished)
    assert run.labels == 24
    assert 3000 - 256 < run.env_steps <= 3000
    with FeedbackStore(finished / "feedback.sqlite") as store:
        assert store.count() == 24
    rows = read_metrics(finished)
    assert [row["labels"] for row in rows if row["kind"] == "round"] == [8, 24]
    assert [row["step"] for row in rows if row["kind"] == "stage"][-1] == run.env_steps


def test_a_run_is_a_function_of_its_seed(finished: Path, tmp_path: Path) -> None:
    train("CartPole-v1", out=tmp_path / "again", config=TINY)
    train("CartPole-v1", out=tmp_path / "other", config=TINY, seed=1)
    assert models(tmp_path / "again") == models(finished)
    assert models(tmp_path / "other") != models(finished)


class Stop(Exception):
    """What interrupts a run in these tests."""


def stop_at(step: int) -> Callable[[int], None]:
    def progress(now: int) -> None:
        if now >= step:
            raise Stop

    return progress


@pytest.mark.parametrize("step", [1, 600, 1100, 2500])
def test_a_run_stopped_anywhere_resumes_to_the_same_bytes(
    finished: Path, tmp_path: Path, step: int
) -> None:
    folder = tmp_path / "stopped"
    with pytest.raises(Stop):
        train("CartPole-v1", out=folder, config=TINY, progress=stop_at(step))
    assert resume(folder).labels == 24
    assert models(folder) == models(finished)


@pytest.mark.parametrize("selection", ["d-optimal", "thompson"])
def test_a_run_that_chooses_its_queries_resumes_to_the_same_bytes(
    tmp_path: Path, selection: Selection
) -> None:
    """With draws from the posterior, a spread batch and queries of the newest behaviour."""
    loop = replace(
        TINY.loop, selection=selection, batch="spread", posterior_draws=16, on_policy=True
    )
    config = replace(TINY, loop=loop, fit=replace(TINY.fit, family="linear"))
    train("CartPole-v1", out=tmp_path / "whole", config=config)
    with pytest.raises(Stop):
        train("CartPole-v1", out=tmp_path / "stopped", config=config, progress=stop_at(1100))
    resume(tmp_path / "stopped")
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")


def test_queries_on_policy_are_of_the_newest_behaviour(tmp_path: Path) -> None:
    config = replace(TINY, loop=replace(TINY.loop, rounds=3, on_policy=True, old_share=0.0))
    newest: list[set[bytes]] = []

    def keep(loop: PreferenceLoop) -> None:
        if len(newest) < 2:  # nothing is kept for the last round's sake
            newest.append({row.tobytes() for row in loop.pool.newest.observations})

    create(tmp_path, config)
    PreferenceLoop(tmp_path, config, watch=keep).run()
    with FeedbackStore(tmp_path / "feedback.sqlite") as store:
        second = [event for event in store.events() if event.round == 1]
        shown = store.segments([name for event in second for name in event.segments])
    assert len(second) == 8
    for segment in shown:
        assert {row.tobytes() for row in segment["observations"]} <= newest[1]


def test_answers_of_a_killed_stage_are_not_asked_twice(finished: Path, tmp_path: Path) -> None:
    """As after a kill between storing a round's answers and saving its stage."""
    folder = tmp_path / "killed"
    with pytest.raises(Stop):
        train("CartPole-v1", out=folder, config=TINY, progress=stop_at(1100))
    shutil.copy(finished / "feedback.sqlite", folder / "feedback.sqlite")
    resume(folder)
    assert models(folder) == models(finished)


def test_looking_at_a_run_changes_nothing(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    load_run(finished)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_skips_are_asked_but_spend_no_label(tmp_path: Path) -> None:
    run = train("CartPole-v1", out=tmp_path / "shy", rater=SkippingRater(), config=TINY)
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        events = store.events()
    skipped = [event for event in events if event.answer["preference"] is None]
    assert run.labels == 24
    assert len(events) == 48
    assert len(skipped) == 24


class SkippingRater:
    """Skips every other query, and prefers the first of the rest."""

    name = "skipping"

    def __init__(self) -> None:
        self.count = 0

    def prepare(self, candidates: object) -> None:
        del candidates

    def answer(self, queries, *, rng):  # type: ignore[no-untyped-def]
        del rng
        turn = (np.arange(len(queries)) + self.count) % 2 == 0
        self.count += len(queries)
        nothing = np.zeros(len(queries), bool)
        return Answers(
            preference=np.where(turn, np.nan, 1.0),
            better=np.ones(len(queries)),
            flipped=nothing,
            tied=nothing,
            skipped=turn,
        )


def test_a_damaged_model_is_refused(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    policy = next((folder / "policy").iterdir())
    policy.write_bytes(policy.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match=r"policy.*is damaged: its hash differs"):
        resume(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "is damaged"),
        ("config.json", '{"format": 99}', "has format 99, this version reads up to 1"),
        ("config.json", '{"format": 1, "seed": 0}', "is damaged"),
        ("config.json", None, "is missing"),
        ("manifest.json", '{"format": 2}', "has format 2"),
        ("manifest.json", '{"format": 1}', "is damaged"),
        ("metrics.jsonl", "nonsense", "is damaged"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(
    finished: Path, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    look = read_metrics if name == "metrics.jsonl" else load_run
    with pytest.raises(RunError, match=message):
        look(folder)


def test_a_run_folder_is_never_overwritten(finished: Path) -> None:
    before = json.loads((finished / "config.json").read_text())
    with pytest.raises(RunError, match="holds a run already"):
        train("CartPole-v1", out=finished, config=TINY)
    assert json.loads((finished / "config.json").read_text()) == before


def test_a_segment_longer_than_any_episode_is_refused(tmp_path: Path) -> None:
    """Pendulum never terminates: windows may not reach past the 200-step limit."""
    config = replace(TINY, env_id="Pendulum-v1", loop=replace(TINY.loop, segment_length=300))
    with pytest.raises(ValueError, match=r"segment length must be at most .* got 300"):
        train("Pendulum-v1", out=tmp_path / "long", config=config)


def test_a_run_that_cannot_begin_leaves_no_folder_behind(tmp_path: Path) -> None:
    """Corrected, the same command works."""
    wrong = replace(TINY, crowd=CrowdConfig("drivers"))
    folder = tmp_path / "new" / "run"
    with pytest.raises(ValueError, match="drivers are known of prefgym/Driving-v0, got CartPole"):
        train("CartPole-v1", out=folder, config=wrong)
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="drivers are known"):
        train("CartPole-v1", out=folder, config=wrong)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


class Broken(gym.Wrapper):  # type: ignore[type-arg]
    """CartPole whose reward or observation is NaN from the fifth step on."""

    def __init__(self, env: gym.Env, part: str) -> None:  # type: ignore[type-arg]
        super().__init__(env)
        self.part = part
        self.count = 0

    def step(self, action):  # type: ignore[no-untyped-def]
        observation, reward, terminated, truncated, info = super().step(action)
        self.count += 1
        if self.count > 5 and self.part == "observation":
            observation = observation * np.nan
        if self.count > 5 and self.part == "reward":
            reward = float("nan")
        return observation, reward, terminated, truncated, info


def make_broken(part: str) -> gym.Env:  # type: ignore[type-arg]
    return Broken(gym.make("CartPole-v1"), part)


@pytest.mark.parametrize("part", ["observation", "reward"])
def test_nan_from_the_environment_is_said_and_saved_work_stays(tmp_path: Path, part: str) -> None:
    gym.register("Broken-v0", entry_point=make_broken)
    try:
        config = replace(TINY, env_id="Broken-v0", env_kwargs={"part": part})
        with pytest.raises(ValueError, match="must be finite"):
            train("Broken-v0", out=tmp_path / "broken", config=config)
    finally:
        del gym.registry["Broken-v0"]
    assert read_progress(tmp_path / "broken") is None


def test_evaluation_counts_whole_episodes_evenly() -> None:
    info = describe("CartPole-v1", {})
    found = evaluate(
        lambda observations: np.zeros(len(observations), int),
        "CartPole-v1",
        {},
        info,
        num_episodes=8,
        num_envs=4,
    )
    assert len(found.returns) == 8
    assert np.array_equal(found.returns, found.lengths)
    assert found.returns.max() < 12  # pushing left all the time fails within a dozen steps


@pytest.mark.slow
def test_two_hundred_comparisons_teach_a_pendulum(tmp_path: Path) -> None:
    config = preset("Pendulum-v1")
    config = replace(config, loop=replace(config.loop, steps=60_000, held_out=0))
    run = train("Pendulum-v1", out=tmp_path / "pendulum", labels=100, config=config)
    info = describe("Pendulum-v1", {})
    found = evaluate(run.policy, "Pendulum-v1", {}, info, num_episodes=20, num_envs=10)
    assert found.mean > -400  # a random policy has -1,200
