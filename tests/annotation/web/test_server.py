import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from livecam.annotation.web import server as desks
from livecam.annotation.web.server import LocalWebServer, Response, access_message, html_page, open_browser
from livecam.core.errors import AnnotationError, UsageError


def show(path: str) -> Response | None:
    return {"": html_page("<p>hello</p>"), "a.jpg": Response("image/jpeg", b"\xff")}.get(path)


def hear(verb: str, said: Any) -> Any:
    if verb == "refuse":
        raise UsageError("not like that")
    return {"verb": verb, "said": said["key"] if said else None}


def fetch(url: str, said: Any = None, raw: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    body = raw if raw is not None else None if said is None else json.dumps(said).encode()
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_who_knows_the_secret_gets_the_page_and_its_pictures() -> None:
    with LocalWebServer(show, hear) as desk:
        code, body, headers = fetch(desk.url)
        assert (code, body) == (200, b"<p>hello</p>")
        assert headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert fetch(desk.url + "a.jpg")[:2] == (200, b"\xff")
        assert fetch(desk.url + "b.jpg")[0] == 404


def test_nobody_else_gets_anything() -> None:
    with LocalWebServer(show, hear) as desk:
        top = f"http://127.0.0.1:{desk.port}/"
        for path in ("", "a.jpg", "wrong/", "wrong/a.jpg", desk._token, "../", "%2e%2e/"):
            assert fetch(top + path)[0] == 404
        assert fetch(top + "wrong/keep", {"key": 1})[0] == 404
        assert fetch(desk.url, Host="evil.example:80")[0] == 404
        assert fetch(desk.url + "keep", {"key": 1}, Host="evil.example")[0] == 404
        assert fetch(desk.url, Host="localhost:9999")[0] == 200


def test_only_this_machine_is_listened_to() -> None:
    with LocalWebServer(show, hear) as desk:
        assert desk._server.server_address[0] == "127.0.0.1"


def test_two_desks_have_two_secrets() -> None:
    with LocalWebServer(show, hear) as one, LocalWebServer(show, hear) as two:
        assert one._token != two._token
        assert len(one._token) > 20


def test_what_is_said_is_heard_and_what_is_refused_is_told() -> None:
    with LocalWebServer(show, hear) as desk:
        code, body, _ = fetch(desk.url + "keep", {"key": 7})
        assert (code, json.loads(body)) == (200, {"verb": "keep", "said": 7})
        code, body, _ = fetch(desk.url + "refuse", {"key": 7})
        assert (code, json.loads(body)) == (409, {"error": "not like that"})


def refuse_to_show(path: str) -> Response | None:
    if path:
        raise FileNotFoundError(2, "gone", path)
    raise AnnotationError("grün.json can't be read; mend it")


def test_what_can_t_be_shown_is_one_line_that_says_why() -> None:
    with LocalWebServer(refuse_to_show, hear) as desk:
        code, body, headers = fetch(desk.url)
        assert (code, body.decode()) == (500, "livecam: grün.json can't be read; mend it\n")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        code, body, _ = fetch(desk.url + "a.jpg")
        assert (code, body.count(b"\n")) == (500, 1)
        assert b"a.jpg" in body


@pytest.mark.parametrize("raw", [b"{", b'{"other": 1}', b"[1]", b"\xff\xff"])
def test_nonsense_is_answered_and_survived(raw: bytes) -> None:
    with LocalWebServer(show, hear) as desk:
        assert fetch(desk.url + "keep", raw=raw)[0] == 400
        assert fetch(desk.url)[0] == 200


def test_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "_MAX_BODY_BYTES", 10)
    with LocalWebServer(show, hear) as desk:
        assert fetch(desk.url + "keep", raw=b"[1,2,3,4,5,6,7,8]")[0] == 404


def test_waiting_ends_when_done_was_heard_and_not_before() -> None:
    with LocalWebServer(show, hear) as desk:
        waiter = threading.Thread(target=desk.wait, daemon=True)
        waiter.start()
        fetch(desk.url + "keep", {"key": 1})
        waiter.join(0.4)
        assert waiter.is_alive()
        fetch(desk.url + "done", {"key": 1})
        waiter.join(5)
        assert not waiter.is_alive()


def test_a_closed_desk_is_gone() -> None:
    with LocalWebServer(show, hear) as desk:
        url = desk.url
    with pytest.raises(urllib.error.URLError):
        fetch(url)


def test_the_invitation_works_from_afar() -> None:
    with LocalWebServer(show, hear) as desk:
        words = access_message(desk, "look")
    assert desk.url in words
    assert f"ssh -L {desk.port}:127.0.0.1:{desk.port}" in words


@pytest.mark.parametrize(
    ("environment", "opens"),
    [({"DISPLAY": ":0"}, True), ({}, False), ({"DISPLAY": ":10", "SSH_CONNECTION": "1"}, False)],
)
def test_a_browser_is_opened_only_where_somebody_sits(
    environment: dict[str, str], opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened = threading.Event()
    monkeypatch.setattr(desks.sys, "platform", "linux")
    monkeypatch.setattr(desks.webbrowser, "open", lambda url: opened.set())
    assert open_browser("http://127.0.0.1/") is opens
    assert opened.wait(2 if opens else 0.1) is opens
