"""The WebSockets of all open pages: frames at the pace of each browser, and messages."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

MAX_PAGES = 64
_TOO_MANY = 1013  # close code "try again later"
_NEXT = "next"  # what a page sends when it has shown a frame and wants another one


class _Page:
    """One open page: whether it waits for a frame, and the messages that wait for it, newest of each type."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.wants_frame = False
        self.frame: bytes | None = None
        self.messages: dict[str, str] = {}
        self.changed = asyncio.Event()


class PageHub:
    """Sends frames and messages to all open pages. Any thread may publish.

    Back-pressure: a page gets a frame only after it has asked for one, so a slow browser, or a hidden tab
    that does not ask, never has more than one frame on its way. Of messages of one type only the newest
    waits.
    """

    def __init__(self) -> None:
        self._pages: set[_Page] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0  # pages that wait for a frame; counted by the event loop
        self._lock = threading.Lock()
        self.greeting: Callable[[], dict[str, Any]] = dict

    @property
    def is_wanted(self) -> bool:
        """True if a page waits for a frame."""
        return self._waiting > 0

    @property
    def page_count(self) -> int:
        """Number of open pages."""
        return len(self._pages)

    def publish_frame(self, jpeg: bytes) -> None:
        """Send a JPEG to every page that waits for one."""
        # No further frame is wanted until the event loop has counted again: a page that asks meanwhile gets
        # this one.
        self._waiting = 0
        self._call(self._spread_frame, jpeg)

    def publish(self, message: dict[str, Any]) -> None:
        """Send a JSON message to every page. Its ``type`` is what replaces an older one that still waits."""
        self._call(self._spread_message, str(message["type"]), json.dumps(message))

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        loop = self._loop
        if loop is None or not self._pages:
            return
        try:
            loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the server has ended
            self._loop = None

    def _spread_frame(self, jpeg: bytes) -> None:
        for page in self._pages:
            if page.wants_frame:
                page.wants_frame, page.frame = False, jpeg
                page.changed.set()
        self._count()

    def _spread_message(self, kind: str, text: str) -> None:
        for page in self._pages:
            page.messages[kind] = text
            page.changed.set()

    def _count(self) -> None:
        self._waiting = sum(page.wants_frame for page in self._pages)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it is closed."""
        self._loop = asyncio.get_running_loop()
        await socket.accept()
        if len(self._pages) >= MAX_PAGES:
            await socket.close(_TOO_MANY)
            return
        page = _Page(socket)
        page.messages["status"] = json.dumps(self.greeting())
        page.changed.set()
        self._pages.add(page)
        sender = asyncio.create_task(self._send(page))
        try:
            while True:
                if await socket.receive_text() == _NEXT:
                    page.wants_frame = True
                    self._count()
        except (WebSocketDisconnect, KeyError, RuntimeError):  # closed, or a message that is no text
            pass
        finally:
            self._pages.discard(page)
            self._count()
            sender.cancel()

    async def _send(self, page: _Page) -> None:
        try:
            while True:
                await page.changed.wait()
                page.changed.clear()
                messages, page.messages = page.messages, {}
                for text in messages.values():
                    await page.socket.send_text(text)
                frame, page.frame = page.frame, None
                if frame is not None:
                    await page.socket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError, OSError):  # the page was closed meanwhile
            return
