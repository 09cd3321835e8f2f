"""Local web server in a thread: 127.0.0.1 only, under a token that is exchanged for a cookie."""

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Callable
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

from livecam.core.errors import PageError
from livecam.web.access import Access
from livecam.web.middleware import AccessMiddleware

logger = logging.getLogger("livecam.web")

_START_SECONDS = 10.0
_STOP_SECONDS = 3.0
# Browsers keep a handful of connections to a host for each tab.
_MAX_CONNECTIONS = 512
_MAX_WEBSOCKET_BYTES = 1 << 16


class LocalWebServer:
    """Serves an ASGI application on this machine. A context manager.

    Attributes:
        port: the TCP port.
        access: the access rules; `access.new_address()` is an address that opens the page once.
    """

    def __init__(
        self,
        application: Callable[[], ASGIApp],
        *,
        port: int = 0,
        home: str = "/",
        access_hint: str = "choose another --port",
    ) -> None:
        """Create a server; `with` starts it.

        Args:
            application: makes the application; called on the thread and in the event loop of the server.
            port: TCP port, 0 for any free one.
            home: path of the page that an address with a token leads to.
            access_hint: the remedy in the error about a port that cannot be used.
        """
        self.port = port
        self._home = home
        self._application, self._access_hint = application, access_hint
        self._server: uvicorn.Server | None = None
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> "LocalWebServer":
        """Listen.

        Raises:
            PageError: the port cannot be used.
        """
        listening = self._listen()
        self.port = int(listening.getsockname()[1])
        self.access = Access(self.port)
        thread = threading.Thread(target=self._main, args=(listening,), name="livecam-web", daemon=True)
        started = self._started = threading.Event()
        thread.start()
        if not started.wait(_START_SECONDS) or self._failure is not None:
            raise PageError(f"the page can't be served ({self._failure or 'no answer'})") from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._ended.wait(_STOP_SECONDS)

    def _listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # On Windows this option lets another program take the port over; elsewhere it only skips the wait
        # after an earlier run.
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", self.port))
        except OSError as error:
            listening.close()
            where = f"port {self.port}" if self.port else "a port"
            raise PageError(
                f"can't open {where} on this machine ({error.strerror})", self._access_hint
            ) from error
        return listening

    def _main(self, listening: socket.socket) -> None:
        try:
            asyncio.run(self._serve(listening))
        except BaseException as error:  # reported by the thread that waits for the start
            self._failure = error
            logger.debug("the web server ended", exc_info=True)
        finally:
            listening.close()
            self._started.set()
            self._ended.set()

    async def _serve(self, listening: socket.socket) -> None:
        config = uvicorn.Config(
            AccessMiddleware(self._application(), self.access, self._home),
            log_config=None,
            access_log=False,
            log_level="critical",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            ws="websockets-sansio",
            ws_max_size=_MAX_WEBSOCKET_BYTES,
            ws_per_message_deflate=False,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
        self._server = server = _Server(config, self._started)
        await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Server that reports its start, and leaves the signals of the process alone."""

    def __init__(self, config: uvicorn.Config, reported: threading.Event) -> None:
        super().__init__(config)
        self._reported = reported

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._reported.set()
