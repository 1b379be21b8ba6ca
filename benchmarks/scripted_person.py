"""A scripted person labels through the real page, in a real browser, by keyboard alone.

    python benchmarks/scripted_person.py --out results-cache/person

`prefgym train --human` and `prefgym label` run as processes of their own; a headless Chromium
opens the printed link. The script reads which segments a question shows from the store, asks a
simulated person what she thinks, and presses the keys. The same simulated person also answers in
the process, for several seeds: what comes of the page must lie among what comes of those.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from prefgym.agents.finish import evaluate_config
from prefgym.agents.policies import Policy
from prefgym.agents.presets import preset
from prefgym.agents.run import write_json
from prefgym.agents.train import load_run, train
from prefgym.agents.vec_env import describe
from prefgym.feedback.event import Answer
from prefgym.feedback.lease import read_assignment
from prefgym.feedback.posted_query import Assignment
from prefgym.feedback.query import Queries
from prefgym.feedback.rater import SimulatedRater
from prefgym.feedback.segment import stack
from prefgym.feedback.store import FeedbackStore

ENVIRONMENTS = {"driving": "prefgym/Driving-v0", "text": "prefgym/TextSummary-v0"}
NUM_EPISODES = 256


@dataclass(frozen=True)
class Options:
    """Label through the page by a script, and compare with the same person in the process."""

    out: Path = Path("results-cache/person")
    environments: tuple[str, ...] = ("driving", "text")
    labels: int = 100
    seeds: int = 5
    """Runs in the process to compare with."""
    seed: int = 0
    """Of the run that is labelled through the page."""
    settings: tuple[str, ...] = ()
    """More words for `prefgym train`."""


class Thought(NamedTuple):
    """An answer, and the keys that say it."""

    answer: Answer
    keys: list[str]


class Person:
    """A simulated person who reads the questions of a page from the store behind it."""

    def __init__(self, store: FeedbackStore, env_id: str, seed: int) -> None:
        config, info = preset(env_id), describe(env_id, {})
        judge = config.judge if config.loop.feedback == "rating" else None
        self.heads = config.reward_model.heads
        self._store = store
        self._rater = SimulatedRater(
            config.teacher, info.weights, judge=judge, criteria=info.criteria
        )
        self._rng = np.random.default_rng(seed)

    def think(self, assignment: Assignment) -> Thought:
        """What she says to a question, and the keys she presses to say it."""
        query = assignment.query
        segments = stack(self._store.segments(query.segments))
        if query.kind == "rating":
            (levels,) = self._rater.rate(segments, self.heads, rng=self._rng)
            answer: Answer = {h: int(level) for h, level in zip(self.heads, levels, strict=True)}
            return Thought(answer, [*(str(level) for level in answer.values()), Keys.ENTER])
        one = np.zeros(1, np.int64)
        pair = Queries(segments, one, one + 1)
        self._rater.prepare(pair)
        preference = float(self._rater.answer(pair, rng=self._rng).preference[0])
        if np.isnan(preference):
            return Thought({"preference": None}, ["s"])
        left_is_first = assignment.order[0] == 0
        left = preference if left_is_first else 1 - preference
        key = {1.0: Keys.ARROW_LEFT, 0.5: "t", 0.0: Keys.ARROW_RIGHT}[left]
        return Thought({"preference": preference}, [key])


@contextmanager
def browser(folder: str) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1280,900",
        f"user-data-dir={folder}",
    ):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def command(*words: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A `prefgym` process that is stopped in the end."""
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "prefgym.agents", *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def wait_for(text: str, log: Path, *, seconds: float = 120.0) -> str:
    """The first match of a pattern in a log that is still being written."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(text, log.read_text() if log.exists() else "")
        if found:
            return found.group()
        time.sleep(0.2)
    raise TimeoutError(f"{text} never came up in {log}: {log.read_text()[-2000:]}")


def label_through_the_page(env_id: str, folder: Path, options: Options) -> dict[str, object]:
    """Train with people, label by keyboard until the trainer is done, and look at its policy."""
    run = folder / "run"
    train_log, label_log = folder / "train.log", folder / "label.log"
    with ExitStack() as stack_:
        words = [env_id, "--human", "--out", str(run), "--seed", str(options.seed)]
        words += ["--loop.labels", str(options.labels)]
        trainer = stack_.enter_context(command("train", *words, *options.settings, log=train_log))
        wait_for("prefgym label", train_log)
        while not (run / "feedback.sqlite").exists():
            time.sleep(0.2)
        stack_.enter_context(command("label", str(run), "--no-browser", log=label_log))
        link = wait_for(r"http://\S+", label_log)
        driver = stack_.enter_context(browser(stack_.enter_context(tempfile.TemporaryDirectory())))
        store = stack_.enter_context(FeedbackStore(run / "feedback.sqlite"))
        labelled = answer_all(driver, link, trainer, Person(store, env_id, options.seed), store)
        stored = {event.key.rpartition("-")[0]: event.answer for event in store.events()}
    trained = load_run(run)
    meant = {name: thought.answer for name, thought in labelled.thoughts.items()}
    return {
        "labels": trained.labels,
        "answers": len(stored),
        "as_meant": sum(stored.get(name) == answer for name, answer in meant.items()),
        "seconds_per_answer": float(np.median(labelled.seconds)),
        "gold": gold_return(trained.config.env_id, trained.policy),
    }


class Labelled(NamedTuple):
    """What was meant, by assignment, and the seconds from one question to the next."""

    thoughts: dict[str, Thought]
    seconds: list[float]


def answer_all(
    driver: webdriver.Chrome,
    link: str,
    trainer: subprocess.Popen[str],
    person: Person,
    store: FeedbackStore,
) -> Labelled:
    """Press keys until the trainer has ended."""
    driver.get(link)
    driver.switch_to.active_element.send_keys(Keys.ENTER)  # "Start", with the suggested name
    thoughts: dict[str, Thought] = {}
    last, since, seconds = "", time.monotonic(), []
    while trainer.poll() is None:
        assignment = shown_assignment(driver)
        if assignment in ("", last):
            time.sleep(0.02)
            continue
        with store.database.read() as connection:
            lent = read_assignment(connection, assignment)
        assert lent is not None
        thoughts[assignment] = person.think(lent.assignment)
        press_until_gone(driver, assignment, thoughts[assignment].keys)
        seconds.append(time.monotonic() - since)
        last, since = assignment, time.monotonic()
    return Labelled(thoughts, seconds)


def shown_assignment(driver: webdriver.Chrome) -> str:
    """The assignment of the question on the page; "" while there is none."""
    try:
        fields = driver.find_elements(By.CSS_SELECTOR, "main input[name=assignment]")
        return (fields[0].get_attribute("value") or "") if fields else ""
    except StaleElementReferenceException:
        return ""


def press_until_gone(driver: webdriver.Chrome, assignment: str, keys: list[str]) -> None:
    """Press the keys once the page takes answers, which it does after a second's look."""
    page = driver.find_element(By.TAG_NAME, "body")
    while driver.find_elements(By.CSS_SELECTOR, "main [data-blocked~=wait]"):
        time.sleep(0.02)
    for key in keys:
        page.send_keys(key)
    end = time.monotonic() + 10
    while shown_assignment(driver) == assignment:
        if time.monotonic() > end:
            raise TimeoutError(f"{keys} did not answer {driver.page_source[:2000]}")
        time.sleep(0.02)


def gold_return(env_id: str, policy: Policy) -> float:
    """Mean gold return over held-out episodes."""
    config, info = preset(env_id), describe(env_id, {})
    return evaluate_config(config, policy, info, kwargs={}, episodes=NUM_EPISODES).mean


def in_process(env_id: str, folder: Path, options: Options, seed: int) -> float:
    """The same person, who answers without a page."""
    run = train(env_id, out=folder / f"seed-{seed}", labels=options.labels, seed=seed)
    return gold_return(env_id, run.policy)


def main() -> None:
    """Measure and print; every finished part is kept under `out`."""
    options = tyro.cli(Options)
    for name in options.environments:
        env_id, path = ENVIRONMENTS[name], options.out / f"{name}.json"
        found = json.loads(path.read_text()) if path.exists() else {}
        with tempfile.TemporaryDirectory() as folder:
            if "page" not in found:
                found["page"] = label_through_the_page(env_id, Path(folder), options)
                write_json(path, found)
            for seed in range(len(found.setdefault("process", [])), options.seeds):
                found["process"].append(in_process(env_id, Path(folder), options, seed))
                write_json(path, found)
        golds = found["process"]
        print(
            f"{name}: page {found['page']}; process {min(golds):.3f} to {max(golds):.3f}: {golds}"
        )


if __name__ == "__main__":
    main()
