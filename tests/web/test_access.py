"""Who may use a local page."""

import pytest

from livecam.web.access import Access, Refusal

PORT = 4321
OWN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def access() -> Access:
    return Access(PORT)


def headers(access: Access, **more: str) -> list[tuple[bytes, bytes]]:
    """Headers of a request of the page itself, changed by `more`; an empty value leaves one out."""
    cookie = access.cookie_header.partition(";")[0]
    given = {
        "host": f"127.0.0.1:{PORT}",
        "origin": OWN,
        "cookie": cookie,
        "content-type": "application/json",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return [(name.encode(), value.encode()) for name, value in given.items() if value]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_page_itself_is_allowed(access: Access, host: str) -> None:
    own = headers(access, host=f"{host}:{PORT}", origin=f"http://{host}:{PORT}")
    assert access.check("POST", "/api/pause", own) is None
    assert access.check("GET", "/live", own, websocket=True) is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1"}, 403),
        ({"host": "127.0.0.1:80"}, 403),
        ({"host": f"127.0.0.1.evil.example:{PORT}"}, 403),
        ({"host": ""}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"origin": f"http://localhost:{PORT}"}, 403),
        ({"origin": ""}, 403),
        ({"cookie": ""}, 403),
        ({"cookie": f"livecam-{PORT}=guess"}, 403),
        ({"cookie": "a=b; ;;=,"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"content_type": "text/command"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": ""}, 415),
        ({"content_type": "application/octet-stream"}, 415),
    ],
)
def test_foreign_change_is_refused(access: Access, change: dict[str, str], status: int) -> None:
    refusal = access.check("POST", "/api/pause", headers(access, **change))
    assert isinstance(refusal, Refusal)
    assert refusal.status == status


@pytest.mark.parametrize(
    "change", [{"origin": ""}, {"origin": "http://evil.example"}, {"cookie": ""}, {"host": "x"}]
)
def test_foreign_websocket_is_refused(access: Access, change: dict[str, str]) -> None:
    assert access.check("GET", "/live", headers(access, **change), websocket=True) is not None


def test_reading_needs_the_cookie_and_no_origin(access: Access) -> None:
    assert access.check("GET", "/", headers(access, origin="", content_type="")) is None
    assert access.check("GET", "/", headers(access, origin="", cookie="")) is not None
    assert access.check("GET", "/", headers(access, origin="http://evil.example")) is not None


def test_two_hosts_are_refused(access: Access) -> None:
    twice = [*headers(access), (b"host", b"evil.example")]
    assert access.check("GET", "/", twice) is not None


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(access: Access, method: str) -> None:
    refusal = access.check(method, "/", headers(access))
    assert refusal is not None
    assert refusal.status == 405


def test_upload_is_a_byte_stream(access: Access) -> None:
    stream = headers(access, content_type="application/octet-stream")
    assert access.check("PUT", "/api/uploads/1", stream) is None
    assert access.check("PUT", "/api/uploads/1", headers(access)) is not None


def test_token_opens_the_page_once(access: Access) -> None:
    token = access.new_address().rpartition("/")[2]
    assert not access.exchange(token[:-1])
    assert access.exchange(token)
    assert not access.exchange(token)


def test_old_tokens_are_forgotten(access: Access) -> None:
    first = access.new_address().rpartition("/")[2]
    for _ in range(40):
        access.new_address()
    assert not access.exchange(first)


def test_secrets_differ_between_servers() -> None:
    first, second = Access(PORT), Access(PORT)
    assert first.cookie_header != second.cookie_header
    assert first.command_secret != second.command_secret
    assert len(first.new_address().rpartition("/")[2]) >= 32


def test_cookie_is_hidden_from_scripts_and_other_sites(access: Access) -> None:
    assert "HttpOnly" in access.cookie_header
    assert "SameSite=Strict" in access.cookie_header


def test_second_command_needs_the_secret_and_is_no_browser(access: Access) -> None:
    command = {"origin": "", "cookie": ""}
    right = headers(access, authorization=f"Bearer {access.command_secret}", **command)
    assert access.check("POST", "/again", right) is None
    assert access.check("POST", "/again", headers(access, authorization="Bearer x", **command)) is not None
    assert access.check("POST", "/again", headers(access)) is not None
    in_browser = headers(access, authorization=f"Bearer {access.command_secret}")
    assert access.check("POST", "/again", in_browser) is not None
