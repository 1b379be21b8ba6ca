"""The page on a port: links, other ports, signals."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from prefgym.feedback.label.serve import listen, open_page, serving
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.people import People
from prefgym.feedback.store import FeedbackStore

ANY_PORT = LabelSettings(port=0)


@pytest.fixture
def opened(tmp_path):
    """Opens pages over one store and lets go of them."""
    pages = []

    def open_one(settings=ANY_PORT):
        page = open_page(tmp_path / "feedback.sqlite", settings)
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        page.close()


def token_of(link):
    return parse_qs(urlsplit(link).query)["token"][0]


def test_the_link_lets_the_person_at_this_machine_in_as_admin(opened, stranger, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "me & mine")
    page = opened()
    link = urlsplit(page.link)
    assert (link.hostname, link.port) == ("127.0.0.1", page.listener.getsockname()[1])
    browser = stranger(page.app)
    fields = browser.form("/join", f"/join?token={token_of(page.link)}")
    assert fields["name"] == "me & mine"
    assert browser.post("/join", fields).status_code == 303
    assert browser.get("/people").status_code == 200


def test_who_comes_back_is_known_again(opened, stranger, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    stranger(opened().app).join(token_of(opened().link), "Ann")
    page = opened()
    fields = stranger(page.app).form("/join", f"/join?token={token_of(page.link)}")
    assert fields["name"] == "Ann"
    assert stranger(page.app).join(token_of(page.link), "Ann").status_code == 303


def test_nobody_needs_to_be_logged_in_at_this_machine(opened, monkeypatch):
    def nobody():
        raise OSError("no username set in the environment")

    monkeypatch.setattr("getpass.getuser", nobody)
    page = opened()
    assert page.desk.suggestions[token_of(page.link)] == "me"


def test_others_are_invited(opened, stranger):
    page = opened(replace(ANY_PORT, invite=2))
    assert len(set(page.invitations)) == 2
    for number, link in enumerate(page.invitations):
        browser = stranger(page.app)
        assert browser.join(token_of(link), f"guest {number}").status_code == 303
        assert browser.get("/people").status_code == 403


@pytest.mark.parametrize(
    ("settings", "begin"),
    [
        ({"host": "0.0.0.0", "plain_http": True}, "http://"),
        ({"allowed_hosts": ("label.example",)}, "https://label.example/join"),
        ({"host": "0.0.0.0", "plain_http": True, "allowed_hosts": ("x.example",)}, "http://x.ex"),
    ],
)
def test_invitations_name_the_page_as_others_see_it(opened, settings, begin):
    page = opened(replace(ANY_PORT, invite=1, **settings))
    assert page.link.startswith("http://127.0.0.1:")
    assert page.invitations[0].startswith(begin)
    assert "0.0.0.0" not in page.invitations[0]


def test_the_network_is_not_let_in_by_accident(tmp_path):
    path = tmp_path / "feedback.sqlite"
    with pytest.raises(ValueError, match="invitation"):
        open_page(path, LabelSettings(host="0.0.0.0", port=0))
    with FeedbackStore(path) as store:
        assert People(store).invitations() == []


def test_another_port_is_taken_where_one_is_in_use():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert second.getsockname()[1] != port
            # with Nagle's algorithm every page would be 40 ms late: asyncio asks for the protocol
            assert second.proto == socket.IPPROTO_TCP


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1, port 8765"):
        listen("192.0.2.1", 8765)


def start(path, *words):
    """`prefgym label` as a process, and its link."""
    command = [sys.executable, "-m", "prefgym.agents", "label", str(path), "--port", "0", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    line = process.stdout.readline()
    assert "Label here" in line, process.communicate()
    return process, urlsplit(line.split()[-1])


def get(link, connection):
    with closing(connection):
        connection.request("GET", f"{link.path}?{link.query}")
        reply = connection.getresponse()
        reply.read()
        return reply


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_server_and_all_is_stored(tmp_path, number):
    path = tmp_path / "feedback.sqlite"
    FeedbackStore(path).close()
    process, link = start(path, "--no-browser")
    with closing(http.client.HTTPConnection("127.0.0.1", link.port, timeout=10)) as kept:
        kept.request("GET", f"{link.path}?{link.query}")
        assert kept.getresponse().read()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Stopped; every answer is stored." in out
    assert "Traceback" not in err
    assert token_of(link.geturl()) not in out + err


def test_a_certificate_is_used(tmp_path, opened):
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    paths = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
    try:
        subprocess.run([*openssl, *paths], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    words = ["--certificate", str(certificate), "--certificate-key", str(key), "--no-browser"]
    path = tmp_path / "other.sqlite"
    FeedbackStore(path).close()
    process, link = start(path, *words)
    assert link.scheme == "https"
    context = ssl._create_unverified_context()
    own = http.client.HTTPSConnection("127.0.0.1", link.port, timeout=10, context=context)
    assert get(link, own).status == 200
    process.terminate()
    process.communicate(timeout=20)


def test_the_page_can_be_served_from_a_thread(opened):
    with serving(opened(), ANY_PORT) as page:
        port = page.listener.getsockname()[1]
        own = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        assert get(urlsplit(page.link), own).status == 200
    with pytest.raises(ConnectionRefusedError):
        get(urlsplit(page.link), http.client.HTTPConnection("127.0.0.1", port, timeout=10))
