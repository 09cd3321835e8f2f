"""Commands to a running live loop."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from livecam.backgrounds.base import Background
from livecam.core.config import PictureSettings
from livecam.pipeline import Pipeline
from livecam.runtime.states import LoopState
from livecam.sinks.base import Sink
from livecam.sources.base import Source

logger = logging.getLogger("livecam.runtime")


@dataclass(frozen=True)
class Stop:
    """Command: end the run after the current frame."""


@dataclass(frozen=True)
class TogglePause:
    """Command: show the background alone, or continue."""


@dataclass(frozen=True, eq=False)
class SetBackground:
    """Command: show another background, which is open already, from the next frame on."""

    background: Background


@dataclass(frozen=True)
class SetPicture:
    """Command: use other settings of the picture from the next frame on."""

    picture: PictureSettings


@dataclass(frozen=True, eq=False)
class ReplacePipeline:
    """Command: continue with the pipeline that `build` makes of the present one, quickly."""

    build: Callable[[Pipeline], Pipeline]


@dataclass(frozen=True, eq=False)
class ReleaseSource:
    """Command: close the source and show the background alone; `released` is set when it is closed."""

    released: threading.Event


@dataclass(frozen=True, eq=False)
class ReplaceSource:
    """Command: continue with another source, which is open already."""

    source: Source


@dataclass(frozen=True, eq=False)
class AddSink:
    """Command: send frames to one more sink, which is open already."""

    sink: Sink


@dataclass(frozen=True, eq=False)
class RemoveSink:
    """Command: send no more frames to a sink; `removed` is set when it gets none any more."""

    sink: Sink
    removed: threading.Event


Command = (
    Stop
    | TogglePause
    | SetBackground
    | SetPicture
    | ReplacePipeline
    | ReleaseSource
    | ReplaceSource
    | AddSink
    | RemoveSink
)


@dataclass(frozen=True)
class RunFigures:
    """Figures of a run so far; see `RunStats`.

    Attributes:
        frames_shown: Frames with a replaced background that were sent to the sinks.
        frames_failed: Frames that were hidden because a stage failed.
        frames_dropped: Frames that were dropped because a newer one was there.
        delay_seconds: Time from taking the latest shown frame from the source to sending its result.
    """

    frames_shown: int = 0
    frames_failed: int = 0
    frames_dropped: int = 0
    delay_seconds: float = 0.0


class RunControls:
    """Thread-safe command queue of one live run.

    `stop` and `toggle_pause` may be called from a signal handler, because they take no lock. A background
    that is handed over belongs to the run: it is shown and closed later, or closed without being shown.

    Attributes:
        running: True once the loop has started to take commands.
        state: State of the loop; only the loop writes it.
        paused: True while the user wants the background alone; only the loop writes it.
        figures: Figures so far; only the loop writes them.
    """

    def __init__(self) -> None:
        self.running = False
        self.state = LoopState.STARTING
        self.paused = False
        self.figures = RunFigures()
        self._commands: SimpleQueue[Command] = SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the run after the current frame."""
        self._commands.put(Stop())

    def toggle_pause(self) -> None:
        """Show the background alone, or continue."""
        self._commands.put(TogglePause())

    def set_background(self, background: Background) -> None:
        """Show `background` from the next frame on; close it at once if the run has ended."""
        self._put(SetBackground(background))

    def replace_pipeline(self, build: Callable[[Pipeline], Pipeline]) -> None:
        """Continue with the pipeline that `build` makes of the present one and its background.

        `build` is called between two frames, so it must be quick: the model is loaded before.
        """
        self._put(ReplacePipeline(build))

    def release_source(self) -> threading.Event:
        """Close the source and show the background alone until `replace_source`.

        Returns:
            An event that is set once the source is closed, or the run has ended.
        """
        released = threading.Event()
        self._put(ReleaseSource(released))
        return released

    def replace_source(self, source: Source) -> None:
        """Continue with `source`, which is open already; close it at once if the run has ended."""
        self._put(ReplaceSource(source))

    def add_sink(self, sink: Sink) -> None:
        """Send frames to `sink` too, which is open already. The caller closes it after the run."""
        self._put(AddSink(sink))

    def remove_sink(self, sink: Sink) -> threading.Event:
        """Send no more frames to `sink`.

        Returns:
            An event that is set once the sink gets no frame any more: then it may be closed.
        """
        removed = threading.Event()
        self._put(RemoveSink(sink, removed))
        return removed

    def _put(self, command: Command) -> None:
        with self._lock:
            if not self._closed:
                self._commands.put(command)
                return
        _discard(command)

    def set_picture(self, picture: PictureSettings) -> None:
        """Use other settings of the picture from the next frame on."""
        self._put(SetPicture(picture))

    def take(self) -> list[Command]:
        """Return all waiting commands in their order. Only the loop calls it."""
        commands: list[Command] = []
        while True:
            try:
                commands.append(self._commands.get_nowait())
            except Empty:
                return commands

    def close(self) -> None:
        """End the command queue and close what waits in it. May be called again."""
        with self._lock:
            self._closed = True
        for command in self.take():
            _discard(command)


def _discard(command: Command) -> None:
    """Release what belongs to a command that will not be executed."""
    if isinstance(command, SetBackground):
        close_quietly(command.background)
    elif isinstance(command, ReplaceSource):
        close_source(command.source)
    elif isinstance(command, ReleaseSource):
        command.released.set()
    elif isinstance(command, RemoveSink):
        command.removed.set()


def close_source(source: Source) -> None:
    """Close `source`; an error is logged, because it must not end a run."""
    try:
        source.__exit__(None, None, None)
    except Exception as error:
        logger.warning("a source could not be closed: %s", error)


def close_quietly(background: Background) -> None:
    """Close `background`; an error is logged, because it must not end a run."""
    try:
        background.close()
    except Exception as error:
        logger.warning("a background could not be closed: %s", error)
