"""A scene driven again while the person watches."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from prefgym.feedback.label.answers import read_commands
from prefgym.feedback.label.desk import Desk, Fields, desk_of
from prefgym.feedback.label.drives import bounds, driven_states, read_scene
from prefgym.feedback.label.forms import ASSIGNED, TEXT, form
from prefgym.feedback.label.pages import PageError
from prefgym.feedback.label.questions import asked
from prefgym.feedback.scene import trace

ROUTER = APIRouter()


@ROUTER.post("/drive", openapi_extra=form(**ASSIGNED, actions=TEXT))
def drive(request: Request, desk: Annotated[Desk, Depends(desk_of)], fields: Fields) -> Response:
    """What happens in the scene of a question with the person's commands; nothing is stored."""
    visit, assignment = asked(request, desk, fields)
    environment = desk.viewer.environment
    try:
        scene = read_scene(desk.store, assignment.query.scene)
        if scene is None or environment is None:
            raise ValueError(f"query {assignment.query.key!r} has no scene to drive in")
        commands = read_commands(fields.get("actions", ""), bounds(scene))
        states = driven_states(environment, scene, commands)
    except ValueError as error:
        raise PageError(422, "error_answer", visit.frame("/label")) from error
    return Response(trace(states, environment), media_type="application/json")
