"""What a request must be before anything of ours reads it, and what every answer carries.

Pages of others run in the same browser as ours. They can send requests with any form, but not
with our origin, not with our cookies (SameSite=Strict), and not with the token of our forms.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefgym.feedback.label.rate_limit import RateLimit
from prefgym.feedback.label.settings import LabelSettings

LOG = logging.getLogger("prefgym.label")
SAFE_METHODS = ("GET", "HEAD")
BODY_SECONDS = 20.0  # that a form may take to arrive
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # with no referrer at all browsers send forms with `Origin: null`
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

Refuse = Callable[[Request, int, str], Response]
"""The answer to a request that is turned away: its status and the key of a message."""


def derived(secret: str, purpose: str) -> str:
    """A token for one purpose, bound to a session's secret, which it does not give away."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def matches(expected: str, given: str) -> bool:
    """Whether a token is the expected one, in a time that does not tell how nearly."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def same_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of ours, or the person alone, sent this.

    One that says nothing at all is refused: every browser sends `Origin` with a form.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None and origin is None:
        return False
    if site not in (None, "same-origin", "none"):
        return False
    try:
        return origin is None or urlsplit(origin).netloc == headers["host"]
    except ValueError:
        return False


def called_host(headers: Headers) -> str:
    """The name by which the browser calls the server, without the port; "" if it gives none."""
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return ""
    try:
        return urlsplit(f"//{hosts[0]}").hostname or ""
    except ValueError:
        return ""


class Guard:
    """ASGI: turns away what no page of ours would send."""

    def __init__(
        self, app: ASGIApp, *, settings: LabelSettings, cookie: str, refuse: Refuse
    ) -> None:
        """Stand in front of `app`.

        Args:
            app: what is guarded.
            settings: whose names and limits hold.
            cookie: name of the cookie that tells callers apart.
            refuse: makes the answer to what is turned away.
        """
        self.app = app
        self.settings = settings
        self.cookie = cookie
        self.refuse = refuse
        self.limit = RateLimit(settings.requests_per_second, settings.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        with_headers = _with_headers(send)
        request = Request(scope)
        refused = self._refused(request)
        if refused is None:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _body(receive, self.settings.max_body)
            except TimeoutError:
                body, refused = None, (408, "error_busy")
            if body is not None:
                await self.app(scope, _replay(body, receive), with_headers)
                return
            refused = refused or (413, "error_too_large")
        LOG.warning("%s %r: %d %s", request.method, request.url.path, *refused)
        await self.refuse(request, *refused)(scope, receive, with_headers)

    def _refused(self, request: Request) -> tuple[int, str] | None:
        headers = request.headers
        if not self.settings.knows(called_host(headers)):
            return 400, "error_forbidden"
        if request.method not in SAFE_METHODS and not same_origin(headers):
            return 403, "error_forbidden"
        length = headers.get("content-length", "0")
        if not length.isdigit() or len(length) > 15 or int(length) > self.settings.max_body:
            return 413, "error_too_large"
        if request.url.path.startswith("/static/"):
            return None
        return None if self.limit.allows(self._caller(request)) else (429, "error_busy")

    def _caller(self, request: Request) -> str:
        secret = request.cookies.get(self.cookie)
        if secret is not None:
            return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
        return request.client.host if request.client is not None else ""


async def _body(receive: Receive, limit: int) -> bytes | None:
    """All of the request's body; None if it is longer than `limit`."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the caller hung up
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Receives the body that was read already, then whatever comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    """Sends with our headers; an answer that says nothing of caching is not to be kept."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sent
