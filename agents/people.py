"""A label round with real people: post queries to the store, wait, and hear what was answered."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from prefgym.agents.ask import Asked
from prefgym.agents.config import PeopleConfig, RunConfig
from prefgym.agents.questions import Behaviour, Questions, environment_of
from prefgym.feedback.dataset import read_dataset
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posting import posted_queries
from prefgym.feedback.store import FeedbackStore

POLL_SECONDS = 0.5

Waiting = Callable[[int, int], None]
"""Told how many of a round's queries are answered, and how many there are."""


def ask_people(
    store: FeedbackStore,
    config: RunConfig,
    settings: PeopleConfig,
    behaviour: Behaviour,
    *,
    round_number: int,
    num_labels: int,
    asked_before: int,
    labels_before: int,
    waiting: Waiting,
    rng: np.random.Generator,
) -> Asked | None:
    """Post a round's queries, unless that was done before, and wait for the answers.

    None if nobody has been able to tell anything so far.

    Args:
        store: where people answer.
        config: of the run.
        settings: how people are asked.
        behaviour: what to ask about.
        round_number: of the loop.
        num_labels: queries to post.
        asked_before: queries of earlier rounds.
        labels_before: answers that earlier rounds have counted.
        waiting: told how it goes.
        rng: source of every choice.
    """
    queue = LabelQueue(store, rng=rng)
    with store.database.read() as connection:
        queries = posted_queries(connection, round_number)
    if not queries:
        store.set_environment(environment_of(config))
        questions = Questions(store, config, settings, behaviour, rng=rng)
        queries = questions.compose(round_number, asked_before, num_labels)
        queue.post(queries)
    keys = [query.key for query in queries]
    _wait(queue, keys, settings.timeout, waiting)
    heads = config.reward_model.heads
    everything = read_dataset(store, heads, before_round=round_number + 1)
    if everything is None:
        return None
    recent = read_dataset(store, heads, before_round=round_number + 1, from_round=round_number)
    heard = everything if recent is None else recent
    return Asked(
        kind=queries[0].kind,
        segments=heard.segments,
        feedback=max(heard.feedback, key=len),
        shown=[(number,) for number in range(len(queries))],
        answers=[],
        num_labels=sum(len(kind) for kind in everything.feedback) - labels_before,
        rates=None,
    )


def _wait(queue: LabelQueue, keys: Sequence[str], timeout: float, waiting: Waiting) -> None:
    """Until all is answered, or there is an answer and nobody has given another for a while."""
    answered, since = -1, time.monotonic()
    while True:
        latest = queue.answered(keys)
        if latest != answered:
            answered, since = latest, time.monotonic()
            waiting(answered, len(keys))
        patient = time.monotonic() - since < timeout
        if answered >= len(keys) or not (patient or queue.progress().mine == 0):
            return
        time.sleep(POLL_SECONDS)
