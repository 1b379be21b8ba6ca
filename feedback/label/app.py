"""The application: every address of the labelling page over one feedback store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from prefgym.feedback.label import dashboard, drive, invitations, join, media, questions
from prefgym.feedback.label.desk import Desk, desk_of
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.security import HEADERS, LOG, Guard
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.label.views import ErrorPage
from prefgym.feedback.store import FeedbackStore

_STATIC = Path(__file__).parent / "static"
_MESSAGES = {
    404: "error_not_found",
    405: "error_not_found",
    413: "error_too_large",
    422: "error_answer",
}


def create_app(
    store_url: str | Path,
    *,
    settings: LabelSettings,
    rng: np.random.Generator | None = None,
) -> FastAPI:
    """The page over a store.

    Args:
        store_url: the store; created where there is none.
        settings: how to serve it.
        rng: source of the orders in which segments are shown; None: seeded by the system.

    Raises:
        ValueError: if there is something else at `store_url`.
        OSError: if it cannot be opened.
    """
    store = FeedbackStore(store_url)
    drawn = np.random.default_rng() if rng is None else rng
    desk = Desk(store, settings, rng=drawn)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    # no pages about the interface: those load scripts from elsewhere
    app = FastAPI(title="prefgym label", lifespan=lifespan, openapi_url=None)
    app.state.desk = desk
    for part in (join, questions, drive, media, dashboard, invitations):
        app.include_router(part.ROUTER)
    app.mount("/static", StaticFiles(directory=_STATIC))
    app.add_middleware(Guard, settings=settings, cookie=desk.session_cookie, refuse=desk.refuse)
    for kind, respond in _ANSWERED_BY.items():
        app.add_exception_handler(kind, respond)
    return app


def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    desk = desk_of(request)
    if error.frame is None or not error.frame.rater:
        return desk.refuse(request, error.status, error.message)
    return html(ErrorPage(error.frame, error.status, error.message), error.status)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _MESSAGES.get(error.status_code, "error_answer")
    return _told(request, error.status_code, message)


def _invalid(request: Request, error: Exception) -> Response:
    del error
    return _told(request, 422, "error_answer")


def _told(request: Request, status: int, message: str) -> Response:
    """An error page for whoever is calling."""
    try:
        frame = desk_of(request).visit(request).frame("/label")
    except PageError as error:  # a stranger who calls too often
        return _page_error(request, error)
    return _page_error(request, PageError(status, message, frame))


def _database_error(request: Request, error: Exception) -> Response:
    LOG.error("%s %r: %s", request.method, request.url.path, error)
    return desk_of(request).refuse(request, 503, "error_server")


def _fault(request: Request, error: Exception) -> Response:
    """The page for a mistake of ours, which goes past the guard; the server logs what it was."""
    del error
    response = desk_of(request).refuse(request, 500, "error_server")
    response.headers.update(HEADERS)
    return response


_ANSWERED_BY = {
    PageError: _page_error,
    HTTPException: _http_error,
    RequestValidationError: _invalid,
    OSError: _database_error,
    Exception: _fault,
}
