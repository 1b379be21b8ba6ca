"""A form speaks of places, an answer of segments: whatever the order shown, they mean the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.label.answers import (
    Bounds,
    chosen_wordings,
    previous_fields,
    read_commands,
    read_reply,
)
from prefgym.feedback.label.views import DrivingView, NumbersView, TextView
from prefgym.feedback.manoeuvres import MANOEUVRES
from prefgym.feedback.posted_query import Assignment, PostedQuery

DRIVE = DrivingView("{}", "/clip")
TEXT = TextView(
    "source",
    "It rained. We walked.",
    "en",
    ("It rained.", "We walked."),
    (("Rain drummed.", "Rain."), ()),
)
NOWHERE = Bounds()


def assigned(kind, order=(0,), criteria=(), previous=None):
    names = tuple(f"{number:064x}" for number in range(len(order)))
    query = PostedQuery("q", kind, names, criteria=criteria, scene="s")
    return Assignment("a", "t", query, "ann", tuple(order), False, 0.0, previous)


def answer(assignment, fields, view=DRIVE, bounds=NOWHERE):
    return read_reply(assignment, fields, [view], bounds).answer


@pytest.mark.parametrize(
    ("order", "choice", "preference"),
    [
        ((0, 1), "0", 1.0),
        ((0, 1), "1", 0.0),
        ((1, 0), "0", 0.0),
        ((1, 0), "1", 1.0),
        ((1, 0), "tie", 0.5),
        ((1, 0), "skip", None),
    ],
)
def test_the_side_chosen_is_the_segment_shown_there(order, choice, preference):
    assignment = assigned("comparison", order)
    assert answer(assignment, {"choice": choice}) == {"preference": preference}


@given(order=st.permutations([0, 1]), better=st.integers(0, 1))
def test_choosing_a_segment_prefers_it_on_whichever_side_it_stands(order, better):
    place = order.index(better)
    found = answer(assigned("comparison", order), {"choice": str(place)})
    assert found == {"preference": 1.0 - better}


@given(st.permutations([0, 1]), st.sampled_from(["0", "1", "tie", "skip"]))
def test_a_comparison_taken_back_is_shown_as_it_was_given(order, choice):
    given_answer = answer(assigned("comparison", order), {"choice": choice})
    again = assigned("comparison", order, previous=given_answer)
    assert previous_fields(again) == {"choice": choice}


@given(
    st.integers(2, 6).flatmap(
        lambda n: st.tuples(
            st.permutations(range(n)), st.lists(st.integers(1, n), min_size=n, max_size=n)
        )
    )
)
def test_ranks_follow_the_segments_and_come_back_to_their_places(drawn):
    order, places = drawn
    fields = {f"rank_{place}": str(rank) for place, rank in enumerate(places)}
    assignment = assigned("ranking", order)
    ranks = answer(assignment, fields)["ranks"]
    for a in range(len(order)):
        for b in range(len(order)):
            assert (places[a] < places[b]) == (ranks[order[a]] < ranks[order[b]])
    assert sorted(set(ranks)) == list(range(len(set(ranks))))
    again = assigned("ranking", order, previous={"ranks": ranks})
    assert answer(again, previous_fields(again)) == {"ranks": ranks}


def test_ranks_worked_by_hand():
    fields = {"rank_0": "4", "rank_1": "2", "rank_2": "1", "rank_3": "2"}
    found = answer(assigned("ranking", (2, 0, 3, 1)), fields)
    assert found == {"ranks": [1, 1, 2, 0]}  # segment 3 first, 0 and 1 equal, 2 last


@given(
    st.fixed_dictionaries(
        {f"rating_{name}": st.sampled_from(["", "1", "2", "3", "4", "5"]) for name in ("a", "b c")}
    ).filter(lambda fields: any(fields.values()))
)
def test_a_rating_taken_back_is_shown_as_it_was_given(fields):
    found = answer(assigned("rating", criteria=("a", "b c")), fields)
    assert {f"rating_{name}": str(level or "") for name, level in found.items()} == fields
    again = assigned("rating", criteria=("a", "b c"), previous=found)
    assert previous_fields(again) == fields


@pytest.mark.parametrize(
    ("kind", "order", "said"),
    [
        ("comparison", (1, 0), {"preference": None}),
        ("ranking", (1, 2, 0), {"ranks": None}),
        ("rating", (0,), {"a": None}),
        ("correction", (0,), {"corrected": None}),
        ("intervention", (0,), {"takeovers": None}),
        ("demonstration", (0,), {"demonstrated": None}),
    ],
)
def test_cannot_tell_can_be_said_of_every_kind(kind, order, said):
    criteria = ("a",) if kind == "rating" else ()
    assert answer(assigned(kind, order, criteria), {"choice": "skip"}) == said
    again = assigned(kind, order, criteria, previous=said)
    assert previous_fields(again) == {"choice": "skip"}


@pytest.mark.parametrize(
    ("kind", "said"), [("correction", {"corrected": False}), ("intervention", {"takeovers": []})]
)
def test_nothing_to_correct_is_an_answer(kind, said):
    assert answer(assigned(kind), {"choice": "fine"}) == said
    assert previous_fields(assigned(kind, previous=said)) == {"choice": "fine"}


@given(st.integers(4, 19), st.sampled_from(MANOEUVRES))
def test_a_corrected_drive_tells_when_and_what(start, what):
    fields = {"choice": "", "start": str(start), "manoeuvre": what}
    assignment = assigned("correction")
    reply = read_reply(assignment, fields, [DRIVE], Bounds(4, 20))
    assert reply.answer == {"start": start, "what": what}
    assert reply.commands == ((start, what),)
    again = assigned("correction", previous=reply.answer)
    assert answer(again, previous_fields(again), bounds=Bounds(4, 20)) == reply.answer


def test_another_wording_is_put_in_its_place():
    found = read_reply(
        assigned("correction"), {"wording_0": "1", "wording_1": "0"}, [TEXT], NOWHERE
    )
    assert found.answer == {"what": "Rain drummed. We walked."}
    assert found.text == "Rain drummed. We walked."
    assert chosen_wordings(TEXT, {"wording_0": "2"}) == [2, 0]


def test_an_edited_text_counts_more_than_wordings_left_as_they_were():
    fields = {"wording_0": "1", "edited": "  It poured.\r\nWe ran. "}
    assert answer(assigned("correction"), fields, TEXT) == {"what": "It poured.\nWe ran."}
    again = assigned("correction", previous={"what": "It poured."})
    assert answer(again, previous_fields(again), TEXT) == {"what": "It poured."}


def test_chinese_sentences_are_joined_without_spaces():
    view = TextView("源", "雨。走。", "zh", ("雨。", "走。"), (("大雨。",), ()))
    assert answer(assigned("correction"), {"wording_0": "1"}, view) == {"what": "大雨。走。"}


@given(st.dictionaries(st.integers(2, 19), st.sampled_from(MANOEUVRES), min_size=1))
def test_commands_are_kept_in_the_order_of_time(commands):
    actions = [[start, what] for start, what in sorted(commands.items())]
    fields = {"actions": json.dumps(actions)}
    reply = read_reply(assigned("intervention"), fields, [DRIVE], Bounds(2, 20))
    assert reply.answer == {"takeovers": sorted(commands)}
    assert [list(command) for command in reply.commands] == actions
    reply = read_reply(assigned("demonstration"), fields, [DRIVE], Bounds(2, 20))
    assert reply.answer == {"demonstrated": True}


@pytest.mark.parametrize(
    "document",
    [
        "", "[]", "{}", "1", "null", "[[1]]", "[[1, 2]]", '[["1", "left"]]', '[[true, "left"]]',
        '[[1.0, "left"]]', '[[0, "left"]]', '[[20, "left"]]', '[[-1, "left"]]', '[[3, "jump"]]',
        '[[3, ["left"]]]', '[[4, "left"], [3, "left"]]', '[[3, "left"], [3, "left"]]', "[" * 9999,
        '[[1e400, "left"]]', "[NaN]", '[[5, "left"]' + ', [5, "left"]' * 400 + "]",
        '[[99999999999999999999999, "left"]]',
    ],
)  # fmt: skip
def test_commands_that_are_none_are_refused(document):
    with pytest.raises(ValueError, match=r"action|decision|manoeuvre"):
        read_commands(document, Bounds(1, 20))


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("comparison", {}),
        ("comparison", {"choice": "2"}),
        ("comparison", {"choice": "fine"}),
        ("ranking", {"rank_0": "1"}),
        ("ranking", {"rank_0": "1", "rank_1": "3"}),
        ("ranking", {"rank_0": "1", "rank_1": "\uff10"}),
        ("rating", {}),
        ("rating", {"rating_a": ""}),
        ("rating", {"rating_a": "6"}),
        ("correction", {}),
        ("correction", {"choice": "tie"}),
        ("correction", {"start": "3", "manoeuvre": "jump"}),
        ("correction", {"start": "³", "manoeuvre": "left"}),
        ("correction", {"start": "9" * 5000, "manoeuvre": "left"}),
        ("intervention", {"choice": "tie"}),
        ("demonstration", {"choice": "fine"}),
    ],
)
def test_what_is_no_answer_is_refused(kind, fields):
    order = (1, 0) if kind in ("comparison", "ranking") else (0,)
    criteria = ("a",) if kind == "rating" else ()
    with pytest.raises(ValueError, match="must"):
        answer(assigned(kind, order, criteria), fields, DRIVE, Bounds(0, 20))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"edited": " It rained. We walked.\n"},
        {"edited": "x" * 10_001},
        {"edited": "a\0b"},
        {"edited": "\ud800"},
        {"wording_0": "3"},
        {"wording_1": "1"},
    ],
)
def test_a_correction_of_a_text_must_correct_it(fields):
    with pytest.raises(ValueError, match="must"):
        answer(assigned("correction"), fields, TEXT)


def test_numbers_cannot_be_corrected():
    with pytest.raises(ValueError, match="only a text or a drive"):
        answer(assigned("correction"), {}, NumbersView(("x",), (("1",),)))
