"""The page on a port of this machine, with links by which people get in."""

import errno
import getpass
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from prefgym.feedback.label.app import create_app
from prefgym.feedback.label.desk import Desk
from prefgym.feedback.label.invitations import INVITATION_SECONDS
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.people import People

ADMIN_LINK_SECONDS = 3600.0
_GRACE, _KEPT = 3, 75  # [s] that open requests have at the end, and idle connections always
_STOPS = (signal.SIGINT, signal.SIGTERM)
_WILDCARDS = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that is about to be served.

    Args:
        app: the application.
        listener: where it listens; requests that come before `run` wait.
        link: lets the person at this machine in, once.
        invitations: each lets one person more in, once.
    """

    app: FastAPI
    listener: socket.socket
    link: str
    invitations: tuple[str, ...]

    @property
    def desk(self) -> Desk:
        """What the application works with."""
        desk: Desk = self.app.state.desk
        return desk

    def close(self) -> None:
        """Let go of the port and of the store."""
        self.listener.close()
        self.desk.store.close()


def serve(
    store_url: str | Path,
    settings: LabelSettings,
    *,
    open_browser: bool,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        store_url: the store.
        settings: how to serve it.
        open_browser: whether to show the page to the person at this machine.
        say: tells that person the links.

    Raises:
        ValueError: if that would open the page to the network by accident, or there is no store.
        OSError: if the store cannot be opened or the address not be listened on.
    """
    opened = open_page(store_url, settings)
    say(f"Label here: {opened.link}")
    for number, link in enumerate(opened.invitations, 1):
        say(f"Invitation {number}: {link}")
    total = opened.desk.queue.progress().total
    asked = f"{total:,} questions so far" if total else "nothing is asked yet, the page waits"
    say(f"Each link lets one person in. {asked[0].upper()}{asked[1:]}. Ctrl-C stops the page.")
    if open_browser and _has_display():
        # in a thread of its own: some browsers come back only when they are closed
        threading.Thread(target=webbrowser.open, args=(opened.link,), daemon=True).start()
    run(opened, settings)
    say("Stopped; every answer is stored.")


def open_page(store_url: str | Path, settings: LabelSettings) -> Opened:
    """Open the store and the port, and invite whoever is at this machine.

    Raises:
        ValueError: if that would open the page to the network by accident, or there is no store.
        OSError: if the store cannot be opened or the address not be listened on.
    """
    app = create_app(store_url, settings=settings)
    desk: Desk = app.state.desk
    try:
        settings.require_invitations(len(desk.people.list()))
        listener = listen(settings.host, settings.port)
        port = listener.getsockname()[1]
        link = f"{_base(settings, port, nearby=True)}/join?token={_invite_owner(desk)}"
        base = _base(settings, port, nearby=False)
        invitations = tuple(
            f"{base}/join?token=" + desk.people.invite("annotator", ttl_seconds=INVITATION_SECONDS)
            for _ in range(settings.invite)
        )
    except BaseException:
        desk.store.close()
        raise
    return Opened(app, listener, link, invitations)


def run(opened: Opened, settings: LabelSettings) -> None:
    """Serve an opened page until Ctrl-C or SIGTERM; the store is closed when it returns."""
    # uvicorn stops by itself and then passes the signal on, to whom we leave nothing to do.
    before = {number: signal.signal(number, _ignore) for number in _STOPS}
    try:
        _server(opened, settings).run(sockets=[opened.listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        opened.close()


@contextmanager
def serving(opened: Opened, settings: LabelSettings) -> Iterator[Opened]:
    """Serve an opened page from a thread, for as long as the block is in progress."""
    server = _server(opened, settings)
    thread = threading.Thread(target=server.run, args=([opened.listener],), daemon=True)
    thread.start()
    try:
        yield opened
    finally:
        server.should_exit = True
        thread.join()
        opened.close()


def _server(opened: Opened, settings: LabelSettings) -> uvicorn.Server:
    config = uvicorn.Config(
        opened.app,
        access_log=False,  # addresses hold tokens
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=_KEPT,  # longer than people look at a question
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.certificate_key,
    )
    return uvicorn.Server(config)


def _ignore(number: int, frame: object) -> None:
    """Do nothing."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, or on a free port where that one is taken.

    Raises:
        OSError: if the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off where the protocol is named; with it, every page would
    # wait 40 ms for the browser to acknowledge its headers
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
            listener.bind((host, 0))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _invite_owner(desk: Desk) -> str:
    """An invitation for the person at this machine, who may have been here before."""
    name = _owner(desk.people)
    known = name in [person.name for person in desk.people.list()]
    token = desk.people.invite(
        "admin", ttl_seconds=ADMIN_LINK_SECONDS, name=name if known else None
    )
    desk.suggestions[token] = name
    return token


def _owner(people: People) -> str:
    """Whom to take the person at this machine for: the one admin, or whoever is logged in."""
    admins = [person.name for person in people.list() if person.role == "admin"]
    if len(admins) == 1:
        return admins[0]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # nobody is logged in, as in some containers
        return "me"


def _base(settings: LabelSettings, port: int, *, nearby: bool) -> str:
    """The address of the page for the person at this machine, or for others."""
    scheme = "http" if settings.certificate is None else "https"
    host = settings.host
    if not nearby and settings.allowed_hosts:
        # loopback with a name of its own: a proxy with TLS stands before it
        name = settings.allowed_hosts[0]
        return f"https://{name}" if settings.local else f"{scheme}://{name}:{port}"
    if host in _WILDCARDS:
        host = "127.0.0.1" if nearby else _own_address()
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _own_address() -> str:
    """The address of this machine in its network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; an address kept for documentation
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _has_display() -> bool:
    """Whether a browser would open a window; without one, some take over the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
