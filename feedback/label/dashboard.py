"""How far everyone has come, and how well people agree."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from prefgym.feedback.label.desk import Desk, desk_of
from prefgym.feedback.label.pages import html
from prefgym.feedback.label.views import Dashboard, Interval, Progress, RaterRow
from prefgym.feedback.people import Person

ROUTER = APIRouter()


@ROUTER.get("/dashboard")
def show_dashboard(request: Request, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """Everyone's figures for admins; for others what concerns all, and their own."""
    visit = desk.visit(request)
    person = desk.person(visit)
    found = desk.figures.read()
    page = Dashboard(
        frame=visit.frame("/dashboard"),
        progress=Progress(*desk.queue.progress(person.name)),
        by_kind=found.by_kind,
        agreement=found.agreement,
        kappa=found.kappa,
        raters=_seen_by(person, found.raters),
        per_hour=found.per_hour,
    )
    return html(page)


def _seen_by(person: Person, rows: tuple[RaterRow, ...]) -> tuple[RaterRow, ...]:
    """The rows that a person may see; which questions were tests, only admins learn."""
    if person.role == "admin":
        return rows
    unknown = Interval(None)
    return tuple(
        replace(row, gold_share=unknown, trust=None) for row in rows if row.name == person.name
    )
