"""The local web server with real requests."""

import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from livecam.core.errors import PageError
from livecam.web.middleware import MAX_JSON_BYTES
from livecam.web.server import LocalWebServer
from tests.support.panel_run import PanelClient


def application() -> Starlette:
    async def echo(request: Request) -> Response:
        return JSONResponse((await request.body()).decode(), headers={"cache-control": "public"})

    return Starlette(routes=[Route("/", echo), Route("/echo", echo, methods=["POST"])])


@pytest.fixture(scope="module")
def server() -> Iterator[LocalWebServer]:
    with LocalWebServer(application) as running:
        yield running


@pytest.fixture
def client(server: LocalWebServer) -> PanelClient:
    return PanelClient(server.access.new_address())


def test_page_gets_and_changes(client: PanelClient) -> None:
    assert client.get("/").status == 200
    assert client.post("/echo", {"a": 1}).json == '{"a": 1}'


@pytest.mark.parametrize("path", ["/", "/echo", "/nothing", "/open/guess", "/again"])
def test_every_answer_has_the_security_headers(client: PanelClient, path: str) -> None:
    for answer in (client.get(path), client.raw("GET", path)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers


def test_nothing_is_allowed_to_other_sites(client: PanelClient) -> None:
    for origin in ("http://evil.example", "null"):
        answer = client.post("/echo", origin=origin)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.raw("OPTIONS", "/echo", origin="http://evil.example").status == 405


def test_without_the_cookie_nothing_is_served(client: PanelClient) -> None:
    assert client.raw("GET", "/").status == 403
    assert client.raw("GET", "/open/").status == 403
    assert b"livecam panel" in client.raw("GET", "/").body


def test_wrong_host_is_refused_also_with_a_token(client: PanelClient, server: LocalWebServer) -> None:
    address = server.access.new_address()
    path = address[len(client.origin) :]
    assert client.raw("GET", path, host="evil.example").status == 403
    assert client.raw("GET", path).status == 200
    assert client.raw("GET", path).status == 403


def test_large_json_and_unknown_lengths_are_refused(client: PanelClient) -> None:
    assert client.post("/echo", "a" * MAX_JSON_BYTES).status == 413
    given = {"cookie": client.cookie, "origin": client.origin, "content_type": "application/json"}
    assert client.raw("POST", "/echo", iter([b"{}"]), **given).status == 411  # type: ignore[arg-type]


def test_server_listens_on_the_loopback_only(server: LocalWebServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 2):
        pass
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((str(address), server.port), 2)


def test_port_in_use_is_an_error_with_a_remedy(server: LocalWebServer) -> None:
    with pytest.raises(PageError, match="--port"), LocalWebServer(application, port=server.port):
        pass


def test_application_that_cannot_be_made_is_an_error() -> None:
    def broken() -> Starlette:
        raise ValueError("no page")

    with pytest.raises(PageError, match="no page"), LocalWebServer(broken):
        pass


def test_port_is_free_after_the_end() -> None:
    with LocalWebServer(application) as first:
        port = first.port
    with LocalWebServer(application, port=port) as second:
        assert second.port == port
