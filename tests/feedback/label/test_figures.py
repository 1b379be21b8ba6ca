"""The dashboard's figures, by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest

from prefgym.feedback.label.figures import LatestFigures, figures
from prefgym.feedback.label.views import Interval
from prefgym.feedback.label_records import AssignmentRecord
from prefgym.feedback.posted_query import PostedQuery

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def record(query, rater, answer, *, kind="comparison", minute=0, **fields):
    return AssignmentRecord(
        **{
            "query": query,
            "kind": kind,
            "rater": rater,
            "order": (0, 1),
            "repeat": False,
            "seconds": 2.0,
            "answered_at": f"2026-01-01T11:{minute:02}:00.000+00:00",
            "event": f"{query}-{rater}",
            "answer": {"preference": answer} if kind == "comparison" else answer,
            "gold": None,
            **fields,
        }
    )


def rows(records):
    found = figures(records, NOON, rng=np.random.default_rng(0))
    return {row.name: row for row in found.raters}


def test_nothing_is_known_of_nobody():
    found = figures([], NOON, rng=np.random.default_rng(0))
    assert found == ({}, Interval(None), Interval(None), (), 0.0)


def test_answers_are_counted_by_kind_and_hour():
    records = [record(f"q{m}", "ann", 1.0, minute=m) for m in (5, 49, 51, 55)]
    records.append(record("r", "ann", {"a": 3}, kind="rating", minute=59))
    found = figures(records, NOON, rng=np.random.default_rng(0))
    assert found.by_kind == {"comparison": 4, "rating": 1}
    assert found.per_hour == pytest.approx(3 * 6)


def test_a_row_by_hand():
    records = [
        record("q1", "ann", 1.0, seconds=1.0),
        record("q2", "ann", 0.0, seconds=3.0),
        record("q3", "ann", 0.0, order=(1, 0), seconds=8.0),
        record("q4", "ann", 0.5, seconds=None),
        record("q5", "ann", None),
    ]
    row = rows(records)["ann"]
    assert (row.answers, row.seconds) == (5, 2.5)
    assert row.first_share.value == pytest.approx(2 / 3)  # q1 left, q2 right, q3 left
    assert 0 < row.first_share.low < 2 / 3 < row.first_share.high < 1
    assert row.tie_share == pytest.approx(1 / 4)
    assert row.skip_share == pytest.approx(1 / 5)
    assert row.self_agreement == row.gold_share == Interval(None)
    assert row.trust is None


def test_people_who_agree_and_one_who_never_does():
    records = [
        record(f"q{number}", name, float(number % 2 == (name != "contrary")))
        for number in range(40)
        for name in ("ann", "bob", "contrary")
    ]
    found = rows(records)
    assert found["ann"].trust > 0.9
    assert found["contrary"].trust < 0.3


def test_agreement_does_not_depend_on_which_segment_is_called_first():
    said = np.random.default_rng(1).choice([0.0, 0.5, 1.0], (20, 3))
    said[:10] = said[:10, :1]
    plain = [record(f"q{q}", f"r{r}", float(said[q, r])) for q in range(20) for r in range(3)]
    swapped = [
        record(f"q{q}", f"r{r}", float(1 - said[q, r] if q % 2 else said[q, r]))
        for q in range(20)
        for r in range(3)
    ]
    one, other = (
        figures(records, NOON, rng=np.random.default_rng(0)) for records in (plain, swapped)
    )
    assert one.agreement.value == pytest.approx(other.agreement.value)
    assert one.kappa.value == pytest.approx(other.kappa.value)
    assert 0.2 < one.agreement.value < 0.9


def test_a_ranking_counts_as_the_comparisons_it_holds():
    ranked = [
        record("r", name, {"ranks": [0, 1, 1]}, kind="ranking", order=(0, 1, 2))
        for name in ("ann", "bob")
    ]
    compared = [
        record(query, name, preference)
        for query, preference in (("01", 1.0), ("02", 1.0), ("12", 0.5))
        for name in ("ann", "bob")
    ]
    one, other = (figures(r, NOON, rng=np.random.default_rng(0)) for r in (ranked, compared))
    assert one.agreement == other.agreement
    assert one.agreement.value == pytest.approx(1.0)


def test_ratings_agree_by_criterion_where_nothing_is_compared():
    levels = {"ann": (1, 5), "bob": (1, 5), "eve": (2, 4)}
    records = [
        record(f"q{q}", name, {"a": both[q % 2], "b": both[(q + 1) % 2]}, kind="rating")
        for name, both in levels.items()
        for q in range(5)
    ]
    found = figures(records, NOON, rng=np.random.default_rng(0))
    assert 0.5 < found.agreement.value < 1.0
    assert found.kappa == Interval(None)


def test_repeats_tell_how_steady_a_person_is_and_nothing_else():
    records = [record(f"q{n}", "ann", 1.0) for n in range(4)]
    records += [record(f"q{n}", "ann", float(n > 0), repeat=True, event=f"x{n}") for n in range(4)]
    found = rows(records)["ann"]
    assert found.self_agreement.value == pytest.approx(3 / 4)
    assert found.trust is None


def test_what_is_known_to_be_right_is_checked():
    gold = {"preference": 1.0}
    records = [
        record("q1", "ann", 1.0, gold=gold),
        record("q2", "ann", 0.0, gold=gold),
        record("q3", "ann", None, gold=gold),
        record("q4", "ann", {"a": 4, "b": 1}, kind="rating", gold={"a": 5}),
        record("q5", "ann", {"a": 2, "b": 5}, kind="rating", gold={"a": 5}),
    ]
    found = rows(records)["ann"]
    assert found.gold_share.value == pytest.approx(2 / 4)
    assert found.trust == pytest.approx((8 + 1) / (10 + 2))


def test_figures_are_kept_for_a_moment(desk, ann, pairs):
    pairs(2)
    latest = LatestFigures(desk.queue)
    ann.answer(choice="0")
    assert latest.read().by_kind == {"comparison": 1}
    ann.answer(choice="0")
    assert latest.read().by_kind == {"comparison": 1}
    latest._fresh_until = 0.0
    assert latest.read().by_kind == {"comparison": 2}


def test_the_dashboard_shows_the_figures(desk, ann, joined, segments):
    queries = [
        PostedQuery(f"q{n}", "comparison", tuple(segments[n : n + 2]), overlap=2) for n in range(4)
    ]
    desk.queue.post(queries)
    for browser in (ann, joined("Bob")):
        for _ in range(4):
            browser.answer(choice="0")
    page = joined("Carol", role="admin").get("/dashboard")
    assert page.status_code == 200
    assert "Krippendorff" in page.text
    assert "Ann" in page.text
    assert "Bob" in page.text


@pytest.mark.parametrize("path", ["/label", "/dashboard", "/people"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_speaks_both_languages_of_an_empty_store(joined, path, language):
    page = joined("Ann", role="admin", language=language).get(path)
    assert page.status_code == 200
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in page.text.split("<head>")[0]
