import json
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from prefgym.feedback.label.strings import translator
from prefgym.feedback.label.views import (
    ClipView,
    Dashboard,
    DrivingView,
    ErrorPage,
    Frame,
    Interval,
    Invitation,
    JoinPage,
    LabelPage,
    NumbersView,
    PeoplePage,
    Progress,
    RaterRow,
    TextView,
    WaitPage,
)
from prefgym.feedback.posted_query import KINDS

JINJA = Environment(
    loader=PackageLoader("prefgym.feedback.label"), autoescape=True, undefined=StrictUndefined
)
TEMPLATES = {
    LabelPage: "label.html.j2",
    WaitPage: "wait.html.j2",
    JoinPage: "join.html.j2",
    Dashboard: "dashboard.html.j2",
    PeoplePage: "people.html.j2",
    ErrorPage: "error.html.j2",
}
LANGUAGES = ("en", "zh")
HOSTILE = "\"'><script>alert(1)</script></p></script><img src=x onerror=alert(2)>{{ 7 * 7 }}&amp;"
TRACE = json.dumps(
    {
        "dt": 0.5,
        "num_lanes": 3,
        "lane_width": 4.0,
        "ramp": None,
        "states": [
            [[0.0, 0.0, 25.0, 4.5], None],
            [[12.5, 0.0, 25.0, 4.5], [40.0, 4.0, 20.0, 12.0]],
        ],
    }
)
VOID = {"meta", "link", "input", "img", "br", "hr", "path", "line", "circle", "rect"}
BUTTON_TYPES = ("radio", "checkbox", "range", "hidden")


def views(text="One. Two.", words="words"):
    return {
        "driving": DrivingView(TRACE, f"/clip/{words}"),
        "text": TextView(text, text, "en", ("One.", text), (("Uno.", text), ("Due.", "Dos."))),
        "chinese": TextView("天黑了。", "天黑了。", "zh", ("天黑了。",), ((),)),
        "empty": TextView("", "", "en"),
        "image": ClipView(f"/clip/{words}", "image/webp"),
        "video": ClipView(f"/clip/{words}", "video/webm"),
        "numbers": NumbersView((text, "o1"), ((text, "2"), ("3", "4"))),
    }


def frame(language="en", **fields):
    return replace(Frame(language, "Ann", True, "csrf-token"), **fields)


PROGRESS = Progress(mine=3, answered=1234, total=4000, seconds_left=600.0, round=2)


def label_page(kind, view, language="en", **fields):
    count = {"comparison": 2, "ranking": 4}.get(kind, 1)
    page = LabelPage(
        frame=frame(language),
        kind=kind,
        assignment="a-1",
        token="token-1",
        views=(view,) * count,
        criteria=("comfort", "accuracy", "a name of one's own") if kind == "rating" else (),
        progress=PROGRESS,
        settings={"steps": 24, "start": 2},
    )
    return replace(page, **fields)


def other_pages(language="en", text="Ann"):
    unknown = Interval(None)
    row = RaterRow(
        text, 12, 3.5, Interval(0.5, 0.4, 0.6), 0.1, 0.0, Interval(0.9, 0.8, 1.0), unknown, 0.7
    )
    silent = RaterRow("Bob", 0, None, unknown, None, None, unknown, unknown, None)
    everyone = (("comparison", 10), ("ranking", 0))
    own = frame(language, rater=text, csrf=text, message="news")
    return {
        "wait": WaitPage(own, PROGRESS),
        "done": WaitPage(own, Progress(0, 5, 5, None, 1)),
        "join": JoinPage(frame(language, rater="", admin=False, path="/join"), text, text),
        "error": ErrorPage(own, 409, "error_lease"),
        "refused": ErrorPage(frame(language, rater=""), 422, "error_name"),
        "dashboard": Dashboard(
            own,
            PROGRESS,
            dict(everyone),
            Interval(0.6, 0.5, 0.7),
            unknown,
            (row, silent),
            12.0,
        ),
        "empty dashboard": Dashboard(
            own, Progress(0, 0, 0, None, 0), {}, unknown, unknown, (), 0.0
        ),
        "people": PeoplePage(
            own,
            (Invitation("annotator", text, "", text), Invitation("admin", "now", text)),
            ((text, "admin"), ("Bob", "annotator")),
        ),
        "nobody": PeoplePage(own, (), ()),
    }


def render(page):
    template = JINJA.get_template(TEMPLATES[type(page)])
    return template.render(page=page, t=translator(page.frame.language))


@dataclass
class Element:
    tag: str
    attributes: dict
    text: str = ""
    inside: tuple = ()


@dataclass
class Reader(HTMLParser):
    """The elements of a page with their text, as a browser without scripts has them."""

    html: str
    elements: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.open = []
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attrs), inside=tuple(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def find(self, tag, **attributes):
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def names(self):
        """Names that the answer's form sends, in it or by its id."""
        fields = [e for e in self.elements if e.tag in ("input", "button", "select", "textarea")]
        return {
            e.attributes["name"]
            for e in fields
            if "name" in e.attributes
            and (
                e.attributes.get("form") == "answer"
                or any(o.attributes.get("id") == "answer" for o in e.inside)
            )
        }

    def data(self, id):
        (element,) = self.find("script", id=id)
        return json.loads(element.text)


def all_pages():
    for language in LANGUAGES:
        for kind in KINDS:
            for name, view in views().items():
                yield pytest.param(label_page(kind, view, language), id=f"{language}-{kind}-{name}")
        for name, page in other_pages(language).items():
            yield pytest.param(page, id=f"{language}-{name}")


@pytest.mark.parametrize("page", list(all_pages()))
class TestEveryPage:
    def test_is_whole_and_in_its_language(self, page):
        read = Reader(render(page))
        (html,) = read.find("html")
        assert html.attributes["lang"] == {"en": "en", "zh": "zh-CN"}[page.frame.language]
        assert len(read.find("main")) == len(read.find("h1")) == len(read.find("title")) == 1

    def test_runs_nothing_that_the_policy_forbids(self, page):
        for element in Reader(render(page)).elements:
            assert "style" not in element.attributes
            assert not [name for name in element.attributes if name.startswith("on")]
            assert element.tag not in ("style", "iframe", "object", "embed", "base")
            if element.tag == "script" and "src" not in element.attributes:
                assert element.attributes["type"] == "application/json"
            for name in ("src", "href", "action"):
                assert element.attributes.get(name, "/").startswith(("/", "#main"))

    def test_has_ids_once(self, page):
        read = Reader(render(page))
        ids = [e.attributes["id"] for e in read.elements if "id" in e.attributes]
        assert len(ids) == len(set(ids))
        for element in read.elements:
            for name in ("for", "aria-labelledby", "aria-describedby", "data-copy"):
                assert element.attributes.get(name, ids[0]) in ids

    def test_names_every_control(self, page):
        read = Reader(render(page))
        labels = {e.attributes["for"] for e in read.find("label") if "for" in e.attributes}
        for element in read.elements:
            named = "aria-label" in element.attributes or element.attributes.get("id") in labels
            if element.tag in ("button", "a", "summary", "legend"):
                assert named or element.text.strip()
            elif element.tag in ("input", "select", "textarea"):
                wrapped = any(o.tag == "label" and o.text.strip() for o in element.inside)
                assert named or wrapped or element.attributes.get("type") == "hidden"
            elif element.tag in ("img", "canvas", "video", "progress"):
                assert element.attributes.get("alt") or named

    def test_sends_the_token_with_every_form(self, page):
        read = Reader(render(page))
        for form in read.find("form"):
            if form.attributes.get("method") == "dialog":
                continue
            fields = [e for e in read.find("input", name="csrf") if form in e.inside]
            assert [e.attributes["value"] for e in fields] == [page.frame.csrf]

    def test_groups_its_choices(self, page):
        read = Reader(render(page))
        for element in read.find("input", type="radio"):
            (group,) = [o for o in element.inside if o.tag == "fieldset"]
            assert [e for e in read.find("legend") if group in e.inside]


def hostile_pages():
    for kind in KINDS:
        for name, view in views(HOSTILE, HOSTILE).items():
            page = label_page(
                kind,
                view,
                assignment=HOSTILE,
                token=HOSTILE,
                criteria=(HOSTILE,) if kind == "rating" else (),
                previous={"edited": HOSTILE, "actions": HOSTILE, "choice": HOSTILE},
            )
            yield pytest.param(page, id=f"{kind}-{name}")
    for name, page in other_pages(text=HOSTILE).items():
        yield pytest.param(page, id=name)


@pytest.mark.parametrize("page", list(hostile_pages()))
def test_markup_in_what_is_stored_is_text(page):
    html = render(page)
    read = Reader(html)
    assert "<script>alert" not in html
    assert "onerror=alert" not in html.replace("&lt;img src=x onerror=alert(2)&gt;", "")
    assert all(
        "src" in e.attributes or e.attributes.get("type") == "application/json"
        for e in read.find("script")
    )
    assert not read.find("img", src="x")
    assert "49" not in re.sub(r'd="[^"]*"', "", html)


def test_what_is_stored_is_shown_as_it_is():
    read = Reader(render(label_page("comparison", views(HOSTILE)["text"])))
    shown = [e.text for e in read.find("p") if "data-words" in e.attributes]
    assert shown == [HOSTILE, HOSTILE]
    read = Reader(render(label_page("correction", views(HOSTILE)["text"])))
    assert HOSTILE in [e.text for e in read.find("span") if "data-wording" in e.attributes]


@pytest.mark.parametrize("trace", [TRACE, '{"note": "</script><script>alert(1)</script>"}'])
def test_a_trace_reaches_the_script_unchanged(trace):
    html = render(label_page("comparison", DrivingView(trace, "/clip/1")))
    page = Reader(html).data("page")
    assert page["traces"] == [trace, trace]
    assert "</script><script>alert" not in html
    assert page["lease"] == 60
    assert page["wait"] == 1.0


def test_strings_for_scripts_keep_their_placeholders():
    strings = Reader(render(label_page("comparison", views()["driving"]))).data("strings")
    assert strings["time_of"] == "{seconds} of {total} seconds"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "view", "names"),
    [
        ("comparison", "driving", {"choice"}),
        ("ranking", "text", {"rank_0", "rank_1", "rank_2", "rank_3", "choice"}),
        (
            "rating",
            "driving",
            {"rating_comfort", "rating_accuracy", "rating_a name of one's own", "choice"},
        ),
        ("correction", "text", {"wording_0", "wording_1", "edited", "choice"}),
        ("correction", "driving", {"start", "manoeuvre", "choice"}),
        ("correction", "numbers", {"choice"}),
        ("intervention", "driving", {"actions", "choice"}),
        ("demonstration", "driving", {"actions", "choice"}),
    ],
)
def test_a_form_sends_what_the_server_reads(kind, view, names, language):
    read = Reader(render(label_page(kind, views()[view], language)))
    assert read.names() == names | {"assignment", "token", "csrf", "seconds"}


@pytest.mark.parametrize(
    ("kind", "view", "choices"),
    [
        ("comparison", "text", ["0", "tie", "skip", "1"]),
        ("ranking", "text", ["skip"]),
        ("rating", "text", ["skip"]),
        ("correction", "text", ["", "fine", "skip"]),
        ("correction", "driving", ["", "fine", "skip"]),
        ("correction", "image", ["fine", "skip"]),
        ("intervention", "driving", ["", "fine", "skip"]),
        ("demonstration", "driving", ["", "skip"]),
    ],
)
def test_the_choices_are_buttons(kind, view, choices):
    read = Reader(render(label_page(kind, views()[view])))
    assert [e.attributes["value"] for e in read.find("button", name="choice")] == choices


def test_every_place_and_every_level_can_be_given():
    ranking = Reader(render(label_page("ranking", views()["driving"])))
    places = [e.attributes["value"] for e in ranking.find("input", name="rank_2")]
    assert places == ["1", "2", "3", "4"]
    rating = Reader(render(label_page("rating", views()["driving"])))
    levels = [e.attributes["value"] for e in rating.find("input", name="rating_comfort")]
    assert levels == ["1", "2", "3", "4", "5", ""]


def test_a_scene_is_changed_only_where_it_may_be():
    read = Reader(render(label_page("correction", views()["driving"])))
    decisions = [int(e.attributes["value"]) for e in read.find("option")]
    assert decisions == list(range(2, 24))
    without = label_page("correction", views()["driving"], settings={})
    assert not Reader(render(without)).find("option")


def keys_of(kind, view):
    read = Reader(render(label_page(kind, views()[view])))
    keys = [
        e.attributes["data-keys"].split(" ") for e in read.elements if "data-keys" in e.attributes
    ]
    return [key for found in keys for key in found]


@pytest.mark.parametrize(
    ("kind", "view", "keys"),
    [
        ("comparison", "driving", "ArrowLeft ArrowRight ArrowUp t ArrowDown s Space , ."),
        ("ranking", "driving", "Enter s Space , ."),
        ("rating", "driving", "Enter s Space , ."),
        ("correction", "text", "Enter t s e"),
        ("intervention", "driving", "ArrowUp ArrowDown ArrowLeft ArrowRight Enter t s Space , ."),
        ("demonstration", "driving", "ArrowUp ArrowDown ArrowLeft ArrowRight Enter s Space , ."),
    ],
)
def test_keys_press_one_button_each(kind, view, keys):
    found = keys_of(kind, view)
    assert {*keys.split(" "), "u", "Control+z", "?"} <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("kind", "view", "previous", "checked"),
    [
        ("ranking", "text", {"rank_0": "2", "rank_3": "1"}, {("rank_0", "2"), ("rank_3", "1")}),
        ("rating", "text", {"rating_comfort": "4"}, {("rating_comfort", "4")}),
        ("rating", "text", {"rating_comfort": ""}, {("rating_comfort", "")}),
        (
            "correction",
            "text",
            {"wording_0": "1"},
            {("wording_0", "1"), ("wording_1", "0")},
        ),
        ("correction", "driving", {"manoeuvre": "slower"}, {("manoeuvre", "slower")}),
    ],
)
def test_an_answer_taken_back_is_shown(kind, view, previous, checked):
    read = Reader(render(label_page(kind, views()[view], previous=previous)))
    assert {
        (e.attributes["name"], e.attributes["value"])
        for e in read.find("input", type="radio")
        if "checked" in e.attributes and e.attributes["name"] != "speed"
    } == checked


def test_a_choice_taken_back_is_marked():
    read = Reader(render(label_page("comparison", views()["text"], previous={"choice": "tie"})))
    marked = [e.attributes["value"] for e in read.find("button") if "data-was" in e.attributes]
    assert marked == ["tie"]


def test_a_source_is_shown_once_where_all_share_it():
    text = views()["text"]
    other = replace(text, source="Another source.")
    shared = Reader(render(label_page("comparison", text)))
    apart = Reader(render(label_page("comparison", text, views=(text, other))))
    assert len(shared.find("section", class_="source")) == 1
    assert len(apart.find("section", class_="source")) == 2


def test_clips_move_without_scripts():
    html = render(label_page("comparison", views()["driving"]))
    assert html.count('<noscript><img src="/clip/words"') == 2


def test_only_admins_find_the_way_to_people():
    page = label_page("comparison", views()["text"])
    assert Reader(render(page)).find("a", href="/people")
    annotator = replace(page, frame=frame(admin=False))
    assert not Reader(render(annotator)).find("a", href="/people")


def test_there_is_nothing_to_undo_before_the_first_answer():
    page = label_page("comparison", views()["text"])
    assert Reader(render(page)).find("form", action="/undo")
    first = replace(page, progress=replace(PROGRESS, mine=0))
    assert not Reader(render(first)).find("form", action="/undo")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, None), (20.0, "about a minute left"), (91.0, "about 2 min left")],
)
def test_the_time_left_is_rounded_up(seconds, said):
    page = label_page(
        "comparison", views()["text"], progress=replace(PROGRESS, seconds_left=seconds)
    )
    html = render(page)
    assert ("left</span>" in html) == (said is not None)
    assert said is None or said in html


def test_what_is_linked_is_shipped():
    static = files("prefgym.feedback.label").joinpath("static")
    shipped = {path.name for path in static.iterdir()}
    html = render(label_page("comparison", views()["driving"]))
    assert set(re.findall(r'"/static/([^"]+)"', html)) <= shipped
    for name in shipped:
        text = static.joinpath(name).read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./([^"]+)"', text)) <= shipped
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
