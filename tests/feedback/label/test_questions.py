"""Every kind of question through plain forms, from the page shown to the stored event."""

import time

import numpy as np
import pytest

from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.posted_query import PostedQuery


def the_event(desk):
    (event,) = desk.store.events()
    return event


def kinds_stored(desk):
    """Kinds of all events, taken back or not."""
    with desk.store.database.read() as connection:
        return connection.exec_driver_sql("SELECT kind FROM events ORDER BY seq").scalars().all()


def post_pair(desk, key="q"):
    ids = desk.store.add_segments([{"mask": np.ones(3, bool), key: np.full(3, i)} for i in (0, 1)])
    desk.queue.post([PostedQuery(key, "comparison", tuple(ids))])


def wait_until_expired(desk, fields):
    deadline = time.monotonic() + 5
    while desk.queue.assignment(fields["assignment"], fields["token"]).expires_at > time.time():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.01)


@pytest.mark.parametrize("choice", ["0", "1", "tie", "skip"])
def test_a_comparison_is_stored_for_the_segments_whichever_side_they_stood_on(
    desk, joined, pairs, segments, choice
):
    pairs(1, overlap=6)
    orders = set()
    for name in "ABCDEF":
        browser = joined(name)
        assert browser.answer(choice=choice, seconds="2.5").status_code == 303
    for record, event in zip(desk.queue.records(), desk.store.events(), strict=True):
        shown = {"0": record.order[0], "1": record.order[1]}
        expected = {"tie": 0.5, "skip": None}.get(choice, 1.0 - shown.get(choice, 0))
        assert event.answer == {"preference": expected}
        assert event.segments == tuple(segments[:2])
        orders.add(record.order)
    assert orders == {(0, 1), (1, 0)}


def test_a_ranking_is_stored_for_the_segments_in_the_order_asked(desk, ann, segments):
    desk.queue.post([PostedQuery("q", "ranking", tuple(segments[:4]))])
    ann.answer(choice="", rank_0="2", rank_1="1", rank_2="4", rank_3="2")
    (record,) = desk.queue.records()
    by_place = [1, 0, 2, 1]
    assert the_event(desk).answer == {
        "ranks": [by_place[record.order.index(number)] for number in range(4)]
    }


def test_a_rating_is_stored_by_criterion(desk, ann, segments):
    desk.queue.post([PostedQuery("q", "rating", (segments[0],), criteria=("comfort", "my own"))])
    ann.answer(choice="", **{"rating_comfort": "4", "rating_my own": ""})
    assert the_event(desk).answer == {"comfort": 4, "my own": None}


def test_a_comparison_may_be_left_open(desk, ann, pairs):
    pairs(1)
    ann.answer(choice="skip")
    assert the_event(desk).answer == {"preference": None}


def test_an_answer_taken_back_is_asked_again_as_it_was_answered(desk, ann, pairs):
    pairs(2)
    ann.answer(choice="1")
    assert ann.post("/undo", ann.form("/undo")).status_code == 303
    assert desk.store.events() == []
    page = ann.get("/label").text
    assert "data-was" in page.partition('value="1"')[2].partition(">")[0]
    ann.answer(choice="0")
    assert kinds_stored(desk) == ["comparison", "undo", "comparison"]
    assert len(desk.store.events()) == 1


def test_nothing_to_take_back_is_no_error(ann, pairs):
    pairs(1)
    fields = {"csrf": ann.form()["csrf"]}
    assert ann.post("/undo", fields).status_code == 303


def test_a_double_click_is_one_answer(desk, ann, pairs):
    pairs(2)
    fields = ann.form() | {"choice": "0"}
    assert [ann.post("/answer", fields).status_code for _ in range(2)] == [303, 303]
    assert len(desk.store.events()) == 1
    assert ann.post("/answer", fields | {"choice": "tie"}).status_code == 409


def test_an_answer_after_the_lease_is_refused_and_says_so(new_app, new_browser):
    app = new_app(LabelSettings(lease_seconds=0.05, min_seconds=0.0))
    desk = app.state.desk
    browser = new_browser(app, "Ann")
    post_pair(desk)
    fields = browser.form() | {"choice": "0"}
    wait_until_expired(desk, fields)
    reply = browser.post("/answer", fields)
    assert reply.status_code == 409
    assert "no longer yours" in reply.text
    assert browser.post("/heartbeat", fields).status_code == 409
    assert desk.store.events() == []


def test_a_sign_of_life_keeps_the_question(desk, ann, pairs):
    pairs(1)
    reply = ann.post("/heartbeat", ann.form())
    assert reply.json() == {"seconds_left": desk.settings.lease_seconds}


def test_an_answer_given_at_once_does_not_count(new_app, new_browser):
    app = new_app(LabelSettings(min_seconds=30.0))
    post_pair(app.state.desk)
    browser = new_browser(app, "Ann")
    reply = browser.answer(choice="0", seconds="99")
    assert reply.status_code == 422
    assert "One moment" in reply.text
    assert app.state.desk.store.events() == []


@pytest.mark.parametrize("told", ["", "nan", "-1", "inf", "1e9", "x"])
def test_the_time_taken_is_at_most_that_since_the_question_was_shown(desk, ann, pairs, told):
    pairs(1)
    ann.answer(choice="0", seconds=told)
    (record,) = desk.queue.records()
    assert record.seconds is not None
    assert 0 <= record.seconds < 60


@pytest.mark.parametrize("fields", [{}, {"choice": "7"}, {"choice": "fine"}])
def test_an_incomplete_answer_is_refused_and_the_question_stays(desk, ann, pairs, fields):
    pairs(1)
    before = ann.form()
    assert ann.post("/answer", before | fields).status_code == 422
    assert ann.form()["assignment"] == before["assignment"]
    assert desk.store.events() == []


def test_nobody_answers_for_somebody_else(desk, ann, joined, pairs):
    pairs(3)
    bob = joined("Bob")
    anns = ann.form()
    forged = anns | {"choice": "0", "csrf": bob.form()["csrf"]}
    assert bob.post("/answer", forged).status_code == 409
    wrong = anns | {"choice": "0", "token": "x" * 22}
    assert ann.post("/answer", wrong).status_code == 409
    assert ann.post("/answer", anns | {"choice": "0", "assignment": "f" * 32}).status_code == 409
    assert desk.store.events() == []


@pytest.mark.parametrize("overlap", [1, 2])
def test_no_query_is_answered_by_more_people_than_it_wants(desk, joined, pairs, overlap):
    pairs(12, overlap=overlap)
    browsers = [joined(name) for name in ("A", "B", "C", "D")]
    for _ in range(12):
        for browser in browsers:
            if "/answer" in browser.get("/label").text:
                browser.answer(choice="0")
    answers = [(record.query, record.rater) for record in desk.queue.records()]
    assert len(answers) == len(set(answers)) == 12 * overlap


def test_a_person_waits_where_nothing_is_asked(ann, desk, pairs):
    page = ann.get("/label")
    assert page.status_code == 200
    assert "/answer" not in page.text
    pairs(1)
    assert "/answer" in ann.get("/label").text


def test_a_question_of_a_later_round_tells_that_the_policy_was_trained(desk, ann, segments):
    first, second = (
        PostedQuery(f"q{n}", "comparison", tuple(segments[n : n + 2]), round=n) for n in (0, 1)
    )
    desk.queue.post([first, second])
    assert "just been trained" not in ann.get("/label").text
    ann.answer(choice="0")
    assert "just been trained" in ann.get("/label").text


def test_a_comparison_asked_again_stands_the_other_way_round(new_app, new_browser):
    app = new_app(LabelSettings(repeat_share=0.9, min_seconds=0.0))
    desk = app.state.desk
    browser = new_browser(app, "Ann")
    for number in range(6):
        post_pair(desk, f"q{number}")
    while "/answer" in browser.get("/label").text:
        browser.answer(choice="0")
    records = desk.queue.records()
    first = {record.query: record for record in records if not record.repeat}
    repeats = [record for record in records if record.repeat]
    assert repeats
    for record in repeats:
        assert record.order == first[record.query].order[::-1]
        # the same side twice is the other segment
        assert record.answer["preference"] == 1.0 - first[record.query].answer["preference"]


@pytest.mark.parametrize(("language", "asked"), [("en", "Which clip"), ("zh", "哪")])
def test_both_languages_are_spoken(joined, pairs, language, asked):
    pairs(1)
    page = joined("Ann", language=language).get("/label").text
    assert asked in page
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in page
