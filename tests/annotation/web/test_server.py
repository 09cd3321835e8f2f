import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from livecam.annotation.web import server as server_module
from livecam.annotation.web.server import LocalWebServer, Response, access_message, html_page, open_browser
from livecam.core.errors import AnnotationError, UsageError


def on_get(path: str) -> Response | None:
    return {"": html_page("<p>hello</p>"), "a.jpg": Response("image/jpeg", b"\xff")}.get(path)


def on_post(verb: str, content: Any) -> Any:
    if verb == "refuse":
        raise UsageError("not like that")
    return {"verb": verb, "said": content["key"] if content else None}


def fetch(url: str, content: Any = None, raw: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    body = raw if raw is not None else None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_token_gives_access_to_page_and_images() -> None:
    with LocalWebServer(on_get, on_post) as server:
        code, body, headers = fetch(server.url)
        assert (code, body) == (200, b"<p>hello</p>")
        assert headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert fetch(server.url + "a.jpg")[:2] == (200, b"\xff")
        assert fetch(server.url + "b.jpg")[0] == 404


def test_wrong_token_or_host_is_not_found() -> None:
    with LocalWebServer(on_get, on_post) as server:
        top = f"http://127.0.0.1:{server.port}/"
        for path in ("", "a.jpg", "wrong/", "wrong/a.jpg", server._token, "../", "%2e%2e/"):
            assert fetch(top + path)[0] == 404
        assert fetch(top + "wrong/keep", {"key": 1})[0] == 404
        assert fetch(server.url, Host="evil.example:80")[0] == 404
        assert fetch(server.url + "keep", {"key": 1}, Host="evil.example")[0] == 404
        assert fetch(server.url, Host="localhost:9999")[0] == 200


def test_server_listens_on_loopback_only() -> None:
    with LocalWebServer(on_get, on_post) as server:
        assert server._server.server_address[0] == "127.0.0.1"


def test_two_servers_have_two_tokens() -> None:
    with LocalWebServer(on_get, on_post) as one, LocalWebServer(on_get, on_post) as two:
        assert one._token != two._token
        assert len(one._token) > 20


def test_post_returns_the_result_or_the_error() -> None:
    with LocalWebServer(on_get, on_post) as server:
        code, body, _ = fetch(server.url + "keep", {"key": 7})
        assert (code, json.loads(body)) == (200, {"verb": "keep", "said": 7})
        code, body, _ = fetch(server.url + "refuse", {"key": 7})
        assert (code, json.loads(body)) == (409, {"error": "not like that"})


def refuse_to_show(path: str) -> Response | None:
    if path:
        raise FileNotFoundError(2, "gone", path)
    raise AnnotationError("grün.json can't be read; mend it")


def test_get_error_is_one_line_with_its_reason() -> None:
    with LocalWebServer(refuse_to_show, on_post) as server:
        code, body, headers = fetch(server.url)
        assert (code, body.decode()) == (500, "livecam: grün.json can't be read; mend it\n")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        code, body, _ = fetch(server.url + "a.jpg")
        assert (code, body.count(b"\n")) == (500, 1)
        assert b"a.jpg" in body


@pytest.mark.parametrize("raw", [b"{", b'{"other": 1}', b"[1]", b"\xff\xff"])
def test_invalid_json_is_a_bad_request(raw: bytes) -> None:
    with LocalWebServer(on_get, on_post) as server:
        assert fetch(server.url + "keep", raw=raw)[0] == 400
        assert fetch(server.url)[0] == 200


def test_too_large_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_MAX_BODY_BYTES", 10)
    with LocalWebServer(on_get, on_post) as server:
        assert fetch(server.url + "keep", raw=b"[1,2,3,4,5,6,7,8]")[0] == 404


def test_wait_ends_with_done_only() -> None:
    with LocalWebServer(on_get, on_post) as server:
        waiter = threading.Thread(target=server.wait, daemon=True)
        waiter.start()
        fetch(server.url + "keep", {"key": 1})
        waiter.join(0.4)
        assert waiter.is_alive()
        fetch(server.url + "done", {"key": 1})
        waiter.join(5)
        assert not waiter.is_alive()


def test_closed_server_refuses_connections() -> None:
    with LocalWebServer(on_get, on_post) as server:
        url = server.url
    with pytest.raises(urllib.error.URLError):
        fetch(url)


def test_access_message_has_the_ssh_tunnel() -> None:
    with LocalWebServer(on_get, on_post) as server:
        message = access_message(server, "look")
    assert server.url in message
    assert f"ssh -L {server.port}:127.0.0.1:{server.port}" in message


@pytest.mark.parametrize(
    ("environment", "opens"),
    [({"DISPLAY": ":0"}, True), ({}, False), ({"DISPLAY": ":10", "SSH_CONNECTION": "1"}, False)],
)
def test_browser_is_opened_on_a_local_desktop_only(
    environment: dict[str, str], opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened = threading.Event()
    monkeypatch.setattr(server_module.sys, "platform", "linux")
    monkeypatch.setattr(server_module.webbrowser, "open", lambda url: opened.set())
    assert open_browser("http://127.0.0.1/") is opens
    assert opened.wait(2 if opens else 0.1) is opens
