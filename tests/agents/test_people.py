"""The loop with people who answer through the store, here in a thread of their own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefgym.agents.config import LoopConfig, PeopleConfig, PPOConfig, RunConfig
from prefgym.agents.run import read_metrics
from prefgym.agents.time_shares import SECONDS
from prefgym.agents.train import load_run, resume, train
from prefgym.feedback.event import Answer
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posted_query import Assignment, QueryKind
from prefgym.feedback.posting import posted_queries
from prefgym.feedback.store import FeedbackStore

TINY = RunConfig(
    "prefgym/Driving-v0",
    loop=LoopConfig(
        labels=6, rounds=2, steps=1200, warmup_steps=0, explore_steps=320, segment_length=8
    ),
    ppo=PPOConfig(num_envs=4, num_steps=32, batch_size=64, num_epochs=1),
    people=PeopleConfig(timeout=60.0),
)


class StopAskingError(Exception):
    """The trainer is killed."""


def say(assignment: Assignment) -> Answer:
    match assignment.query.kind:
        case "comparison":
            return {"preference": 1.0}
        case "ranking":
            return {"ranks": list(range(len(assignment.order)))}
        case "rating":
            return dict.fromkeys(assignment.query.criteria, 3)
    raise AssertionError(assignment.query.kind)


@contextmanager
def somebody(folder: Path, *, answers: int = 1000) -> Iterator[None]:
    """A person who answers as fast as she can, at most `answers` times."""
    done = threading.Event()

    def work() -> None:
        left = answers
        while not done.wait(0.02) and left:
            if not (folder / "feedback.sqlite").exists():
                continue
            with FeedbackStore(folder / "feedback.sqlite") as store:
                queue = LabelQueue(store, rng=np.random.default_rng(0))
                assignment = queue.claim("ann")
                if assignment is not None:
                    queue.submit(assignment.id, assignment.token, say(assignment), seconds=1.0)
                    left -= 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_people_answer_every_round_and_the_run_learns_from_them(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    with somebody(tmp_path / "run"):
        run = train(
            TINY.env_id,
            out=tmp_path / "run",
            config=TINY,
            waiting=lambda done, asked: heard.append((done, asked)),
        )
    assert run.labels == 6
    assert (2, 2) in heard or (4, 4) in heard
    rounds = [row for row in read_metrics(run.folder) if row["kind"] == "round"]
    assert [row["labels"] for row in rounds][-1] == 6
    with FeedbackStore(run.folder / "feedback.sqlite") as store:
        assert {event.rater for event in store.events()} == {"ann"}


def test_every_kind_that_the_page_can_show_of_any_environment_is_asked_in_turn(
    tmp_path: Path,
) -> None:
    wanted: tuple[QueryKind, ...] = ("comparison", "ranking", "rating")
    shares = tuple(SECONDS[kind] for kind in wanted)  # as many answers of each
    kinds = PeopleConfig(timeout=60.0, kinds=wanted, shares=shares)
    with somebody(tmp_path / "run"):
        train(TINY.env_id, out=tmp_path / "run", config=replace(TINY, people=kinds))
    with FeedbackStore(tmp_path / "run" / "feedback.sqlite") as store:
        asked = [event.kind for event in store.events()]
    assert {kind: asked.count(kind) for kind in asked} == dict.fromkeys(wanted, 2)


def test_a_trainer_killed_while_waiting_asks_nothing_twice(tmp_path: Path) -> None:
    def stop(done: int, asked: int) -> None:
        if done:
            raise StopAskingError

    folder = tmp_path / "run"
    with somebody(folder, answers=1), pytest.raises(StopAskingError):
        train(TINY.env_id, out=folder, config=TINY, waiting=stop)
    with somebody(folder):
        run = resume(folder)
    assert run.labels == 6
    with FeedbackStore(folder / "feedback.sqlite") as store:
        assert store.count() == 6
        with store.database.read() as connection:
            assert [len(posted_queries(connection, number)) for number in range(3)] == [2, 4, 0]


def test_a_round_goes_on_with_what_was_answered_when_nobody_comes_back(tmp_path: Path) -> None:
    impatient = replace(TINY, people=PeopleConfig(timeout=0.5))
    with somebody(tmp_path / "run", answers=1):
        train(TINY.env_id, out=tmp_path / "run", config=impatient)
    assert load_run(tmp_path / "run").labels == 1


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kinds must be of comparison, .*got smell"):
        PeopleConfig(kinds=("smell",))  # type: ignore[arg-type]
