"""A page over a store of its own, and people who use it as browsers do."""

from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from prefgym.feedback.label.app import create_app
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.posted_query import PostedQuery

ORIGIN = "http://127.0.0.1:8765"
SETTINGS = LabelSettings(repeat_share=0.0, min_seconds=0.0, requests_per_second=1e6, burst=10**6)


class Forms(HTMLParser):
    """The forms of a page: their actions, and the names and values of their fields."""

    def __init__(self, html):
        super().__init__()
        self.forms = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "form":
            self.forms.append((values.get("action"), {}))
        elif tag == "input" and self.forms and "name" in values:
            if values.get("type") in ("radio", "checkbox") and "checked" not in values:
                return
            self.forms[-1][1][values["name"]] = values.get("value") or ""

    def fields(self, action):
        return next(dict(fields) for name, fields in self.forms if name == action)


class Browser:
    """Somebody's browser: follows forms, keeps cookies, says where it comes from."""

    def __init__(self, app, address="127.0.0.1"):
        self.client = TestClient(
            app,
            base_url=ORIGIN,
            client=(address, 5000),
            follow_redirects=False,
            raise_server_exceptions=False,
        )

    def get(self, path, **options):
        return self.client.get(path, **options)

    def post(self, path, fields, headers=None):
        sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin"} if headers is None else headers
        return self.client.post(path, data=fields, headers=sent)

    def join(self, token, name, language="en"):
        page = self.get(f"/join?token={token}")
        fields = Forms(page.text).fields("/join") | {"name": name, "language": language}
        return self.post("/join", fields)

    def form(self, action="/answer", path="/label"):
        """A form as a page shows it now."""
        page = self.get(path)
        assert page.status_code == 200, page.text
        return Forms(page.text).fields(action)

    def answer(self, **fields):
        return self.post("/answer", self.form() | fields)


@pytest.fixture
def new_app(tmp_path):
    """Applications over one store, closed after the test."""
    opened = []

    def new(settings=SETTINGS, place=tmp_path / "feedback.sqlite", **options):
        app = create_app(place, settings=settings, rng=np.random.default_rng(0), **options)
        opened.append(app.state.desk.store)
        return app

    yield new
    for store in opened:
        store.close()


@pytest.fixture
def app(new_app):
    return new_app()


@pytest.fixture
def desk(app):
    return app.state.desk


@pytest.fixture
def stranger():
    """Browsers of nobody in particular."""
    return Browser


@pytest.fixture
def new_browser():
    """Browsers of people who have joined an application."""

    def join(app, name, role="annotator", language="en"):
        browser = Browser(app)
        token = app.state.desk.people.invite(role, ttl_seconds=60.0)
        assert browser.join(token, name, language).status_code == 303
        return browser

    return join


@pytest.fixture
def joined(app, new_browser):
    """Browsers of people who have joined the application."""
    return partial(new_browser, app)


@pytest.fixture
def ann(joined):
    return joined("Ann")


def numbers(seed, num_steps=5):
    """A segment of an environment that nobody can draw."""
    rng = np.random.default_rng(seed)
    return {
        "observations": rng.normal(size=(num_steps, 3)).astype(np.float32),
        "actions": rng.normal(size=(num_steps, 1)).astype(np.float32),
        "mask": np.ones(num_steps, bool),
    }


@pytest.fixture
def segments(desk):
    return desk.store.add_segments([numbers(seed) for seed in range(6)])


@pytest.fixture
def pairs(desk, segments):
    """Posts so many comparisons."""

    def post(count, **fields):
        shown = [(segments[i % 6], segments[(i + 1) % 6]) for i in range(count)]
        desk.queue.post(
            [PostedQuery(f"q{i}", "comparison", pair, **fields) for i, pair in enumerate(shown)]
        )

    return post
