"""The control panel beside a live run: its sink, its server, and the figures of each second."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS, draw_cached
from livecam.core.config import data_dir
from livecam.core.geometry import Size
from livecam.panel.api import PanelApi
from livecam.panel.gallery import Gallery
from livecam.panel.hub import PageHub
from livecam.panel.instance import announced
from livecam.panel.learning import LearnRun
from livecam.panel.live_state import LiveState
from livecam.panel.preview_sink import PanelSink, PreviewEncoder
from livecam.runtime.controls import RunControls
from livecam.runtime.live_changes import LiveChanges
from livecam.web.server import LocalWebServer

_STATUS_SECONDS = 1.0
_PAUSE_SECONDS = 0.05  # how often drawing ahead looks whether a change is done


class ControlPanel:
    """Shows a live run in the browser and changes it. A context manager around the run.

    `runtime.session.run_live` takes it as its companion. The page is served from the moment when the run is
    attached until the end of the `with` block.
    """

    def __init__(
        self,
        controls: RunControls,
        *,
        port: int = 0,
        opened: Callable[[LocalWebServer], None] = lambda server: None,
    ) -> None:
        """Prepare the panel.

        Args:
            controls: command queue of the run.
            port: TCP port, 0 for any free one.
            opened: called once the page can be opened, with the server.
        """
        self._controls, self._port, self._opened = controls, port, opened
        self._hub = PageHub()
        self._encoder = PreviewEncoder(self._hub.publish_frame)
        self._stack = ExitStack()
        self._ended = threading.Event()
        self.sink = PanelSink(self._encoder, lambda: self._hub.is_wanted)

    def __enter__(self) -> "ControlPanel":
        self._encoder.start()
        self._stack.callback(self._encoder.stop)
        self._stack.callback(self._ended.set)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def attach(self, changes: LiveChanges) -> None:
        """Serve the page of a run that is about to begin.

        Raises:
            PageError: the port cannot be used.
            FileWriteError: the data folder cannot be written.
        """
        gallery = Gallery(data_dir() / "backgrounds")
        gallery.remove_partial()
        learn_run = LearnRun(changes.release_camera, changes.take_camera_back, self._report_now)
        self._stack.callback(learn_run.stop)
        state = self._state = LiveState(self._controls, changes, gallery, learn_run)
        self._hub.greeting = state.status
        api = PanelApi(self._controls, changes, state, gallery, self._hub, learn_run)
        server = self._stack.enter_context(LocalWebServer(api.application, port=self._port))
        self._stack.enter_context(announced(server.access))
        handler = _PageLogHandler(self._hub)
        logging.getLogger("livecam").addHandler(handler)
        self._stack.callback(logging.getLogger("livecam").removeHandler, handler)
        threading.Thread(
            target=self._report, args=(state, changes), name="livecam-panel-status", daemon=True
        ).start()
        self._opened(server)

    def _report_now(self) -> None:
        self._hub.publish(self._state.status())

    def _report(self, state: LiveState, changes: LiveChanges) -> None:
        drawn = Size(0, 0)
        while not self._ended.wait(_STATUS_SECONDS):
            status = state.status(measure=True)
            if self._hub.page_count:
                self._hub.publish(status)
                if drawn != changes.source.size:
                    drawn = Size(*changes.source.size)
                    # On a thread of its own: beside other programs it takes seconds, and the figures go on.
                    arguments = (drawn, lambda: changes.is_changing, self._ended)
                    threading.Thread(
                        target=draw_ahead, args=arguments, name="livecam-panel-draw", daemon=True
                    ).start()


def draw_ahead(size: Size, is_changing: Callable[[], bool], ended: threading.Event) -> None:
    """Draw the procedural backgrounds, so that a click on one shows it at once.

    Args:
        size: of the frames.
        is_changing: whether the run is being changed. Nothing is drawn then, because a person waits for that.
        ended: set to end early.
    """
    for name in PROCEDURAL_BACKGROUNDS:
        while is_changing() and not ended.is_set():
            ended.wait(_PAUSE_SECONDS)
        if ended.is_set():
            return
        draw_cached(name, size)


class _PageLogHandler(logging.Handler):
    """Shows warnings of livecam on the open pages."""

    def __init__(self, hub: PageHub) -> None:
        super().__init__(logging.WARNING)
        self._hub = hub

    def emit(self, record: logging.LogRecord) -> None:
        self._hub.publish({"type": "message", "text": record.getMessage()})
