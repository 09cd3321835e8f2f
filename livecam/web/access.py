"""Who may use a local page: one-time tokens, the cookie, and the checks of Host, Origin and content type.

A page on 127.0.0.1 can be reached by every program and by every website in the user's browser. So each
request has to prove that it comes from the page itself:

- the **host** must be the loopback address with the server's own port (against DNS rebinding);
- the **origin**, if there is one, must be the page itself; requests that change something must name it;
- a random **token** in the path is exchanged once for a **cookie** that scripts cannot read and that the
  browser sends to this page only; without the cookie every path is refused;
- what changes something must be declared as **JSON** (an upload as a byte stream): a foreign page cannot send
  these types without asking first, and the server never agrees.
"""

import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

Headers = Iterable[tuple[bytes, bytes]]

TOKEN_PATH = "/open/"
AGAIN_PATH = "/again"
UPLOAD_TYPE = "application/octet-stream"
JSON_TYPE = "application/json"
_MAX_TOKENS = 32
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_METHODS = frozenset({*_SAFE_METHODS, "POST", "PUT"})
_OWN_SITES = frozenset({"", "same-origin", "none"})


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the HTTP status, and a line for the user."""

    status: int
    reason: str


_NO_COOKIE = Refusal(403, "this page is closed: run `livecam panel` again and use the address that it prints")
_FOREIGN = Refusal(403, "another site may not use this page")


@dataclass
class Access:
    """Secrets of one server, and the rules that use them. Thread-safe.

    Attributes:
        port: TCP port of the server.
        command_secret: proves that a request comes from a livecam command of the same user.
    """

    port: int
    command_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _tokens: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host headers that are accepted."""
        return tuple(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    @property
    def cookie_header(self) -> str:
        """Value of the Set-Cookie header. Cookies are shared by all ports, so the port is in the name."""
        return f"{self._cookie_name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"

    @property
    def _cookie_name(self) -> str:
        return f"livecam-{self.port}"

    def new_address(self) -> str:
        """Return an address of the page with a new token, which opens the page once."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens = [*self._tokens, token][-_MAX_TOKENS:]
        return f"http://127.0.0.1:{self.port}{TOKEN_PATH}{token}"

    def exchange(self, token: str) -> bool:
        """Use a token up. Returns whether it was valid."""
        with self._lock:
            matching = [each for each in self._tokens if _same(each, token)]
            self._tokens = [each for each in self._tokens if each not in matching]
        return bool(matching)

    def check_host(self, headers: Headers) -> Refusal | None:
        """Refuse a request to another host name or port, or with several host names."""
        hosts = _values(headers, "host")
        return None if len(hosts) == 1 and hosts[0] in self.hosts else Refusal(403, "wrong host name")

    def check(self, method: str, path: str, headers: Headers, *, websocket: bool = False) -> Refusal | None:
        """Return why a request is refused; None if it is allowed.

        Args:
            method: HTTP method; ignored for a WebSocket.
            path: decoded path.
            headers: names in lower case, and values.
            websocket: the request opens a WebSocket.
        """
        headers = list(headers)
        if refusal := self.check_host(headers):
            return refusal
        if not websocket and method not in _METHODS:
            return Refusal(405, "no such method")
        changes = websocket or method not in _SAFE_METHODS
        if path == AGAIN_PATH and method == "POST":
            return self._check_command(headers)
        if refusal := self._check_origin(headers, required=changes):
            return refusal
        if not self._has_cookie(headers):
            return _NO_COOKIE
        return None if websocket else _check_type(method, headers)

    def _check_origin(self, headers: Headers, required: bool) -> Refusal | None:
        origins, hosts = _values(headers, "origin"), _values(headers, "host")
        if any(site not in _OWN_SITES for site in _values(headers, "sec-fetch-site")):
            return _FOREIGN
        if not origins:
            return _FOREIGN if required else None
        return None if origins == [f"http://{hosts[0]}"] else _FOREIGN

    def _check_command(self, headers: Headers) -> Refusal | None:
        # A browser always names an origin here.
        secret = "".join(_values(headers, "authorization")).removeprefix("Bearer ")
        if _values(headers, "origin") or not _same(secret, self.command_secret):
            return _FOREIGN
        return _check_type("POST", headers)

    def _has_cookie(self, headers: Headers) -> bool:
        for value in _values(headers, "cookie"):
            try:
                morsel = SimpleCookie(value).get(self._cookie_name)
            except CookieError:
                continue
            if morsel is not None and _same(morsel.value, self._cookie):
                return True
        return False


def _check_type(method: str, headers: Headers) -> Refusal | None:
    if method in _SAFE_METHODS:
        return None
    allowed = UPLOAD_TYPE if method == "PUT" else JSON_TYPE
    types = [value.partition(";")[0].strip().lower() for value in _values(headers, "content-type")]
    return None if types == [allowed] else Refusal(415, f"the content type must be {allowed}")


def _values(headers: Headers, name: str) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.decode("latin-1").lower() == name]


def _same(first: str, second: str) -> bool:
    return secrets.compare_digest(first.encode(), second.encode())
