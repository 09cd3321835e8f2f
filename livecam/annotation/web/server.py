"""A page for the browser of this machine and nobody else: a small server on 127.0.0.1 with a secret path."""

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

_MOST_BYTES = 4 << 20
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Show = Callable[[str], "Response | None"]
Hear = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Response:
    """What a path holds."""

    kind: str
    body: bytes


_NOTHING = Response("text/plain", b"nothing here")


def page(text: str) -> Response:
    """A page of HTML."""
    return Response("text/html; charset=utf-8", text.encode())


class LocalWebServer:
    """Shows pages and hears what is done on them, until that ends it.

    Attributes:
        url: where it is: only who knows it gets anything.
    """

    url: str

    def __init__(self, on_get: Show, on_post: Hear) -> None:
        """Prepare; `with` opens it.

        Args:
            show: gives what is at a path, ``""`` for the page itself; None if nothing is. Its LivecamErrors
                are shown instead.
            hear: gets a verb and plain JSON, and gives plain JSON back; its LivecamErrors are told to the
                page. It is called by one thread at a time. After the verb ``done`` the desk is closed.
        """
        self._token = secrets.token_urlsafe(18)
        self._show, self._hear = on_get, on_post
        self._lock = threading.Lock()
        self._done = threading.Event()

    def __enter__(self) -> "LocalWebServer":
        """Open it on a free port.

        Raises:
            AnnotationError: there is none.
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
        """Until ``done`` was heard. Ctrl-C ends it too."""
        # A wait without an end can't be interrupted on Windows.
        while not self._done.wait(0.2):
            pass

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = desk._path(self.path, self.headers)
                _answer(self, *((404, _NOTHING) if path is None else desk._find(path)))

            def do_POST(self) -> None:
                verb = desk._path(self.path, self.headers)
                length = self.headers.get("Content-Length", "")
                if verb is None or not length.isdecimal() or int(length) > _MOST_BYTES:
                    _answer(self, 404, _NOTHING)
                    return
                code, said = desk._take(verb, self.rfile.read(int(length)))
                _answer(self, code, Response("application/json", json.dumps(said).encode()))
                if verb.rpartition("/")[2] == "done" and code == 200:
                    desk._done.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Nothing: nobody but cli prints."""

        return Handler

    def _path(self, path: str, headers: Message) -> str | None:
        """What is asked for, below the secret; None for whoever doesn't know it."""
        # Another site's script can't be us by renaming itself to this address.
        host = (headers.get("Host") or "").rpartition(":")[0] or headers.get("Host")
        _, token, *rest = path.partition("?")[0].split("/") if path.startswith("/") else ("", "")
        known = secrets.compare_digest(token.encode(), self._token.encode())
        return "/".join(rest) if known and rest and host in _HOSTS else None

    def _find(self, path: str) -> tuple[int, Response]:
        try:
            content = self._show(path)
        except (LivecamError, OSError) as error:
            return 500, Response("text/plain; charset=utf-8", f"livecam: {error}\n".encode())
        return (404, _NOTHING) if content is None else (200, content)

    def _take(self, verb: str, body: bytes) -> tuple[int, Any]:
        try:
            with self._lock:
                return 200, self._hear(verb, json.loads(body or b"null"))
        except LivecamError as error:
            return 409, {"error": str(error)}
        except (ValueError, TypeError, KeyError, AttributeError):
            return 400, {"error": "that could not be understood; load the page again"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Nobody waits for a browser that keeps its connection open.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser that went away in the middle is no news."""


def _answer(handler: BaseHTTPRequestHandler, code: int, content: Response) -> None:
    handler.send_response(code)
    for name, value in (
        ("Content-Type", content.kind),
        ("Content-Length", str(len(content.body))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", _POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content.body)


def open_browser(url: str) -> bool:
    """Show a page to whoever sits here; False where nobody can be: a text browser would take the terminal."""
    seen = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if not seen or os.environ.get("SSH_CONNECTION"):
        return False
    # Some browsers don't come back before they are closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return True


def access_message(desk: LocalWebServer, what: str) -> str:
    """A line that tells where the page is, from here and from afar."""
    return (
        f"{what}: {desk.url} (from another machine first: "
        f"ssh -L {desk.port}:127.0.0.1:{desk.port} THIS_MACHINE)"
    )
