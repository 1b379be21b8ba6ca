"""Questions and their answers: the page of a question, and what its buttons send."""

import math
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from prefgym.feedback.label.answers import Reply, previous_fields, read_reply
from prefgym.feedback.label.desk import Desk, Fields, Visit, desk_of
from prefgym.feedback.label.join import see
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.views import LabelPage, Progress, View, WaitPage
from prefgym.feedback.lease import LeaseError
from prefgym.feedback.posted_query import Assignment, PostedQuery

ROUTER = APIRouter()
TheDesk = Annotated[Desk, Depends(desk_of)]
_MAX_SECONDS = 24 * 3600.0


@ROUTER.get("/label")
def show_question(request: Request, desk: TheDesk) -> Response:
    """The question this person holds, or the next one; that they wait where there is none."""
    visit = desk.visit(request)
    person = desk.person(visit)
    assignment = desk.queue.claim(person.name)
    frame, progress = visit.frame("/label"), Progress(*desk.queue.progress(person.name))
    if assignment is None:
        return html(WaitPage(frame, progress))
    round_before = desk.rounds.put(person.name, assignment.query.round)
    if desk.shown.get(assignment.id) is None:
        desk.shown.put(assignment.id, time.monotonic())
    bounds = desk.driver.bounds(assignment.query)
    page = LabelPage(
        frame=frame,
        kind=assignment.query.kind,
        assignment=assignment.id,
        token=assignment.token,
        views=_views(desk, visit, assignment),
        criteria=assignment.query.criteria,
        progress=progress,
        news=round_before is not None and round_before < assignment.query.round,
        previous=previous_fields(assignment),
        lease_seconds=int(desk.settings.lease_seconds),
        min_seconds=desk.settings.min_seconds,
        settings={"steps": bounds.steps, "start": bounds.start} if bounds.steps else {},
    )
    return html(page)


@ROUTER.post("/answer")
def answer(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Store an answer, then the next question."""
    visit, assignment = asked(request, desk, fields)
    seconds = _seconds(desk, visit, assignment, fields)
    kind, query = assignment.query.kind, assignment.query
    views = _views(desk, visit, assignment) if kind == "correction" else ()
    bounds = desk.driver.bounds(query)
    try:
        reply = read_reply(assignment, fields, views, bounds)
        made = _made(desk, query, reply)
        desk.queue.submit(
            assignment.id, assignment.token, reply.answer, segments=made, seconds=seconds
        )
    except ValueError as error:
        raise PageError(422, "error_answer", visit.frame("/label")) from error
    except LeaseError as error:
        raise PageError(409, "error_lease", visit.frame("/label")) from error
    return see("/label")


@ROUTER.post("/undo")
def undo(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Take back this person's latest answer and ask again."""
    visit = desk.visit(request)
    person = desk.person(visit)
    desk.check_form(visit, fields)
    desk.queue.undo(person.name)
    return see("/label")


@ROUTER.post("/heartbeat")
def heartbeat(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Keep the question: it is still being looked at."""
    visit = desk.visit(request)
    desk.person(visit)
    desk.check_form(visit, fields)
    try:
        left = desk.queue.renew(fields.get("assignment", ""), fields.get("token", ""))
    except LeaseError as error:
        return JSONResponse({"error": str(error)}, 409)
    return JSONResponse({"seconds_left": left})


def asked(request: Request, desk: Desk, fields: Fields) -> tuple[Visit, Assignment]:
    """Who answers, and what they were asked.

    Raises:
        PageError: if they were not.
    """
    visit = desk.visit(request)
    person = desk.person(visit)
    desk.check_form(visit, fields)
    try:
        assignment = desk.queue.assignment(fields.get("assignment", ""), fields.get("token", ""))
    except LeaseError as error:
        raise PageError(409, "error_lease", visit.frame("/label")) from error
    if assignment.rater != person.name:
        raise PageError(409, "error_lease", visit.frame("/label"))
    return visit, assignment


def _made(desk: Desk, query: PostedQuery, reply: Reply) -> list[str] | None:
    """Ids of the segments that the event is to name, where the answer made some.

    Raises:
        ValueError: if a scene cannot be simulated again, or the text is none.
    """
    if reply.commands:
        made = desk.store.add_segments(desk.driver.drive(query, reply.commands).segments)
    elif reply.text:
        made = desk.store.add_segments([desk.viewer.edited(query.segments[0], reply.text)])
    else:
        return None
    return [*made, *query.segments] if query.kind == "correction" else made


def _seconds(desk: Desk, visit: Visit, assignment: Assignment, fields: Fields) -> float | None:
    """How long the question was looked at [s]: as the page says, at most since it was shown.

    Raises:
        PageError: if that was too short to see anything.
    """
    shown = desk.shown.get(assignment.id)
    elapsed = None if shown is None else time.monotonic() - shown
    if elapsed is not None and elapsed < desk.settings.min_seconds:
        raise PageError(422, "too_soon", visit.frame("/label"))
    try:
        told = float(fields.get("seconds", ""))
    except ValueError:
        return elapsed
    if not math.isfinite(told) or told < 0:
        return elapsed
    return min(told, _MAX_SECONDS if elapsed is None else elapsed)


def _views(desk: Desk, visit: Visit, assignment: Assignment) -> tuple[View, ...]:
    """What is shown, in the order shown."""
    names = [assignment.query.segments[number] for number in assignment.order]
    return tuple(
        desk.viewer.view(name, arrays, visit.clip_address(name))
        for name, arrays in zip(names, desk.store.segments(names), strict=True)
    )
