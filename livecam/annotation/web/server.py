"""Serves a page for clicking or reviewing until the user has finished, on the local web server of livecam."""

import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from livecam.annotation.web.response import Response
from livecam.core.errors import LivecamError
from livecam.web.browser import tunnel_command
from livecam.web.server import LocalWebServer

OnGet = Callable[[str], Response | None]
OnPost = Callable[[str, Any], Any]


class PageServer:
    """Serves a page and receives JSON until the page posts ``done``. A context manager.

    Attributes:
        port: the TCP port.
        url: address below which all paths are; a browser needs `new_address` first.
    """

    port: int
    url: str

    def __init__(self, on_get: OnGet, on_post: OnPost, *, home: str = "/") -> None:
        """Create a server; `with` starts it.

        Args:
            on_get: returns the content of a path without its leading slash; None for 404. A LivecamError or
                OSError becomes a 500 response with its message. Called from several threads.
            on_post: receives a path and a JSON value, and returns a JSON value. The text of a LivecamError is
                sent to the page. Called by one thread at a time. After a path that ends with ``done``, `wait`
                returns.
            home: path of the page.
        """
        self._on_get, self._on_post = on_get, on_post
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._server = LocalWebServer(self._application, home=home, access_hint="allow local ports")

    def __enter__(self) -> "PageServer":
        """Listen on a free port.

        Raises:
            PageError: no port can be opened.
        """
        self._server.__enter__()
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def new_address(self) -> str:
        """Return an address that opens the page once."""
        return self._server.access.new_address()

    def wait(self) -> None:
        """Wait until the page has posted ``done``, or Ctrl-C."""
        # With a timeout, because Ctrl-C can't interrupt an endless wait on Windows.
        while not self._done.wait(0.2):
            pass

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{path:path}", self._answer_get, methods=["GET"]),
                Route("/{path:path}", self._answer_post, methods=["POST"]),
            ]
        )

    async def _answer_get(self, request: Request) -> HttpResponse:
        try:
            content = await run_in_threadpool(self._on_get, _path(request))
        except (LivecamError, OSError) as error:
            return HttpResponse(f"livecam: {error}\n", 500, media_type="text/plain; charset=utf-8")
        if content is None:
            return HttpResponse("nothing here", 404, media_type="text/plain")
        return HttpResponse(content.body, media_type=content.content_type)

    async def _answer_post(self, request: Request) -> HttpResponse:
        path = _path(request)
        try:
            value = json.loads(await request.body() or b"null")
            answer = await run_in_threadpool(self._post, path, value)
        except LivecamError as error:
            return JSONResponse({"error": str(error)}, 409)
        except (ValueError, TypeError, KeyError, AttributeError):
            return JSONResponse({"error": "that could not be understood; load the page again"}, 400)
        # After the answer: the server ends then.
        done = BackgroundTask(self._done.set) if path.rpartition("/")[2] == "done" else None
        return JSONResponse(answer, background=done)

    def _post(self, path: str, value: Any) -> Any:
        with self._lock:
            return self._on_post(path, value)


def _path(request: Request) -> str:
    """Return the path as it was sent, still quoted, without its leading slash."""
    return str(request.scope["raw_path"].decode("latin-1")).partition("?")[0].removeprefix("/")


def access_message(server: PageServer, action: str) -> str:
    """Return the line with an address of the page, and the SSH tunnel from another machine."""
    return f"{action}: {server.new_address()} (from another machine first: {tunnel_command(server.port)})"
