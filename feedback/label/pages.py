"""Views as HTML: the templates, the strings of the two languages, and pages for errors."""

from functools import cache

import jinja2
from starlette.responses import HTMLResponse

from prefgym.feedback.label.strings import translator
from prefgym.feedback.label.views import (
    Dashboard,
    ErrorPage,
    Frame,
    JoinPage,
    LabelPage,
    PeoplePage,
    WaitPage,
)

Page = LabelPage | WaitPage | JoinPage | Dashboard | PeoplePage | ErrorPage

_TEMPLATES: dict[type[Page], str] = {
    LabelPage: "label.html.j2",
    WaitPage: "wait.html.j2",
    JoinPage: "join.html.j2",
    Dashboard: "dashboard.html.j2",
    PeoplePage: "people.html.j2",
    ErrorPage: "error.html.j2",
}


class PageError(Exception):
    """A request that ends in an error page: its status, and the key of a message."""

    def __init__(self, status: int, message: str, frame: Frame | None = None) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.frame = frame


def html(page: Page, status: int = 200) -> HTMLResponse:
    """The page, in the language of its frame."""
    template = _templates().get_template(_TEMPLATES[type(page)])
    return HTMLResponse(template.render(page=page, t=translator(page.frame.language)), status)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("prefgym.feedback.label"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
    )
