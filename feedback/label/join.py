"""Coming and going: invitations, sessions, and the language of the pages."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from prefgym.feedback.label.desk import Desk, Fields, desk_of
from prefgym.feedback.label.forms import TEXT, form, one_of
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.views import JoinPage

ROUTER = APIRouter()
TheDesk = Annotated[Desk, Depends(desk_of)]
_PAGE = re.compile(r"/[a-z]*(\?token=[\w-]*)?")


@ROUTER.get("/")
def start() -> Response:
    """To the questions."""
    return see("/label")


@ROUTER.get("/join")
def show_join(
    request: Request, desk: TheDesk, token: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Who are you? Nothing is changed: programs that look at links must not use them up."""
    visit = desk.visit(request)
    if visit.person is not None:
        return see("/label")
    frame = visit.frame(f"/join?token={token}" if token else "/join")
    page = JoinPage(frame, token, desk.suggestions.get(token, ""))
    return desk.welcome(request, visit, html(page))


@ROUTER.post("/join", openapi_extra=form(token=TEXT, name=TEXT, language=one_of("en", "zh")))
def join(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Use up an invitation and begin a session."""
    visit = desk.visit(request)
    desk.check_form(visit, fields)
    language = fields.get("language", visit.language)
    if language not in ("en", "zh"):
        raise PageError(422, "error_answer", visit.frame("/join"))
    token, name = fields.get("token", ""), fields.get("name", "")
    try:
        session = desk.people.join(token, name, language)
    except ValueError as error:
        raise PageError(422, _refusal(str(error)), visit.frame("/join")) from error
    response = see("/label")
    desk.set_cookie(request, response, desk.session_cookie, session)
    return response


@ROUTER.post("/sign-out", openapi_extra=form())
def sign_out(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """End the session, here and in the store."""
    visit = desk.visit(request)
    desk.check_form(visit, fields)
    desk.people.sign_out(visit.secret)
    response = see("/join")
    response.delete_cookie(desk.session_cookie)
    return response


@ROUTER.post("/language", openapi_extra=form(language=one_of("en", "zh"), path=TEXT))
def set_language(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Show the pages in another language, from now on."""
    visit = desk.visit(request)
    desk.check_form(visit, fields)
    language, path = fields.get("language", ""), fields.get("path", "/label")
    if language not in ("en", "zh") or not _PAGE.fullmatch(path):
        raise PageError(422, "error_answer", visit.frame("/label"))
    if visit.person is not None:
        desk.people.set_language(visit.person.name, language)
    response = see(path)
    desk.set_cookie(request, response, desk.language_cookie, language)
    return response


def _refusal(reason: str) -> str:
    """The message for those whom `People.join` refuses."""
    if reason.startswith("a name"):
        return "error_name"
    return "error_name_taken" if reason.startswith("the name") else "error_invitation"


def see(path: str) -> RedirectResponse:
    """Go on with a page of ours, by GET."""
    return RedirectResponse(path, 303)
