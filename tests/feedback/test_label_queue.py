import time
from dataclasses import replace

import numpy as np
import pytest

from prefgym.feedback.event import Event
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.lease import LeaseError
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.store import FeedbackStore

FIRST = {"preference": 1.0}
TIE = {"preference": 0.5}
CANT_TELL = {"preference": None}


def answer(queue, rater, said=FIRST, **fields):
    """The event of this person's answer to the next query."""
    lent = queue.claim(rater)
    return queue.submit(lent.id, lent.token, said, **fields)


# --- posting


def test_a_query_comes_back_as_it_was_posted(queue, ids):
    query = PostedQuery(
        "r1",
        "rating",
        (ids[0],),
        round=3,
        criteria=("comfort", "safety"),
        overlap=2,
        priority=7,
        gold={"comfort": 5, "safety": None},
        scene=ids[1],
    )
    assert queue.post([query]) == 1
    assert queue.claim("ann").query == query


def test_posting_again_changes_nothing(queue, pairs):
    assert queue.post(pairs(3)) == 3
    assert queue.post(pairs(4)) == 1
    assert queue.progress().total == 4


def test_a_key_names_one_query(queue, pairs):
    first, second = pairs(2)
    queue.post([first])
    with pytest.raises(ValueError, match="key 'q0' must always name the same query"):
        queue.post([second, replace(first, priority=1)])
    with pytest.raises(ValueError, match="key 'q1' must always name the same query"):
        queue.post([second, replace(second, overlap=2)])
    assert queue.progress().total == 1


def test_what_is_shown_must_be_stored(queue, ids):
    with pytest.raises(ValueError, match=r"segments must be stored .*'nobody'"):
        queue.post([PostedQuery("a", "comparison", (ids[0], "nobody"))])
    with pytest.raises(ValueError, match=r"segments must be stored .*'nowhere'"):
        queue.post([PostedQuery("a", "demonstration", (ids[0],), scene="nowhere")])


# --- claiming


def test_the_highest_priority_comes_first_and_then_the_oldest(queue, pairs):
    queries = pairs(4)
    queue.post([queries[0], replace(queries[1], priority=1), queries[2]])
    queue.post([replace(queries[3], priority=1)])
    assert [answer(queue, "ann").key for _ in range(4)] == [
        f"{queue_id}-0" for queue_id in [record.event[:-2] for record in queue.records()]
    ]
    assert [record.query for record in queue.records()] == ["q1", "q3", "q0", "q2"]
    assert queue.claim("ann") is None


def test_who_holds_a_query_is_given_it_again(queue, pairs):
    queue.post(pairs(3))
    first = queue.claim("ann")
    again = queue.claim("ann")
    assert replace(again, expires_at=first.expires_at) == first
    assert again.expires_at >= first.expires_at


def test_two_people_are_not_lent_one_query_unless_both_are_to_answer(queue, pairs):
    alone, shared = pairs(2)
    queue.post([alone, replace(shared, overlap=2)])
    assert [queue.claim(rater).query.key for rater in ("ann", "bob", "cid")] == ["q0", "q1", "q1"]
    assert queue.claim("dan") is None


def test_nobody_answers_a_query_twice(queue, pairs):
    queue.post(pairs(1, overlap=2))
    answer(queue, "ann")
    assert queue.claim("ann") is None
    assert answer(queue, "bob").rater == "bob"
    assert queue.answered(["q0"]) == 1


def test_a_query_that_is_let_go_is_lent_to_another(new_queue, pairs):
    queue = new_queue(lease_seconds=0.05)
    queue.post(pairs(1))
    lost = queue.claim("ann")
    assert queue.claim("bob") is None
    time.sleep(0.06)
    lent = queue.claim("bob")
    assert lent.query == lost.query
    for late in (
        lambda: queue.submit(lost.id, lost.token, FIRST),
        lambda: queue.renew(lost.id, lost.token),
    ):
        with pytest.raises(LeaseError, match="ran out; load the page again"):
            late()
    assert queue.submit(lent.id, lent.token, FIRST).rater == "bob"


def test_a_lease_lasts_as_long_as_it_is_renewed(new_queue, pairs):
    queue = new_queue(lease_seconds=0.2)
    queue.post(pairs(1))
    lent = queue.claim("ann")
    for _ in range(4):
        time.sleep(0.08)
        assert queue.renew(lent.id, lent.token) == 0.2
    assert queue.submit(lent.id, lent.token, FIRST).key == f"{lent.id}-0"
    with pytest.raises(LeaseError, match="answered already"):
        queue.renew(lent.id, lent.token)


def test_who_comes_back_late_is_shown_the_same_with_a_new_token(new_queue, pairs):
    queue = new_queue(lease_seconds=0.05)
    queue.post(pairs(1))
    first = queue.claim("ann")
    time.sleep(0.06)
    again = queue.claim("ann")
    assert (again.id, again.order) == (first.id, first.order)
    assert again.token != first.token
    with pytest.raises(LeaseError, match="ran out"):
        queue.submit(first.id, first.token, FIRST)


def test_leases_end_by_the_clock_of_the_database(queue, pairs):
    queue.post(pairs(1))
    assert queue.claim("ann").expires_at == pytest.approx(time.time() + 60, abs=5)


def test_the_order_shown_is_random_kept_and_follows_from_the_seed(new_queue, pairs, store):
    queries = pairs(200, overlap=3)
    queue = new_queue(seed=1)
    queue.post(queries)

    def orders(queue, rater):
        shown = []
        while lent := queue.claim(rater):
            shown.append(lent.order)
            queue.submit(lent.id, lent.token, FIRST)
        return shown

    ann = orders(queue, "ann")
    assert 70 < sum(order == (1, 0) for order in ann) < 130
    assert orders(queue, "bob") != ann
    assert [record.order for record in queue.records() if record.rater == "ann"] == ann


# --- answering


def test_an_answer_is_an_event_about_the_query_as_posted(queue, store, pairs):
    (query,) = pairs(1, round=4)
    queue.post([query])
    lent = queue.claim("ann")
    event = queue.submit(lent.id, lent.token, TIE, seconds=2.5)
    assert event == replace(event, segments=query.segments, answer=TIE, round=4, rater="ann")
    assert event.kind == "comparison"
    assert event.answered_at.startswith("20")
    assert event.answered_at.endswith("+00:00")
    assert store.events() == [event]
    (record,) = queue.records()
    assert (record.query, record.event, record.seconds) == ("q0", event.key, 2.5)
    assert (record.answer, record.order, record.repeat) == (TIE, lent.order, False)


def test_the_same_answer_again_changes_nothing_and_another_is_refused(queue, store, pairs):
    queue.post(pairs(2))
    lent = queue.claim("ann")
    event = queue.submit(lent.id, lent.token, FIRST)
    for _ in range(3):
        assert queue.submit(lent.id, lent.token, FIRST, seconds=9.0) == event
    with pytest.raises(LeaseError, match="answered already; take the answer back"):
        queue.submit(lent.id, lent.token, TIE)
    assert store.events() == [event]
    assert queue.progress("ann").mine == 1


def test_only_who_was_lent_a_query_may_answer_it(queue, pairs):
    queue.post(pairs(1))
    lent = queue.claim("ann")
    with pytest.raises(LeaseError, match="load the page again"):
        queue.submit(lent.id, "another token", FIRST)
    with pytest.raises(LeaseError, match="never asked of you"):
        queue.submit("nothing", lent.token, FIRST)
    assert queue.records() == []


@pytest.mark.parametrize(
    "said",
    [{}, {"preference": 1}, {"preference": 0.7}, {"preference": "a"}, {"ranks": None}, {"x": 1.0}],
)
def test_what_is_no_answer_is_refused(queue, pairs, said):
    queue.post(pairs(1))
    lent = queue.claim("ann")
    with pytest.raises(ValueError, match=r"answer to comparison 'q0' .* must be one of those"):
        queue.submit(lent.id, lent.token, said)
    assert queue.submit(lent.id, lent.token, FIRST).answer == FIRST


# --- taking back


def test_an_answer_taken_back_is_asked_again_with_what_was_said(queue, store, pairs):
    queue.post(pairs(2))
    lent = queue.claim("ann")
    first = queue.submit(lent.id, lent.token, FIRST)
    assert queue.answered(["q0"]) == 1
    again = queue.undo("ann")
    assert (again.id, again.order, again.previous) == (lent.id, lent.order, FIRST)
    assert queue.answered(["q0"]) == 0
    assert store.events() == []
    assert store.events(kinds=["undo"])[0].answer == {"key": first.key}
    assert queue.claim("ann").previous == FIRST
    with pytest.raises(LeaseError):
        queue.submit(lent.id, lent.token, FIRST)
    second = queue.submit(again.id, again.token, TIE)
    assert second.key == f"{lent.id}-1"
    assert store.events() == [second]
    assert queue.claim("ann").query.key == "q1"


def test_answers_are_taken_back_one_by_one(queue, store, pairs):
    queue.post(pairs(3))
    events = [answer(queue, "ann") for _ in range(3)]
    taken = [queue.undo("ann").query.key for _ in range(3)]
    assert taken == ["q2", "q1", "q0"]
    assert queue.undo("ann") is None
    assert store.events() == []
    assert [answer(queue, "ann", TIE).key for _ in range(3)] == [
        event.key[:-1] + "1" for event in events
    ]
    assert [record.query for record in queue.records()] == ["q0", "q1", "q2"]


def test_only_ones_own_answers_are_taken_back(queue, pairs):
    queue.post(pairs(2))
    answer(queue, "ann")
    assert queue.undo("bob") is None
    assert len(queue.records()) == 1


def test_while_an_answer_is_taken_back_nobody_else_is_asked(queue, pairs):
    queue.post(pairs(1))
    answer(queue, "ann")
    queue.undo("ann")
    assert queue.claim("bob") is None


# --- repeats


def test_some_comparisons_are_asked_again_with_the_sides_swapped(new_queue, store, pairs):
    queue = new_queue(repeat_share=0.2)
    queue.post(pairs(300))
    asked = []
    while lent := queue.claim("ann"):
        asked.append(lent)
        queue.submit(lent.id, lent.token, FIRST)
    first = {lent.query.key: number for number, lent in enumerate(asked) if not lent.repeat}
    repeats = {lent.query.key: number for number, lent in enumerate(asked) if lent.repeat}
    assert len(first) == 300
    assert 0.14 < len(repeats) / len(asked) < 0.26
    assert len(asked) == len(first) + len(repeats)
    for key, number in repeats.items():
        assert asked[number].order == asked[first[key]].order[::-1]
        assert number > first[key] + 1
    assert store.count() == len(asked)
    assert queue.answered(list(first)) == 300


def test_what_nobody_could_tell_is_not_asked_again(new_queue, pairs):
    queue = new_queue(repeat_share=0.9)
    queue.post(pairs(20))
    while queue.claim("ann"):
        answer(queue, "ann", CANT_TELL)
    assert not any(record.repeat for record in queue.records())


# --- looking


def test_a_round_that_is_closed_is_no_longer_asked(queue, pairs):
    queries = pairs(3)
    queue.post([replace(query, round=number) for number, query in enumerate(queries)])
    lent = queue.claim("ann")
    queue.close(1)
    assert queue.claim("bob").query.key == "q2"
    assert queue.submit(lent.id, lent.token, FIRST).round == 0
    assert queue.progress().total == 2
    queue.close()
    assert queue.claim("ann") is None


def test_progress_counts_answers_and_what_is_left(queue, pairs):
    assert queue.progress("ann") == (0, 0, 0, None, 0)
    queue.post(pairs(4, round=2))
    queue.post([replace(query, key=query.key + "+", overlap=2) for query in pairs(2, round=1)])
    assert queue.progress("ann") == (0, 0, 6, None, 2)
    for seconds in (2.0, 4.0, 9.0, None, 1.0):
        answer(queue, "ann", seconds=seconds)
    assert queue.progress("ann") == (5, 4, 6, 3.0, 2)
    answer(queue, "bob")
    assert queue.progress("bob") == (1, 5, 6, None, 2)
    assert queue.progress() == (6, 5, 6, None, 2)
    assert queue.answered(["q0", "q1", "q0+", "q1+", "nothing"]) == 3


def test_answers_that_simulated_people_gave_are_no_concern_of_the_queue(queue, store, ids, pairs):
    store.append([Event("comparison", "round-0-query-0", "teacher", 0, tuple(ids[:2]), FIRST)])
    queue.post(pairs(1))
    answer(queue, "ann")
    assert store.count() == 2
    assert len(queue.records()) == 1


@pytest.mark.parametrize("wrong", [{"lease_seconds": 0.0}, {"repeat_share": 1.0}])
def test_settings_that_make_no_sense_are_refused(new_queue, wrong):
    with pytest.raises(ValueError, match="lease_seconds must be positive and repeat_share in"):
        new_queue(**wrong)


def test_a_queue_outlives_its_process(place, store, pairs, queue):
    queue.post(pairs(2))
    lent = queue.claim("ann")
    store.close()
    with FeedbackStore(place) as again:
        other = LabelQueue(again, rng=np.random.default_rng(5))
        assert other.claim("ann").token == lent.token
        assert other.submit(lent.id, lent.token, FIRST).key == f"{lent.id}-0"
