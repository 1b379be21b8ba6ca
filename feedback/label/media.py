"""Clips, found by the hash of their segment and never by a path."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from prefgym.feedback.label.desk import Desk, desk_of
from prefgym.feedback.label.pages import PageError
from prefgym.feedback.label.security import matches

ROUTER = APIRouter()
_SEGMENT = re.compile(r"[0-9a-f]{64}")


@ROUTER.get("/clip/{segment}")
def clip(
    request: Request,
    desk: Annotated[Desk, Depends(desk_of)],
    segment: str,
    key: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """A clip that a page showed to this person; for everybody else there is none.

    Requests for a part of it get all of it: clips are small, and lists of ranges have been used to
    keep servers busy (CVE-2025-62727).
    """
    visit = desk.visit(request)
    person = desk.person(visit)
    del person
    if not _SEGMENT.fullmatch(segment) or not matches(visit.clip_key(segment), key):
        raise PageError(404, "error_not_found", visit.frame("/label"))
    found = desk.viewer.picture(segment)
    if found is None:
        raise PageError(404, "error_not_found", visit.frame("/label"))
    media_type, content = found
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(content, media_type=media_type, headers=headers)
