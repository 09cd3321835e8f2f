import json
import socket
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from livecam.annotation.web.response import Response, html_page
from livecam.annotation.web.server import OnGet, PageServer, access_message
from livecam.core.errors import AnnotationError, UsageError
from livecam.web.middleware import MAX_JSON_BYTES
from tests.support.page_driver import enter, fetch


def on_get(path: str) -> Response | None:
    return {"": html_page("<p>hello</p>"), "a.jpg": Response("image/jpeg", b"\xff")}.get(path)


def on_post(verb: str, content: Any) -> Any:
    if verb == "refuse":
        raise UsageError("not like that")
    return {"verb": verb, "said": content["key"] if content else None}


@contextmanager
def serving(get: OnGet = on_get) -> Iterator[PageServer]:
    """Serve pages, with the cookie for `fetch`."""
    with PageServer(get, on_post) as server:
        assert enter(server.new_address()) == server.url
        yield server


def test_token_gives_access_to_page_and_images() -> None:
    with serving() as server:
        code, body, headers = fetch(server.url)
        assert (code, body) == (200, b"<p>hello</p>")
        assert headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert fetch(server.url + "a.jpg")[:2] == (200, b"\xff")
        assert fetch(server.url + "b.jpg")[0] == 404


def test_request_without_cookie_or_from_another_host_or_site_is_refused() -> None:
    with serving() as server:
        for path in ("", "a.jpg", "wrong/", "wrong/a.jpg", "../", "%2e%2e/", "open/wrong"):
            assert fetch(server.url + path, Cookie="")[0] == 403
        assert fetch(server.url + "keep", {"key": 1}, Cookie="")[0] == 403
        assert fetch(server.url, Host="evil.example:80")[0] == 403
        assert fetch(server.url + "keep", {"key": 1}, Host="evil.example")[0] == 403
        assert fetch(server.url + "keep", {"key": 1}, Origin="http://evil.example")[0] == 403
        assert fetch(server.url + "keep", {"key": 1}, Origin="")[0] == 403
        assert fetch(server.url + "keep", raw=b"{}", **{"Content-Type": "text/plain"})[0] == 415


def test_server_listens_on_loopback_only() -> None:
    with serving() as server:
        assert server.url == f"http://127.0.0.1:{server.port}/"
        for address in {
            info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        }:
            if not str(address).startswith("127."):
                with pytest.raises(OSError, match="refused"):
                    socket.create_connection((str(address), server.port), 2)


def test_address_opens_the_page_once_and_differs_between_servers() -> None:
    with PageServer(on_get, on_post) as one, PageServer(on_get, on_post) as two:
        address = one.new_address()
        assert address.rpartition("/")[2] != two.new_address().rpartition("/")[2]
        assert len(address.rpartition("/")[2]) > 20
        assert fetch(address)[0] == 200
        assert fetch(address)[0] == 403


def test_post_returns_the_result_or_the_error() -> None:
    with serving() as server:
        code, body, _ = fetch(server.url + "keep", {"key": 7})
        assert (code, json.loads(body)) == (200, {"verb": "keep", "said": 7})
        code, body, _ = fetch(server.url + "refuse", {"key": 7})
        assert (code, json.loads(body)) == (409, {"error": "not like that"})


def refuse_to_show(path: str) -> Response | None:
    if path:
        raise FileNotFoundError(2, "gone", path)
    raise AnnotationError("grün.json can't be read; mend it")


def test_get_error_is_one_line_with_its_reason() -> None:
    with serving(refuse_to_show) as server:
        code, body, headers = fetch(server.url)
        assert (code, body.decode()) == (500, "livecam: grün.json can't be read; mend it\n")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        code, body, _ = fetch(server.url + "a.jpg")
        assert (code, body.count(b"\n")) == (500, 1)
        assert b"a.jpg" in body


@pytest.mark.parametrize("raw", [b"{", b'{"other": 1}', b"[1]", b"\xff\xff"])
def test_invalid_json_is_a_bad_request(raw: bytes) -> None:
    with serving() as server:
        assert fetch(server.url + "keep", raw=raw)[0] == 400
        assert fetch(server.url)[0] == 200


def test_too_large_body_is_refused() -> None:
    with serving() as server:
        assert fetch(server.url + "keep", raw=b"[" + b"1," * MAX_JSON_BYTES + b"1]")[0] == 413


def test_wait_ends_with_done_only() -> None:
    with serving() as server:
        waiter = threading.Thread(target=server.wait, daemon=True)
        waiter.start()
        fetch(server.url + "keep", {"key": 1})
        waiter.join(0.4)
        assert waiter.is_alive()
        fetch(server.url + "done", {"key": 1})
        waiter.join(5)
        assert not waiter.is_alive()


def test_closed_server_refuses_connections() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(urllib.error.URLError):
        fetch(url)


def test_access_message_has_the_ssh_tunnel() -> None:
    with serving() as server:
        message = access_message(server, "look")
    assert f"{server.url}open/" in message
    assert f"ssh -L {server.port}:127.0.0.1:{server.port}" in message
