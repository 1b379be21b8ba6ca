"""Who takes part, and invitations for more; admins only."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from prefgym.feedback.label.desk import Desk, Fields, Visit, desk_of
from prefgym.feedback.label.forms import form, one_of
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.views import Invitation, PeoplePage
from prefgym.feedback.people import ROLES

ROUTER = APIRouter()
TheDesk = Annotated[Desk, Depends(desk_of)]
INVITATION_SECONDS = 3 * 24 * 3600.0


@ROUTER.get("/people")
def show_people(request: Request, desk: TheDesk) -> Response:
    """Everyone who joined, and every invitation, but not its link: only its hash is stored."""
    visit = desk.visit(request)
    desk.person(visit, admin=True)
    return _page(desk, visit)


@ROUTER.post("/people", openapi_extra=form(role=one_of(*ROLES)))
def invite(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Invite one person more; the link is shown this once."""
    visit = desk.visit(request)
    desk.person(visit, admin=True)
    desk.check_form(visit, fields)
    role = fields.get("role", "")
    if role not in ROLES:
        raise PageError(422, "error_answer", visit.frame("/people"))
    token = desk.people.invite(role, ttl_seconds=INVITATION_SECONDS)
    return _page(desk, visit, link=f"{request.base_url}join?token={token}")


def _page(desk: Desk, visit: Visit, link: str = "") -> Response:
    """The page; `link` is that of the latest invitation."""
    made = list(desk.people.invitations())
    rows = [
        Invitation(
            role=invitation.role,
            created=datetime.fromtimestamp(invitation.created_at, UTC).strftime("%Y-%m-%d %H:%M"),
            used_by=invitation.used_by,
            link=link if number == len(made) - 1 else "",
        )
        for number, invitation in enumerate(made)
    ]
    people = tuple((person.name, person.role) for person in desk.people.list())
    return html(PeoplePage(visit.frame("/people"), tuple(rows), people))
