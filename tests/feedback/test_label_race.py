"""Many people at once, on both engines: nothing lost, nothing doubled, nobody asked in vain."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.lease import LeaseError
from prefgym.feedback.store import FeedbackStore

FIRST = {"preference": 1.0}
RATERS = [f"rater {number}" for number in range(16)]


def answer_all(queue, rater, keys):
    """Answer until everything is answered; the events, as acknowledged."""
    given = []
    while queue.answered(keys) < len(keys):
        lent = queue.claim(rater)
        if lent is None:
            time.sleep(0.01)
            continue
        given.append(queue.submit(lent.id, lent.token, FIRST))
    return given


@pytest.mark.parametrize(("connected", "count"), [("one store", 400), ("a store each", 100)])
def test_of_sixteen_people_no_answer_is_lost_or_doubled(place, store, pairs, connected, count):
    """16 x 50 answers, where 400 queries are each to be answered by two."""
    queries = pairs(count, overlap=2)
    keys = [query.key for query in queries]
    queue = LabelQueue(store, repeat_share=0.0, rng=np.random.default_rng(0))
    queue.post(queries)

    def work(rater):
        if connected == "one store":
            return answer_all(queue, rater, keys)
        with FeedbackStore(place) as own:
            mine = LabelQueue(own, repeat_share=0.0, rng=np.random.default_rng(1))
            return answer_all(mine, rater, keys)

    with ThreadPoolExecutor(len(RATERS)) as pool:
        given = [event for events in pool.map(work, RATERS) for event in events]
    stored = store.events()
    assert len(given) == len(stored) == 2 * count
    assert {event.key for event in given} == {event.key for event in stored}
    records = queue.records()
    assert Counter(Counter(record.query for record in records).values()) == {2: count}
    assert len({(record.query, record.rater) for record in records}) == 2 * count
    assert queue.progress() == (2 * count, count, count, None, 0)


def test_people_who_also_take_back_and_dawdle_answer_everything(new_queue, store, pairs):
    """Leases run out, answers are taken back and given again, and still each query has three."""
    queries = pairs(40, overlap=3)
    keys = [query.key for query in queries]
    queue = new_queue(lease_seconds=0.3)
    queue.post(queries)
    late = []

    def work(number):
        rng, rater = np.random.default_rng(number), RATERS[number]
        while queue.answered(keys) < len(keys):
            whim = rng.random()
            if whim < 0.1:
                queue.undo(rater)
            lent = queue.claim(rater)
            if lent is None:
                time.sleep(0.01)
                continue
            if whim > 0.95:
                time.sleep(0.35)
            try:
                queue.submit(lent.id, lent.token, FIRST)
            except LeaseError:
                late.append(lent)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    # who took back last may have left a query open for good: answer what is left
    for rater in RATERS:
        while lent := queue.claim(rater):
            queue.submit(lent.id, lent.token, FIRST)
    records = queue.records()
    assert Counter(Counter(record.query for record in records).values()) == {3: 40}
    assert len({(record.query, record.rater) for record in records}) == 120
    assert store.count() == 120
    assert late


def test_one_answer_sent_many_times_at_once_is_stored_once(queue, store, pairs):
    queue.post(pairs(1))
    lent = queue.claim("ann")
    barrier = threading.Barrier(8)

    def send(_):
        barrier.wait()
        return queue.submit(lent.id, lent.token, FIRST)

    with ThreadPoolExecutor(8) as pool:
        events = list(pool.map(send, range(8)))
    assert len(store.events()) == 1
    assert events == store.events() * 8


def test_one_person_in_many_windows_holds_one_query(queue, pairs):
    queue.post(pairs(20))
    barrier = threading.Barrier(8)

    def claim(_):
        barrier.wait()
        return queue.claim("ann")

    with ThreadPoolExecutor(8) as pool:
        lent = list(pool.map(claim, range(8)))
    assert len({(assignment.id, assignment.token) for assignment in lent}) == 1


def test_the_last_query_is_lent_to_whoever_asks_while_another_is_being_served(new_queue, pairs):
    """Nobody is told that there is nothing to ask because a row was locked for a moment."""
    queue = new_queue()
    queue.post(pairs(1, overlap=8))
    barrier = threading.Barrier(8)

    def claim(number):
        barrier.wait()
        return queue.claim(RATERS[number])

    with ThreadPoolExecutor(8) as pool:
        assert None not in list(pool.map(claim, range(8)))
    assert queue.claim(RATERS[8]) is None


def test_rounds_may_be_posted_and_closed_while_people_answer(new_queue, store, pairs):
    queue = new_queue()
    stop = threading.Event()

    def work(number):
        count = 0
        while not stop.is_set():
            lent = queue.claim(RATERS[number])
            if lent is None:
                time.sleep(0.002)
                continue
            queue.submit(lent.id, lent.token, FIRST)
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        given = [pool.submit(work, number) for number in range(4)]
        for number in range(12):
            queries = pairs(10, round=number)
            queue.post([replace(query, key=f"{number}/{query.key}") for query in queries])
            time.sleep(0.02)
            queue.close(number)
        stop.set()
        counts = [done.result() for done in given]
    assert sum(counts) == store.count() == queue.progress().mine > 0
    assert all(count == 1 for count in Counter(r.query for r in queue.records()).values())
