"""Local web server for pages in the user's browser: 127.0.0.1 only, under a secret path."""

import json
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from livecam.core.errors import AnnotationError, LivecamError

_MAX_BODY_BYTES = 4 << 20
_ALLOWED_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

OnGet = Callable[[str], "Response | None"]
OnPost = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Response:
    """Content of a path."""

    content_type: str
    body: bytes


_NOT_FOUND = Response("text/plain", b"nothing here")


def html_page(text: str) -> Response:
    """Return a response with HTML."""
    return Response("text/html; charset=utf-8", text.encode())


class LocalWebServer:
    """Serves pages and receives JSON until the page posts ``done``. A context manager.

    Attributes:
        port: the TCP port.
        url: address of the page with the secret token; without the token every path is 404.
    """

    url: str

    def __init__(self, on_get: OnGet, on_post: OnPost) -> None:
        """Create a server; `with` starts it.

        Args:
            on_get: returns the content of a path, ``""`` for the page itself; None for 404. A LivecamError or
                OSError becomes a 500 response with its message. Called from several threads.
            on_post: receives a path and a JSON value, and returns a JSON value. The text of a LivecamError is
                sent to the page. Called by one thread at a time. After a path that ends with ``done``, `wait`
                returns.
        """
        self._token = secrets.token_urlsafe(18)
        self._on_get, self._on_post = on_get, on_post
        self._lock = threading.Lock()
        self._done = threading.Event()

    def __enter__(self) -> "LocalWebServer":
        """Listen on a free port.

        Raises:
            AnnotationError: no port can be opened.
        """
        try:
            self._server = _Server(("127.0.0.1", 0), self._handler())
        except OSError as error:
            raise AnnotationError(
                f"can't open a page on this machine ({error}); allow local ports"
            ) from error
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/{self._token}/"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> None:
        """Wait until the page has posted ``done``, or Ctrl-C."""
        # With a timeout, because Ctrl-C can't interrupt an endless wait on Windows.
        while not self._done.wait(0.2):
            pass

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = server._authorized_path(self.path, self.headers)
                _send(self, *((404, _NOT_FOUND) if path is None else server._get(path)))

            def do_POST(self) -> None:
                path = server._authorized_path(self.path, self.headers)
                length = self.headers.get("Content-Length", "")
                if path is None or not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
                    _send(self, 404, _NOT_FOUND)
                    return
                code, value = server._post(path, self.rfile.read(int(length)))
                _send(self, code, Response("application/json", json.dumps(value).encode()))
                if path.rpartition("/")[2] == "done" and code == 200:
                    server._done.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name in the base class
                """Log nothing: requests are no news for the user."""

        return Handler

    def _authorized_path(self, path: str, headers: Message) -> str | None:
        """Return the path below the token; None without the right token and host."""
        # The Host header is checked against DNS rebinding: another site's name that resolves to 127.0.0.1.
        host = (headers.get("Host") or "").rpartition(":")[0] or headers.get("Host")
        _, token, *rest = path.partition("?")[0].split("/") if path.startswith("/") else ("", "")
        authorized = secrets.compare_digest(token.encode(), self._token.encode())
        return "/".join(rest) if authorized and rest and host in _ALLOWED_HOSTS else None

    def _get(self, path: str) -> tuple[int, Response]:
        try:
            content = self._on_get(path)
        except (LivecamError, OSError) as error:
            return 500, Response("text/plain; charset=utf-8", f"livecam: {error}\n".encode())
        return (404, _NOT_FOUND) if content is None else (200, content)

    def _post(self, path: str, body: bytes) -> tuple[int, Any]:
        try:
            with self._lock:
                return 200, self._on_post(path, json.loads(body or b"null"))
        except LivecamError as error:
            return 409, {"error": str(error)}
        except (ValueError, TypeError, KeyError, AttributeError):
            return 400, {"error": "that could not be understood; load the page again"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A browser may keep its connection open for minutes.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of a connection: the browser may close it at any time."""


def _send(handler: BaseHTTPRequestHandler, code: int, content: Response) -> None:
    handler.send_response(code)
    for name, value in (
        ("Content-Type", content.content_type),
        ("Content-Length", str(len(content.body))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content.body)


def open_browser(url: str) -> bool:
    """Open an address in the browser of this desktop.

    Returns:
        False without a desktop, or over SSH: a text browser would take over the terminal.
    """
    has_desktop = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if not has_desktop or os.environ.get("SSH_CONNECTION"):
        return False
    # In a thread, because some browsers return only when they are closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return True


def access_message(server: LocalWebServer, action: str) -> str:
    """Return the line with the page's address, and the SSH tunnel from another machine."""
    return (
        f"{action}: {server.url} (from another machine first: "
        f"ssh -L {server.port}:127.0.0.1:{server.port} THIS_MACHINE)"
    )
