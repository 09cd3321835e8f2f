"""Commands to a running live loop."""

import logging
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from livecam.backgrounds.base import Background
from livecam.core.config import PictureSettings
from livecam.runtime.states import LoopState

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


Command = Stop | TogglePause | SetBackground | SetPicture


class RunControls:
    """Thread-safe command queue of one live run.

    `stop` and `toggle_pause` may be called from a signal handler, because they take no lock. A background
    that is handed over belongs to the run: it is shown and closed later, or closed without being shown.

    Attributes:
        running: True once the loop has started to take commands.
        state: State of the loop; only the loop writes it.
    """

    def __init__(self) -> None:
        self.running = False
        self.state = LoopState.STARTING
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
        with self._lock:
            if not self._closed:
                self._commands.put(SetBackground(background))
                return
        close_quietly(background)

    def set_picture(self, picture: PictureSettings) -> None:
        """Use other settings of the picture from the next frame on."""
        self._commands.put(SetPicture(picture))

    def take(self) -> list[Command]:
        """Return all waiting commands in their order. Only the loop calls it."""
        commands: list[Command] = []
        while True:
            try:
                commands.append(self._commands.get_nowait())
            except Empty:
                return commands

    def close(self) -> None:
        """End the command queue and close the backgrounds that wait in it. May be called again."""
        with self._lock:
            self._closed = True
        for command in self.take():
            if isinstance(command, SetBackground):
                close_quietly(command.background)


def close_quietly(background: Background) -> None:
    """Close `background`; an error is logged, because it must not end a run."""
    try:
        background.close()
    except Exception as error:
        logger.warning("a background could not be closed: %s", error)
