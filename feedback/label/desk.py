"""What every address works with: the store, its queue and its people, and who is calling."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from anyio import CapacityLimiter
from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from prefgym.feedback.label.figures import LatestFigures
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.rate_limit import RateLimit
from prefgym.feedback.label.remembered import Remembered
from prefgym.feedback.label.security import derived, matches
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.label.viewers import Viewer
from prefgym.feedback.label.views import ErrorPage, Frame
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.people import People, Person
from prefgym.feedback.posted_query import Assignment
from prefgym.feedback.store import FeedbackStore

STRANGERS_PER_SECOND, STRANGERS_BURST = 2.0, 60
MAX_FIELDS = 100
_DRAWN_AT_ONCE = 2
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is calling.

    Args:
        person: who is signed in; None for a stranger.
        secret: of the session, or what a stranger's browser was given to be known again by.
        language: of the pages.
        is_new: whether the stranger's browser has yet to be given `secret`.
    """

    person: Person | None
    secret: str
    language: str
    is_new: bool

    @property
    def csrf(self) -> str:
        """The token of every form shown to this caller."""
        return derived(self.secret, "form")

    def frame(self, path: str, message: str = "") -> Frame:
        """What every page needs."""
        person = self.person
        return Frame(
            language=self.language,
            rater="" if person is None else person.name,
            admin=person is not None and person.role == "admin",
            csrf=self.csrf,
            message=message,
            path=path,
        )

    def clip_address(self, segment: str) -> str:
        """Where this caller, and nobody else, finds a segment's clip."""
        return f"/clip/{segment}?key={self.clip_key(segment)}"

    def clip_key(self, segment: str) -> str:
        """What opens a clip to this caller."""
        return derived(self.secret, f"clip {segment}")


class Desk:
    """The store and everything that the addresses share. Threads may use it at once."""

    def __init__(
        self, store: FeedbackStore, settings: LabelSettings, *, rng: np.random.Generator
    ) -> None:
        self.store = store
        self.settings = settings
        self.queue = LabelQueue(
            store,
            lease_seconds=settings.lease_seconds,
            repeat_share=settings.repeat_share,
            rng=rng,
        )
        self.people = People(store)
        self.viewer = Viewer(store)
        self.figures = LatestFigures(self.queue)
        # Names to suggest to those who follow a link that this server printed.
        self.suggestions: dict[str, str] = {}
        self.session_cookie = cookie_name("session", store.database.name)
        self.visitor_cookie = cookie_name("visitor", store.database.name)
        self.language_cookie = cookie_name("language", store.database.name)
        self._strangers = RateLimit(STRANGERS_PER_SECOND, STRANGERS_BURST)
        self.shown = Remembered[float]()
        self.rounds = Remembered[int]()
        self.lent = Remembered[Assignment]()
        self.drawing = CapacityLimiter(_DRAWN_AT_ONCE)

    def visit(self, request: Request) -> Visit:
        """Who is calling.

        Raises:
            PageError: if this address has called too often without being signed in.
        """
        secret = request.cookies.get(self.session_cookie)
        person = None if secret is None else self.people.session(secret)
        if person is not None and secret is not None:
            return Visit(person, secret, person.language, is_new=False)
        address = request.client.host if request.client is not None else ""
        if not self._strangers.allows(address):
            raise PageError(429, "error_busy")
        return self.stranger(request)

    def stranger(self, request: Request) -> Visit:
        """The caller as somebody who is not signed in; nothing is looked up."""
        known = request.cookies.get(self.visitor_cookie)
        language = request.cookies.get(self.language_cookie, "")
        return Visit(
            person=None,
            secret=known or secrets.token_urlsafe(32),
            language=language if language in _LANGUAGES else self.settings.language,
            is_new=known is None,
        )

    def person(self, visit: Visit, *, admin: bool = False) -> Person:
        """The person who is signed in.

        Raises:
            PageError: if nobody is, or somebody who may not do what only admins may.
        """
        if visit.person is None:
            raise PageError(401, "error_signed_out", visit.frame("/label"))
        if admin and visit.person.role != "admin":
            raise PageError(403, "error_forbidden", visit.frame("/label"))
        return visit.person

    def check_form(self, visit: Visit, fields: "Fields") -> None:
        """Refuse a form that no page of ours has shown to this caller.

        Raises:
            PageError: if its token is not the caller's.
        """
        if not matches(visit.csrf, fields.get("csrf", "")):
            raise PageError(403, "error_form", visit.frame("/label"))

    def refuse(self, request: Request, status: int, message: str) -> Response:
        """An error page for a caller about whom nothing is looked up."""
        visit = self.stranger(request)
        return self.welcome(
            request, visit, html(ErrorPage(visit.frame("/label"), status, message), status)
        )

    def welcome(self, request: Request, visit: Visit, response: Response) -> Response:
        """The answer, with what a stranger's browser needs to be known again by."""
        if visit.is_new:
            self.set_cookie(request, response, self.visitor_cookie, visit.secret)
        return response

    def set_cookie(self, request: Request, response: Response, name: str, value: str) -> None:
        """Give the browser something to be known again by, which scripts cannot read."""
        response.set_cookie(
            name,
            value,
            max_age=int(self.people.session_seconds),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https"
            or self.settings.wants_tls(request.url.hostname or ""),
        )


def cookie_name(purpose: str, store_name: str) -> str:
    """Name of a cookie; browsers share cookies among the ports of a host, but stores do not."""
    return f"prefgym-{purpose}-{hashlib.sha256(store_name.encode()).hexdigest()[:8]}"


def desk_of(request: Request) -> Desk:
    """The desk of the application that was called."""
    desk: Desk = request.app.state.desk
    return desk


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form; of several of one name the last.

    Raises:
        PageError: if it holds files or null characters.
    """
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            # PostgreSQL keeps no null characters
            if isinstance(value, UploadFile) or "\0" in value:
                raise PageError(422, "error_answer")
            fields[name] = value
        return fields


Fields = Annotated[dict[str, str], Depends(form_fields)]
