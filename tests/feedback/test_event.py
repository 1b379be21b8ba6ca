import math

import pytest

from prefgym.feedback.event import Event, in_force


def comparison(key, preference=1.0, **fields):
    return Event("comparison", key, "ann", 0, ("a", "b"), {"preference": preference}, **fields)


def undo(key, superseded):
    return Event("undo", key, "ann", 0, answer={"key": superseded})


def test_what_was_undone_is_not_in_force():
    one, two, back = comparison("1"), comparison("2"), undo("3", "1")
    assert in_force([one, two]) == [one, two]
    assert in_force([one, two, back]) == [two, back]


def test_an_undo_can_be_undone():
    one, back, redo = comparison("1"), undo("2", "1"), undo("3", "2")
    assert in_force([one, back, redo]) == [one, redo]


def test_the_time_of_an_answer_is_no_part_of_what_it_says():
    early, late = (comparison("1", answered_at=f"2020-01-0{day}") for day in (1, 2))
    assert early.says_the_same(late)
    assert not early.says_the_same(comparison("1", 0.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": ""}, "needs a kind and a key"),
        ({"key": ""}, "needs a kind and a key"),
        ({"round": -1}, "round of event '1' must be >= 0, got -1"),
        ({"segments": ("a",)}, "comparison '1' must be of 2 segments, got 1"),
        ({"kind": "undo"}, r"undo '1' must name the key .*got \{'preference': 1.0\}"),
        ({"answer": {"preference": math.nan}}, r"answer of event '1' must be finite JSON"),
        ({"answer": {"stars": [1.0, math.inf]}}, r"answer of event '1' must be finite JSON"),
    ],
)
def test_impossible_events_are_refused(fields, message):
    complete = {
        "kind": "comparison",
        "key": "1",
        "rater": "ann",
        "round": 0,
        "segments": ("a", "b"),
        "answer": {"preference": 1.0},
    }
    with pytest.raises(ValueError, match=message):
        Event(**{**complete, **fields})
