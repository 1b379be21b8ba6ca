"""What others may try: each test is one attack."""

import asyncio
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from prefgym.feedback.label.rate_limit import RateLimit
from prefgym.feedback.label.security import HEADERS, called_host, matches, same_origin
from prefgym.feedback.label.settings import LabelSettings
from prefgym.feedback.posted_query import PostedQuery

ORIGIN = "http://127.0.0.1:8765"
POSTS = ["/answer", "/undo", "/heartbeat", "/drive", "/join", "/language", "/sign-out", "/people"]
GETS = ["/label", "/dashboard", "/people", f"/clip/{'0' * 64}"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://[::1"},
        {"origin": "http://127.0.0.1:8765.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
    ],
)
def test_a_form_of_a_foreign_page_is_refused(app, stranger, headers):
    browser = stranger(app)
    assert {browser.post(path, {}, headers=headers).status_code for path in POSTS} == {403}


def test_a_foreign_page_cannot_answer_even_with_everything_else_right(desk, ann, pairs):
    pairs(1)
    fields = ann.form() | {"choice": "0"}
    assert ann.post("/answer", fields, {"origin": "http://evil.example"}).status_code == 403
    assert desk.store.events() == []
    assert ann.post("/answer", fields).status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "", "[::1", "10.0.0.7"]
)
def test_a_foreign_name_for_this_machine_is_refused(ann, host):
    assert ann.get("/label", headers={"host": host}).status_code == 400


def test_a_page_must_be_called_by_one_name():
    twice = Headers(raw=[(b"host", b"127.0.0.1"), (b"host", b"evil.example")])
    assert called_host(twice) == ""
    assert called_host(Headers({"host": "[::1]:8765"})) == "::1"


def test_addresses_and_named_proxies_may_be_called_off_this_machine(new_app, stranger):
    settings = LabelSettings(host="0.0.0.0", allowed_hosts=("label.example",), plain_http=True)
    browser = stranger(new_app(settings))
    found = {
        host: browser.get("/join", headers={"host": host}).status_code
        for host in ("10.0.0.7:8765", "label.example", "evil.example")
    }
    assert found == {"10.0.0.7:8765": 200, "label.example": 200, "evil.example": 400}


def test_a_form_without_its_token_is_refused(joined):
    admin = joined("Ann", role="admin")
    for fields in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": "0" * 64}):
        assert {admin.post(path, fields).status_code for path in POSTS} == {403}


def test_the_token_of_a_form_is_that_of_one_session_only(desk, ann, joined, stranger, app, pairs):
    pairs(2)
    fields = ann.form() | {"choice": "0"}
    bobs = joined("Bob").form()["csrf"]
    strangers = stranger(app).form("/join", "/join")["csrf"]
    for csrf in (bobs, strangers):
        assert ann.post("/answer", fields | {"csrf": csrf}).status_code == 403
    assert desk.store.events() == []


@pytest.mark.parametrize("path", GETS)
def test_a_stranger_sees_nothing(app, stranger, path):
    assert stranger(app).get(path).status_code == 401


@pytest.mark.parametrize("path", POSTS)
def test_a_stranger_does_nothing(app, desk, stranger, path, pairs):
    pairs(1)
    browser = stranger(app)
    csrf = browser.form("/join", "/join")["csrf"]
    reply = browser.post(path, {"csrf": csrf})
    assert reply.status_code in (401, 422) or path in ("/sign-out", "/language")
    assert desk.people.list() == []


def test_an_invitation_lets_one_person_in_once(app, desk, stranger):
    token = desk.people.invite("annotator", ttl_seconds=60.0)
    assert stranger(app).join(token, "Ann").status_code == 303
    assert stranger(app).join(token, "Bob").status_code == 422
    assert stranger(app).join(token, "Ann").status_code == 422


def test_an_expired_or_invented_invitation_lets_nobody_in(app, desk, stranger):
    expired = desk.people.invite("annotator", ttl_seconds=-1.0)
    for token in (expired, "x" * 43, "", "%00"):
        reply = stranger(app).join(token, "Ann")
        assert reply.status_code == 422
        assert "set-cookie" not in reply.headers
    assert desk.people.list() == []


def test_looking_at_an_invitation_does_not_use_it_up(app, desk, stranger):
    token = desk.people.invite("annotator", ttl_seconds=60.0)
    for _ in range(3):
        assert stranger(app).get(f"/join?token={token}").status_code == 200
    assert stranger(app).join(token, "Ann").status_code == 303


def test_a_name_is_one_persons_alone(app, ann, desk, stranger):
    assert ann.get("/label").status_code == 200
    token = desk.people.invite("annotator", ttl_seconds=60.0)
    reply = stranger(app).join(token, " Ann ")
    assert (reply.status_code, "already has this name" in reply.text) == (422, True)
    for name in ("", " ", "a" * 41, "a\nb\x07"):
        assert stranger(app).join(token, name).status_code == 422
    assert stranger(app).join(token, "Bob").status_code == 303


def test_a_session_ends_when_its_time_is_over_or_the_person_leaves(desk, ann, joined):
    late, bob = joined("Late"), joined("Bob")
    with desk.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE tokens SET expires_at = 1 WHERE person = 'Late'")
    assert late.get("/label").status_code == 401
    cookie = dict(bob.client.cookies)
    assert bob.post("/sign-out", bob.form("/sign-out")).status_code == 303
    for name, value in cookie.items():
        bob.client.cookies.set(name, value)
    assert bob.get("/label").status_code == 401
    assert ann.get("/label").status_code == 200


def test_an_annotator_sees_no_admin_page_and_invites_nobody(ann, desk):
    assert ann.get("/people").status_code == 403
    csrf = ann.form("/sign-out")["csrf"]
    assert ann.post("/people", {"csrf": csrf, "role": "admin"}).status_code == 403
    assert len(desk.people.invitations()) == 1


def test_an_annotator_sees_own_figures_only(ann, joined, desk, segments):
    query = PostedQuery(
        "gold", "comparison", tuple(segments[:2]), overlap=2, gold={"preference": 1.0}
    )
    desk.queue.post([query])
    bob, admin = joined("Bob"), joined("Carol", role="admin")
    for browser in (ann, bob):
        browser.answer(choice="0")
    page, all_of_it = ann.get("/dashboard").text, admin.get("/dashboard").text
    assert "Bob" in all_of_it
    assert "Bob" not in page
    assert "Ann" in page


def test_cookies_are_for_this_page_alone(app, desk, stranger):
    browser = stranger(app)
    token = desk.people.invite("annotator", ttl_seconds=60.0)
    reply = browser.join(token, "Ann")
    flags = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert "secure" not in flags


@pytest.mark.parametrize(("plain_http", "secure"), [(False, True), (True, False)])
def test_cookies_travel_by_tls_only_beyond_this_machine(new_app, stranger, plain_http, secure):
    settings = LabelSettings(host="0.0.0.0", invite=1, plain_http=plain_http)
    reply = stranger(new_app(settings)).get("/join", headers={"host": "10.0.0.7"})
    assert ("; secure" in reply.headers["set-cookie"].lower()) == secure


@pytest.mark.parametrize(
    "path", ["/label", "/join", "/static/theme.js", "/nowhere", "/static/nowhere", "/people"]
)
def test_every_answer_carries_the_headers(ann, path):
    reply = ann.get(path)
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in reply.headers


def test_an_error_page_is_one_of_the_person_who_sees_it(app, ann, stranger):
    assert "Signed in as Ann" in ann.get("/nowhere").text
    browser = stranger(app)
    page = browser.get("/nowhere")
    assert (page.status_code, "Signed in" in page.text) == (404, False)
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    fields = {"csrf": csrf, "language": "zh", "path": "/join"}
    assert browser.post("/language", fields).status_code == 303
    assert 'lang="zh-CN"' in browser.get("/join").text


def test_even_a_refusal_carries_the_headers(ann):
    for reply in (
        ann.get("/label", headers={"host": "evil.example"}),
        ann.post("/answer", {"a": "b" * 100_000}),
        ann.client.request("TRACE", "/label"),
    ):
        assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS
        assert 400 <= reply.status_code < 500


def test_pages_are_not_kept_and_load_nothing_from_elsewhere(ann, pairs):
    pairs(1)
    reply = ann.get("/label")
    assert reply.headers["cache-control"] == "no-store"
    assert "http://" not in reply.text.replace("http://www.w3.org", "")
    assert "https://" not in reply.text
    assert " onclick" not in reply.text
    assert " style=" not in reply.text


TRAVERSALS = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fetc%252fpasswd", "....//....//etc/passwd", "/etc/passwd", "%00",
    "label.css%00.png", "..%5c..%5cetc", "%c0%ae%c0%ae/", "app.py", "../app.py", "..%2fapp.py",
    "../settings.py", "templates/label.html.j2", "../templates/label.html.j2", "~root", "a" * 9999,
    f"{'0' * 64}/../..", f"{'0' * 64}%00", f"{'0' * 63}G", f"{'A' * 64}", "", ".", "..",
]  # fmt: skip


@pytest.mark.parametrize("folder", ["/clip/", "/static/"])
def test_no_name_leads_out_of_a_folder(ann, folder):
    for name in TRAVERSALS:
        reply = ann.get(folder + name)
        assert reply.status_code in (303, 307, 404, 405), name
        for inside in ("root:", "create_app", "{%"):
            assert inside not in reply.text


def test_a_clip_opens_to_whom_it_was_shown(desk, ann, joined, segments, pairs):
    for name in segments[:2]:
        desk.store.add_clip(name, "image/png", b"\x89PNG of " + name.encode())
    pairs(1, overlap=2)
    page = ann.get("/label").text
    addresses = [part.split('"')[0] for part in page.split('src="')[1:] if part[:6] == "/clip/"]
    assert len(addresses) == 2
    reply = ann.get(addresses[0])
    assert reply.content == b"\x89PNG of " + addresses[0][6:70].encode()
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"
    bob = joined("Bob")
    assert bob.get(addresses[0]).status_code == 404
    assert ann.get(f"/clip/{segments[3]}").status_code == 404
    assert ann.get(f"/clip/{segments[3]}?key={'0' * 64}").status_code == 404
    assert ann.get(addresses[0].replace(addresses[0][6:70], segments[3])).status_code == 404


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/javascript"])
def test_a_stored_clip_is_never_a_page(desk, ann, segments, pairs, media_type):
    with pytest.raises(ValueError, match="media type"):
        desk.store.add_clip(segments[0], media_type, b"<script>alert(1)</script>")
    desk.store.add_clip(segments[0], "image/png", b"<script>alert(1)</script>")
    with desk.store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE clips SET media_type = '{media_type}'")
    pairs(1)
    page = ann.get("/label").text
    assert "/clip/" not in page
    visit = desk.visit(_request(desk, ann))
    assert ann.get(visit.clip_address(segments[0])).status_code == 404


def _request(desk, browser):
    from starlette.requests import Request

    cookie = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    scope = {"type": "http", "headers": [(b"cookie", cookie.encode())], "client": None}
    return Request(scope)


def test_ten_thousand_ranges_are_answered_at_once(desk, ann, segments):
    desk.store.add_clip(segments[0], "video/webm", b"x" * 100_000)
    address = desk.visit(_request(desk, ann)).clip_address(segments[0])
    ranges = "bytes=" + ",".join(f"{i}-{i}" for i in range(10_000))
    for path in (address, "/static/theme.js"):
        begin = time.perf_counter()
        reply = ann.get(path, headers={"range": ranges})
        assert time.perf_counter() - begin < 0.5
        assert reply.status_code in (200, 400, 416)


def test_a_database_that_fails_is_told_without_a_word_about_it(desk, ann, pairs, caplog):
    pairs(1)
    fields = ann.form() | {"choice": "0"}
    with desk.store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE events RENAME TO gone")
    reply = ann.post("/answer", fields)
    assert (reply.status_code, "try again" in reply.text) == (503, True)
    assert "no such table" not in reply.text
    assert "no such table" in caplog.text
    with desk.store.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO events")
    assert ann.post("/answer", fields).status_code == 303


def test_a_mistake_of_ours_is_told_without_a_word_about_it(desk, ann, segments, pairs):
    pairs(1)
    with desk.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE segments SET payload = x'00'")
    reply = ann.get("/label")
    assert reply.status_code == 500
    assert "zlib" not in reply.text
    assert {name: reply.headers.get(name) for name in HEADERS} == HEADERS


def test_a_form_that_never_arrives_is_not_waited_for(app, desk, monkeypatch):
    monkeypatch.setattr("prefgym.feedback.label.security.BODY_SECONDS", 0.05)
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1")]
    scope = {"type": "http", "method": "POST", "path": "/answer", "headers": headers, "app": app}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    asyncio.run(
        app({**scope, "scheme": "http", "http_version": "1.1", "root_path": ""}, receive, send)
    )
    assert sent[0]["status"] == 408


def chunks(count):
    for _ in range(count):
        yield b"a" * 1000


def test_too_long_a_form_is_refused(ann, pairs):
    pairs(1)
    fields = ann.form()
    assert ann.post("/answer", fields | {"x": "a" * 70_000}).status_code == 413
    headers = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    chunked = ann.client.post("/answer", content=chunks(1000), headers=headers)
    assert chunked.status_code == 413
    for length in ("-1", "1e3", "9" * 30):
        reply = ann.client.post(
            "/answer", content=b"a", headers=headers | {"content-length": length}
        )
        assert reply.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"&".join(b"a%d=1" % i for i in range(5000)), "application/x-www-form-urlencoded"),
        (b"{" * 1000, "application/json"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"csrf=%00&a=%ED%A0%80", "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"", ""),
    ],
)
def test_what_is_no_form_is_refused_without_a_fault(ann, content, kind):
    headers = {"origin": ORIGIN, "content-type": kind}
    for path in POSTS:
        reply = ann.client.post(path, content=content, headers=headers)
        assert 400 <= reply.status_code < 500


XSS = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</script><script>x</script>",
    "';alert(1)//", "{{ 7777*7777 }}", "{% raw %}", "javascript:alert(1)", "<svg/onload=alert(1)>",
]  # fmt: skip


@pytest.mark.parametrize("markup", XSS)
def test_stored_markup_is_shown_as_text(desk, joined, segments, markup):
    query = PostedQuery("q", "rating", (segments[0],), criteria=(markup, "b"), overlap=2)
    desk.queue.post([query])
    admin = joined(markup[:40], role="admin")
    for path in ("/label", "/dashboard", "/people"):
        page = admin.get(path).text
        for tag in ("<script>alert", "<img src=x", "<svg/onload", "<script>x"):
            assert tag not in page
        assert "60481729" not in page
    fields = admin.form() | {"choice": "", f"rating_{markup}": "3", "rating_b": "1"}
    assert admin.post("/answer", fields).status_code == 303
    assert desk.store.events()[0].answer == {markup: 3, "b": 1}


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/x?token=a&b",
        "",
        "/label\r\nx: y",
    ],
)
def test_a_change_of_language_leads_nowhere_else(ann, path):
    fields = {"csrf": ann.form("/sign-out")["csrf"], "language": "zh", "path": path}
    assert ann.post("/language", fields).status_code == 422


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/.env", "/feedback.sqlite"])
def test_there_is_nothing_else_to_see(ann, path):
    assert ann.get(path).status_code == 404


def test_one_caller_cannot_keep_the_server_busy(new_app, new_browser):
    app = new_app(LabelSettings(requests_per_second=0.001, burst=10))
    ann, bob = new_browser(app, "Ann"), new_browser(app, "Bob")
    replies = [ann.get("/label").status_code for _ in range(20)]
    assert replies == [200] * 10 + [429] * 10
    assert bob.get("/label").status_code == 200
    assert ann.get("/static/theme.js").status_code == 200


def test_a_stranger_who_keeps_guessing_is_slowed_down(app, stranger):
    browser = stranger(app, "10.1.1.1")
    replies = []
    for number in range(80):
        browser.client.cookies.clear()
        cookie = {"cookie": f"{app.state.desk.session_cookie}=guess{number}"}
        replies.append(browser.get("/label", headers=cookie).status_code)
    assert replies[:60] == [401] * 60
    assert 429 in replies
    assert browser.get("/nowhere").status_code == 429
    assert stranger(app, "10.1.1.2").get("/label").status_code == 401


@given(st.lists(st.floats(0.0, 3.0), max_size=60))
def test_a_bucket_lets_no_more_through_than_it_says(waits):
    now = [0.0]
    limit = RateLimit(2.0, 5, clock=lambda: now[0])
    passed = 0
    for wait in waits:
        now[0] += wait
        passed += limit.allows("ann")
    assert passed <= 5 + 2.0 * now[0]
    assert passed >= min(len(waits), 5)


def test_many_callers_do_not_fill_the_memory():
    limit = RateLimit(1.0, 1, clock=lambda: 0.0)
    for number in range(10_500):
        assert limit.allows(str(number))
    assert len(limit._buckets) == 10_000
    assert not limit.allows("10499")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "label.example"])
def test_the_network_is_not_let_in_without_invitations(host):
    with pytest.raises(ValueError, match="invitation"):
        LabelSettings(host=host).require_invitations(0)
    with pytest.raises(ValueError, match="certificate"):
        LabelSettings(host=host, invite=2).require_invitations(0)
    LabelSettings(host=host, invite=2, plain_http=True).require_invitations(0)
    with pytest.raises(ValueError, match="certificate"):
        LabelSettings(host=host).require_invitations(3)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_no_invitations(host):
    LabelSettings(host=host).require_invitations(0)


def test_nothing_secret_is_logged(desk, app, stranger, pairs, caplog):
    caplog.set_level(logging.DEBUG)
    pairs(2)
    token = desk.people.invite("admin", ttl_seconds=60.0)
    browser = stranger(app)
    browser.join(token, "Ann")
    fields = browser.form()
    browser.post("/answer", fields | {"choice": "0"})
    browser.post("/answer", fields | {"choice": "0"}, {"origin": "http://evil.example"})
    browser.get(f"/join?token={token}", headers={"host": "evil.example"})
    invited = browser.post("/people", {"csrf": fields["csrf"], "role": "annotator"}).text
    link = invited.split("join?token=")[1].split('"')[0]
    secrets = [token, link, fields["csrf"], fields["token"], *browser.client.cookies.values()]
    told = [r.getMessage() for r in caplog.records if not r.name.startswith("httpx")]
    assert any("error_forbidden" in line for line in told)
    assert [secret for secret in secrets if secret in "\n".join(told)] == []


def test_a_log_line_cannot_be_forged(ann, caplog):
    ann.get("/label%0aERROR:root:all is lost", headers={"host": "evil.example"})
    told = [r.getMessage() for r in caplog.records if r.name == "prefgym.label"]
    assert len(told) == 1
    assert "\n" not in told[0]


@given(st.text(), st.text())
def test_only_the_token_itself_matches(expected, given_token):
    try:
        expected.encode()
    except UnicodeEncodeError:
        return
    assert matches(expected, given_token) == (expected == given_token)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"origin": ORIGIN}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "https://127.0.0.1:8765"}, True),
        ({"origin": "http://127.0.0.1"}, False),
    ],
)
def test_a_page_of_ours_is_known_by_its_origin(headers, ours):
    assert same_origin(Headers({"host": "127.0.0.1:8765", **headers})) == ours
