"""A live run with its control panel in this process, and a client that speaks to it as a browser does."""

import http.client
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from livecam.core.config import LiveSettings
from livecam.panel.control_panel import ControlPanel
from livecam.runtime.controls import RunControls
from livecam.runtime.live_changes import LiveChanges
from livecam.runtime.session import run_live
from livecam.web.access import TOKEN_PATH
from livecam.web.server import LocalWebServer


class Answer:
    """Response of the panel: status, headers in lower case, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class PanelClient:
    """Client with the cookie of one address, and the headers of a page."""

    def __init__(self, address: str) -> None:
        """Exchange the token of an address for a cookie."""
        self.port = urlsplit(address).port
        self.origin = f"http://127.0.0.1:{self.port}"
        answer = self.raw("GET", TOKEN_PATH + address.rpartition("/")[2])
        assert answer.status == 200
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send exactly this; ``content_type="..."`` is the header Content-Type."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.raw("GET", path, cookie=self.cookie, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        given = {"cookie": self.cookie, "origin": self.origin, "content_type": "application/json"} | headers
        return self.raw("POST", path, json.dumps(body if body is not None else {}).encode(), **given)

    def upload(self, name: str, content: bytes) -> Answer:
        """Announce a file and send it; the answer is that of the step which failed, or of the last one."""
        announced = self.post("/api/uploads", {"name": name, "bytes": len(content)})
        if announced.status != 200:
            return announced
        headers = {"cookie": self.cookie, "origin": self.origin, "content_type": "application/octet-stream"}
        return self.raw("PUT", f"/api/uploads/{announced.json['ticket']}", content, **headers)


class PanelRun:
    """A live run of `settings` with a panel. A context manager.

    Attributes:
        frames: the latest frames that the sinks got.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        self.controls = RunControls()
        self.frames: deque[np.ndarray] = deque(maxlen=30)
        self.count = 0
        self.error: BaseException | None = None
        self._ready, self._ended = threading.Event(), threading.Event()
        self._stack = ExitStack()
        self.panel = ControlPanel(self.controls, opened=self._open)

    @property
    def sink(self) -> "PanelRun":
        return self

    def send(self, frame: np.ndarray) -> None:
        self.frames.append(frame.copy())
        self.count += 1
        self.panel.sink.send(frame)

    def attach(self, changes: LiveChanges) -> None:
        self.changes = changes
        self.panel.attach(changes)

    def _open(self, server: LocalWebServer) -> None:
        self.server = server
        self._ready.set()

    def __enter__(self) -> "PanelRun":
        self._stack.enter_context(self.panel)
        threading.Thread(target=self._run, name="test-live", daemon=True).start()
        assert self._ready.wait(20), self.error
        self.client = PanelClient(self.server.access.new_address())
        return self

    def _run(self) -> None:
        try:
            run_live(self.settings, self.controls, self)
        except BaseException as error:
            self.error = error
        finally:
            self._ready.set()
            self._ended.set()

    def stop(self) -> None:
        """End the live loop; the page stays."""
        self.controls.stop()
        assert self._ended.wait(10)

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stack.close()

    def wait_for_frame(self, condition: Callable[[np.ndarray], bool], seconds: float = 10.0) -> float:
        """Wait until a frame of the sinks fulfils `condition`; return the seconds it took."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if self.frames and condition(self.frames[-1]):
                return time.monotonic() - start
            time.sleep(0.003)
        raise AssertionError("no frame of the sinks showed it")


def corner(frame: np.ndarray) -> tuple[int, ...]:
    """Return the color of a frame near its top left corner, where there is no person."""
    return tuple(int(value) for value in frame[3, 3])


def is_near(color: tuple[int, ...], expected: tuple[int, ...], tolerance: int = 8) -> bool:
    """Return whether two colors are the same, as far as codecs keep them."""
    return all(abs(a - b) <= tolerance for a, b in zip(color, expected, strict=True))
