"""Corrections, takeovers and demonstrations: scenes driven again with a person's commands."""

import json

import numpy as np
import pytest

from prefgym.feedback.label.drives import driven_states, read_scene
from prefgym.feedback.posted_query import Environment, PostedQuery
from prefgym.feedback.scene import record_scene, replay
from prefgym.feedback.segment import stack

ROAD = Environment("prefgym/Driving-v0", criteria=("comfort",))
LENGTH = 20


def steady(observations):
    return np.tile([1, 1, 1], (len(observations), 1))


@pytest.fixture(params=[0, 7])
def scene(request, desk):
    """A scene that is stored, at the reset or later: its id and its segment's."""
    arrays, segments = record_scene(ROAD, steady, 3, request.param, LENGTH)
    desk.store.set_environment(ROAD)
    (segment,) = desk.store.add_segments([segments.arrays(0)])
    (name,) = desk.store.add_segments([arrays])
    return name, segment


@pytest.fixture
def ask(desk, scene):
    def ask(kind):
        desk.queue.post([PostedQuery("q", kind, (scene[1],), scene=scene[0])])

    return ask


def the_event(desk):
    (event,) = desk.store.events()
    return event


def test_the_states_before_the_scene_and_after_each_decision_are_shown(desk, scene):
    (stored,) = desk.store.segments([scene[1]])
    states = driven_states(ROAD, read_scene(desk.store, scene[0]), ())
    assert states.shape == (LENGTH + 1, *stored["states"].shape[1:])
    assert states[1:].tobytes() == stored["states"].tobytes()
    moved = states[1, 0, 0] - states[0, 0, 0]
    assert moved == pytest.approx(0.5 * states[0, 0, 2], abs=1.0)


def test_a_command_changes_what_comes_after_it_and_nothing_before(desk, scene):
    recorded = read_scene(desk.store, scene[0])
    plain, driven = (driven_states(ROAD, recorded, c) for c in ((), [(6, "slower")]))
    assert driven[:7].tobytes() == plain[:7].tobytes()
    assert (driven[7:, 0, 2] < plain[7:, 0, 2]).all()


def test_a_person_sees_what_happens_with_their_commands(desk, ann, ask, scene):
    ask("intervention")
    fields = ann.form() | {"actions": json.dumps([[6, "slower"], [10, "right"]])}
    reply = ann.post("/drive", fields)
    assert reply.status_code == 200
    seen = json.loads(reply.text)["states"]
    expected = driven_states(ROAD, read_scene(desk.store, scene[0]), [(6, "slower"), (10, "right")])
    assert len(seen) == LENGTH + 1
    assert [state[0] for state in seen] == pytest.approx(np.round(expected[:, 0], 2), abs=0.006)
    assert desk.store.events() == []


@pytest.mark.parametrize(
    "actions", ["", "[]", '[[20, "left"]]', '[[-1, "left"]]', '[[3, "brake"]]', "[[[[[["]
)
def test_commands_outside_the_scene_are_refused(ann, ask, actions):
    ask("demonstration")
    for path in ("/drive", "/answer"):
        reply = ann.post(path, ann.form() | {"choice": "", "actions": actions})
        assert reply.status_code == 422


def test_a_corrected_drive_is_stored_before_the_original(desk, ann, ask, scene):
    ask("correction")
    reply = ann.answer(choice="", start="5", manoeuvre="slower")
    assert reply.status_code == 303
    event = the_event(desk)
    assert event.answer == {"start": 5, "what": "slower"}
    assert event.segments[1] == scene[1]
    corrected = stack(desk.store.segments(event.segments[:1]))
    expected = replay(ROAD, read_scene(desk.store, scene[0]), [(5, "slower")])
    assert corrected.states.tobytes() == expected.states.tobytes()
    stack(desk.store.segments(event.segments))  # both stand in one batch


def test_a_takeover_stands_beside_what_the_policy_would_have_done(desk, ann, ask):
    ask("intervention")
    actions = [[2, "slower"], [4, "slower"], [12, "left"]]
    assert ann.answer(choice="", actions=json.dumps(actions)).status_code == 303
    event = the_event(desk)
    assert event.answer == {"takeovers": [2, 12]}
    person, policy, *_ = desk.store.segments(event.segments)
    assert len(event.segments) == 4
    assert person["next_observations"][-1, 0] < policy["next_observations"][-1, 0]


def test_a_demonstration_stands_before_what_the_policy_did(desk, ann, ask, scene):
    ask("demonstration")
    assert ann.answer(choice="", actions='[[0, "faster"]]').status_code == 303
    event = the_event(desk)
    assert event.answer == {"demonstrated": True}
    assert event.segments[1:] == (scene[1],)


@pytest.mark.parametrize(
    ("kind", "choice", "said"),
    [
        ("correction", "fine", {"corrected": False}),
        ("correction", "skip", {"corrected": None}),
        ("intervention", "fine", {"takeovers": []}),
        ("intervention", "skip", {"takeovers": None}),
        ("demonstration", "skip", {"demonstrated": None}),
    ],
)
def test_nothing_needs_to_be_driven(desk, ann, ask, scene, kind, choice, said):
    ask(kind)
    assert ann.answer(choice=choice, actions="[]").status_code == 303
    event = the_event(desk)
    assert event.answer == said
    assert event.segments == ((scene[1],) if kind == "correction" else ())


@pytest.mark.parametrize("kind", ["correction", "intervention", "demonstration"])
def test_the_page_shows_the_scene_and_where_it_may_be_changed(ann, ask, kind):
    ask(kind)
    page = ann.get("/label").text
    data = page.split('id="page">')[1].split("</script>")[0]
    shown = json.loads(data)
    assert shown["settings"] == {"steps": LENGTH, "start": 0}
    (trace,) = shown["traces"]
    assert len(json.loads(trace)["states"]) == LENGTH + 1


def test_a_clip_without_a_scene_cannot_be_driven(desk, ann, scene):
    desk.queue.post([PostedQuery("q", "demonstration", (scene[1],))])
    for path in ("/drive", "/answer"):
        fields = ann.form() | {"choice": "", "actions": '[[0, "left"]]'}
        assert ann.post(path, fields).status_code == 422
    assert ann.answer(choice="skip").status_code == 303


def test_a_takeover_may_be_taken_back(desk, ann, ask):
    ask("intervention")
    ann.answer(choice="", actions='[[2, "slower"]]')
    ann.post("/undo", ann.form("/undo"))
    assert ann.answer(choice="fine").status_code == 303
    assert the_event(desk).answer == {"takeovers": []}
