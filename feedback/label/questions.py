"""Questions and their answers: the page of a question, and what its buttons send."""

import math
import time
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from prefgym.feedback.event import Answer
from prefgym.feedback.label.answers import Reply, previous_fields, read_reply
from prefgym.feedback.label.desk import Desk, Fields, Visit, desk_of
from prefgym.feedback.label.drives import bounds, driven_answer, read_scene
from prefgym.feedback.label.forms import ANSWER, ASSIGNED, form
from prefgym.feedback.label.join import see
from prefgym.feedback.label.pages import PageError, html
from prefgym.feedback.label.security import matches
from prefgym.feedback.label.views import LabelPage, Progress, View, WaitPage
from prefgym.feedback.lease import LeaseError
from prefgym.feedback.posted_query import Assignment, PostedQuery
from prefgym.feedback.scene import Scene

ROUTER = APIRouter()
TheDesk = Annotated[Desk, Depends(desk_of)]
_MAX_SECONDS = 24 * 3600.0


@ROUTER.get("/label")
async def show_question(request: Request, desk: TheDesk) -> Response:
    """The question this person holds, or the next one; that they wait where there is none.

    Few at a time: an answer that is to be stored does not wait behind many pages to be drawn.
    """
    return await to_thread.run_sync(_question, request, desk, limiter=desk.drawing)


def _question(request: Request, desk: Desk) -> Response:
    visit = desk.visit(request)
    person = desk.person(visit)
    assignment = desk.queue.claim(person.name)
    frame, progress = visit.frame("/label"), Progress(*desk.queue.progress(person.name))
    if assignment is None:
        return html(WaitPage(frame, progress))
    round_before = desk.rounds.put(person.name, assignment.query.round)
    if desk.shown.get(assignment.id) is None:
        desk.shown.put(assignment.id, time.monotonic())
    desk.lent.put(assignment.id, assignment)
    able = bounds(read_scene(desk.store, assignment.query.scene))
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
        settings={"steps": able.steps, "start": able.start} if able.steps else {},
    )
    return html(page)


@ROUTER.post("/answer", openapi_extra=form(**ANSWER))
def answer(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Store an answer, then the next question."""
    visit, assignment = asked(request, desk, fields)
    seconds = _seconds(desk, visit, assignment, fields)
    views = _views(desk, visit, assignment) if assignment.query.kind == "correction" else ()
    try:
        scene = read_scene(desk.store, assignment.query.scene)
        reply = read_reply(assignment, fields, views, bounds(scene))
        said, made = _made(desk, assignment.query, scene, reply)
        desk.queue.submit(assignment.id, assignment.token, said, segments=made, seconds=seconds)
    except ValueError as error:
        raise PageError(422, "error_answer", visit.frame("/label")) from error
    except LeaseError as error:
        raise PageError(409, "error_lease", visit.frame("/label")) from error
    return see("/label")


@ROUTER.post("/undo", openapi_extra=form())
def undo(request: Request, desk: TheDesk, fields: Fields) -> Response:
    """Take back this person's latest answer and ask again."""
    visit = desk.visit(request)
    person = desk.person(visit)
    desk.check_form(visit, fields)
    desk.queue.undo(person.name)
    return see("/label")


@ROUTER.post("/heartbeat", openapi_extra=form(**ASSIGNED))
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
    name, token = fields.get("assignment", ""), fields.get("token", "")
    assignment = desk.lent.get(name)
    try:
        # what is remembered may be out of date: whether it still holds, `submit` finds out
        if assignment is None or not matches(assignment.token, token):
            assignment = desk.queue.assignment(name, token)
    except LeaseError as error:
        raise PageError(409, "error_lease", visit.frame("/label")) from error
    if assignment.rater != person.name:
        raise PageError(409, "error_lease", visit.frame("/label"))
    return visit, assignment


def _made(
    desk: Desk, query: PostedQuery, scene: Scene | None, reply: Reply
) -> tuple[Answer, list[str] | None]:
    """The answer, and ids of the segments that the event names, where the answer made some.

    Raises:
        ValueError: if a scene cannot be driven again, or the text is none.
    """
    if reply.text:
        ids = desk.store.add_segments([desk.viewer.edited(query.segments[0], reply.text)])
        return reply.answer, [*ids, *query.segments]
    if not reply.commands:
        return reply.answer, None
    environment = desk.viewer.environment
    if scene is None or environment is None:
        raise ValueError(f"query {query.key!r} has no scene to drive in")
    said, driven = driven_answer(environment, scene, query, reply)
    ids = desk.store.add_segments([driven.arrays(number) for number in range(len(driven))])
    # a takeover stands beside what the policy would have done; all else beside what it did
    return said, ids if query.kind == "intervention" else [*ids, *query.segments]


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
    addresses = [visit.clip_address(name) for name in names]
    if assignment.query.scene:
        return (desk.viewer.scene_view(assignment.query, addresses[0]),)
    return tuple(map(desk.viewer.view, names, addresses))
