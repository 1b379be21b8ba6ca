"""What a person sees of a stored segment, and what a text corrected on the page becomes."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from prefgym.envs.text_summary import TextConfig
from prefgym.feedback.label.demo import DEMOS, post_demo
from prefgym.feedback.label.viewers import Viewer, numbers_view, wordings
from prefgym.feedback.label.views import ClipView, DrivingView, NumbersView, TextView
from prefgym.feedback.posted_query import KINDS, Environment, PostedQuery
from prefgym.feedback.segment import stack
from prefgym.feedback.store import FeedbackStore
from prefgym.simulations.source import join
from prefgym.simulations.text_observation import OBSERVATION_SIZE
from prefgym.simulations.text_worlds import STOP

ARTICLES = Environment("prefgym/TextSummary-v0", {"corpus": "articles", "language": "en"})
PICKS = [2, 0]


def text(picks, source=3, budget=4, num_steps=3):
    """A segment as the text environment records it: the state after each pick."""
    state = np.full((num_steps, 2 + budget), -1, np.float32)
    state[:, :2] = [source, len(picks)]
    state[:, 2 : 2 + len(picks)] = picks
    return {
        "observations": np.zeros((num_steps, OBSERVATION_SIZE), np.float32),
        "next_observations": np.zeros((num_steps, OBSERVATION_SIZE), np.float32),
        "actions": np.zeros((num_steps, STOP + 1), np.float32),
        "criteria": np.zeros((num_steps, 5)),
        "mask": np.arange(num_steps) < num_steps - 1,
        "states": state,
    }


@pytest.fixture
def article():
    return TextConfig(corpus="articles").sources()[3]


def shown(store, arrays, environment=None):
    if environment is not None:
        store.set_environment(environment)
    (name,) = store.add_segments([arrays])
    return name, Viewer(store).view(name, f"/clip/{name}")


def test_a_text_is_shown_with_its_source_and_other_wordings(desk, article):
    _, view = shown(desk.store, text(PICKS), ARTICLES)
    units = [article.units[number] for number in PICKS]
    assert isinstance(view, TextView)
    assert view.source == article.text
    assert view.sentences == tuple(unit.text for unit in units)
    assert view.text == join([unit.text for unit in units], "en")
    for unit, others in zip(units, view.wordings, strict=True):
        assert unit.text not in others
        assert set(others) == {
            other.text
            for other in article.units
            if other.place == unit.place and other.kind != "off-topic" and other is not unit
        }
    assert any(view.wordings)
    assert wordings(article, units[0]) != wordings(article, units[1])


@pytest.mark.parametrize("change", [{"source": 10_000}, {"picks": [99]}, {"picks": [-1, 2]}])
def test_a_state_that_names_no_text_is_shown_as_numbers(desk, change):
    _, view = shown(desk.store, text(**{"picks": PICKS, **change}), ARTICLES)
    assert isinstance(view, NumbersView)


def test_a_drive_is_shown_as_a_trace_and_as_a_picture(desk):
    states = np.zeros((5, 3, 4), np.float32)
    states[..., 3] = 4.5
    states[:, 0, 0] = [0.0, 10.0, 20.0, 30.0, 40.0]
    states[:, 1, :2] = [30.0, 4.0]
    states[:, 2, 0] = 900.0
    arrays = {"states": states, "mask": np.array([True, True, True, False, False])}
    name, view = shown(desk.store, arrays, Environment("prefgym/Driving-v0", {"scenario": "merge"}))
    assert isinstance(view, DrivingView)
    assert view.picture == f"/clip/{name}"
    trace = json.loads(view.trace)
    assert (trace["dt"], trace["num_lanes"], trace["ramp"]) == (0.5, 4, [0.0, 300.0])
    assert trace["states"] == [
        [[x, 0.0, 0.0, 4.5], [30.0, 4.0, 0.0, 4.5]] for x in (0.0, 10.0, 20.0)
    ]
    media_type, content = Viewer(desk.store).picture(name)
    picture = Image.open(io.BytesIO(content))
    assert (media_type, picture.format, picture.n_frames) == ("image/webp", "WEBP", 3)


def test_a_recorded_clip_is_shown_before_anything_else(desk):
    (name,) = desk.store.add_segments([text(PICKS)])
    desk.store.set_environment(ARTICLES)
    desk.store.add_clip(name, "video/webm", b"film")
    viewer = Viewer(desk.store)
    assert viewer.view(name, "/here") == ClipView("/here", "video/webm")
    assert viewer.picture(name) == ("video/webm", b"film")


def test_numbers_are_the_last_resort_and_tell_no_gold():
    arrays = {
        "observations": np.array([[1.0, 2.0], [3.0, 4.00004], [5.0, 6.0]], np.float32),
        "actions": np.array([[0.5], [-0.25], [9.0]], np.float32),
        "criteria": np.array([[777.0], [777.0], [777.0]]),
        "mask": np.array([True, True, False]),
    }
    assert numbers_view(arrays) == NumbersView(
        ("step", "o0", "o1", "a0"), (("0", "1", "2", "0.5"), ("1", "3", "4", "-0.25"))
    )
    assert numbers_view({"anything": np.zeros(3)}) == NumbersView(("step",), ())


@pytest.mark.parametrize(
    "environment",
    [
        Environment("os:system"),
        Environment("antigravity:Env-v0"),
        Environment("prefgym/Driving-v0", {"wheels": 4}),
        Environment("prefgym/Driving-v0", {"density": "syrup"}),
        Environment("prefgym/TextSummary-v0", {"corpus": "novels"}),
    ],
)
def test_an_environment_that_is_not_ours_is_never_made(desk, environment, monkeypatch):
    monkeypatch.setattr("gymnasium.make", None)
    _, view = shown(desk.store, text(PICKS), environment)
    assert isinstance(view, NumbersView)


def test_what_was_shown_before_the_environment_was_known_is_shown_anew(desk):
    (name,) = desk.store.add_segments([text(PICKS)])
    viewer = Viewer(desk.store)
    assert isinstance(viewer.view(name, ""), NumbersView)
    desk.store.set_environment(ARTICLES)
    assert viewer.environment == ARTICLES
    assert isinstance(viewer.view(name, ""), TextView)


@pytest.fixture
def corrected(desk, ann):
    """Asks for a correction of a text, and answers it."""
    desk.store.set_environment(ARTICLES)
    (name,) = desk.store.add_segments([text(PICKS)])
    desk.queue.post([PostedQuery("q", "correction", (name,))])

    def correct(**fields):
        return ann.answer(**{"choice": "", **fields}), name

    return correct


def test_another_wording_is_stored_as_a_text_beside_the_original(desk, corrected, article):
    other = wordings(article, article.units[PICKS[0]])[0].text
    reply, name = corrected(wording_0="1")
    assert reply.status_code == 303
    (event,) = desk.store.events()
    assert event.answer == {"what": f"{other} {article.units[PICKS[1]].text}"}
    assert event.segments[1] == name
    both = stack(desk.store.segments(event.segments))
    assert both.mask.tolist() == [[True, False, False], [True, True, False]]
    assert np.isfinite(both.next_observations).all()
    assert np.isnan(both.criteria[0]).all()


def test_a_text_written_anew_is_stored(desk, corrected):
    reply, _ = corrected(edited="A text of one's own.\r\nIt has two lines.")
    assert reply.status_code == 303
    (event,) = desk.store.events()
    assert event.answer == {"what": "A text of one's own.\nIt has two lines."}


def test_a_text_may_be_fine(desk, corrected):
    reply, name = corrected(choice="fine")
    assert reply.status_code == 303
    (event,) = desk.store.events()
    assert (event.answer, event.segments) == ({"corrected": False}, (name,))


def test_a_text_of_no_words_is_no_correction(desk, corrected):
    reply, _ = corrected(edited=" \n ")
    assert reply.status_code == 422
    assert desk.store.events() == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", DEMOS)
def test_a_recording_to_try_the_page_with_can_be_answered(new_app, new_browser, name, language):
    app = new_app()
    desk = app.state.desk
    count = post_demo(desk.store, name, language=language, rng=np.random.default_rng(0))
    assert 20 <= count <= 40
    browser = new_browser(app, "Ann", language=language)
    kinds = set()
    for _ in range(count):
        page = browser.get("/label")
        assert page.status_code == 200
        kinds.add(json.loads(page.text.split('id="page">')[1].split("</script>")[0])["kind"])
        assert browser.answer(choice="skip").status_code == 303
    assert len(desk.store.events()) == count
    wanted = {"driving": set(KINDS), "text": {*KINDS[:4]}, "classic": {*KINDS[:3]}}
    assert kinds == wanted[name]


def test_the_same_seed_records_the_same(tmp_path):
    stores = []
    for number in range(2):
        with FeedbackStore(tmp_path / f"{number}.sqlite") as store:
            post_demo(store, "classic", rng=np.random.default_rng(3))
            with store.database.read() as connection:
                stores.append(
                    connection.exec_driver_sql("SELECT key, segments FROM queries").fetchall()
                )
    assert stores[0] == stores[1]
