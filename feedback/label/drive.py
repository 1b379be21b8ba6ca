"""A scene driven again while the person watches."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from prefgym.feedback.label.answers import read_commands
from prefgym.feedback.label.desk import Desk, Fields, desk_of
from prefgym.feedback.label.pages import PageError
from prefgym.feedback.label.questions import asked

ROUTER = APIRouter()


@ROUTER.post("/drive")
def drive(request: Request, desk: Annotated[Desk, Depends(desk_of)], fields: Fields) -> Response:
    """What happens in the scene of a question with the person's commands; nothing is stored."""
    visit, assignment = asked(request, desk, fields)
    query = assignment.query
    try:
        commands = read_commands(fields.get("actions", ""), desk.driver.bounds(query))
        trace = desk.driver.trace(query, commands)
    except ValueError as error:
        raise PageError(422, "error_answer", visit.frame("/label")) from error
    return Response(trace, media_type="application/json")
