"""The preview: a sink that shows frames in a window and takes keys. Windows belong to the main thread."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import TracebackType
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import SinkError
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.imaging.ops import resize, swap_rb
from livecam.sinks.display import USE_WINDOWS, display_problem

_MAX_WIDTH = 1280
_HELP = "n/b background   m mirror   space pause   h help   q quit"


class PreviewAction(Enum):
    """What a key asks for."""

    NEXT = "n"
    PREVIOUS = "b"
    MIRROR = "m"
    PAUSE = "p"
    QUIT = "q"
    HELP = "h"


_KEYS = {ord(key.value): key for key in PreviewAction} | {
    ord(" "): PreviewAction.PAUSE,
    27: PreviewAction.QUIT,
}


class PreviewBackend(Protocol):
    """A window of a desktop; pictures are BGR."""

    def open(self, title: str) -> None:
        """Put it on the screen."""

    def show(self, title: str, picture: NDArray[np.uint8]) -> None:
        """Show a picture."""

    def key(self) -> int:
        """The code of a key that was pressed, -1 if none; handles what else happened to the window."""

    def is_open(self, title: str) -> bool:
        """False once its button closed it."""

    def close(self, title: str) -> None:
        """Take it off the screen."""


class OpenCvWindow:
    """OpenCV's window. Raises cv2.error, also where OpenCV was built without windows."""

    def open(self, title: str) -> None:
        """Put it on the screen, without Qt's toolbar.

        Raises:
            SinkError: there is no screen.
        """
        trouble = display_problem(os.environ, sys.platform)
        if trouble:
            raise SinkError(trouble)
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)

    def show(self, title: str, picture: NDArray[np.uint8]) -> None:
        """Show a picture."""
        cv2.imshow(title, picture)

    def key(self) -> int:
        """The code of a key that was pressed, -1 if none."""
        return cv2.pollKey()

    def is_open(self, title: str) -> bool:
        """False once its button closed it."""
        try:
            return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # GTK's way to say that it is gone
            return False

    def close(self, title: str) -> None:
        """Take it off the screen."""
        cv2.destroyWindow(title)
        cv2.pollKey()  # some desktops take it away only now


class PreviewSink:
    """A sink that shows frames in a window, swapped as in a mirror if asked, unlike in other sinks."""

    def __init__(
        self,
        title: str,
        *,
        mirror: bool = True,
        keys: Callable[[PreviewAction], None],
        window: PreviewBackend | None = None,
    ) -> None:
        """Note what to open; `with` opens it, on the thread that will call `send`: the main thread.

        Args:
            title: of the window.
            mirror: show left and right swapped; the key m changes it.
            keys: called from `send` with each key, and with QUIT once if the window's button closes it.
                MIRROR and HELP are done here already and told for information.
            window: where to show; OpenCV's if None.
        """
        self.mirror = mirror
        self.help = False
        self._title = title
        self._keys = keys
        self._window: PreviewBackend = window or OpenCvWindow()
        self._thread = 0
        self._is_open = False
        self._has_shown = False

    def __enter__(self) -> "PreviewSink":
        """Open the window.

        Raises:
            SinkError: there is no screen, or OpenCV has no windows.
        """
        with _cv2_errors_as_sink_errors():
            self._window.open(self._title)
        self._thread = threading.get_ident()
        self._is_open, self._has_shown = True, False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, frame: Frame) -> None:
        """Show a frame and take a key; nothing at all once the window was closed.

        Raises:
            FrameError: it is none.
            SinkError: the window can't show it, or this isn't the thread that opened the window.
        """
        check_frame(frame)
        if not self._is_open:
            return
        if threading.get_ident() != self._thread:
            raise SinkError("a preview shows frames only on the thread that opened it: call send there")
        # Showing a picture in a window that is gone would open it again.
        if self._has_shown and not self._window.is_open(self._title):
            self._is_open = False
            self._keys(PreviewAction.QUIT)
            return
        with _cv2_errors_as_sink_errors():
            self._window.show(self._title, self._picture(frame))
            self._has_shown = True
            code = self._window.key()
        self._press(code)

    def close(self) -> None:
        """Take the window away; once is enough, more is harmless."""
        if self._is_open:
            self._is_open = False
            with suppress(cv2.error):  # its button was quicker
                self._window.close(self._title)

    def _press(self, code: int) -> None:
        key = _KEYS.get(ord(chr(code & 0xFF).lower())) if code >= 0 else None
        if key is None:
            return
        if key is PreviewAction.MIRROR:
            self.mirror = not self.mirror
        if key is PreviewAction.HELP:
            self.help = not self.help
        self._keys(key)

    def _picture(self, frame: Frame) -> NDArray[np.uint8]:
        size = Size.of(frame)
        if size.width > _MAX_WIDTH:
            frame = resize(frame, Size(_MAX_WIDTH, max(1, round(size.height * _MAX_WIDTH / size.width))))
        picture = swap_rb(frame)
        if self.mirror:
            picture = cast(NDArray[np.uint8], cv2.flip(picture, 1))
        if self.help:
            _write(picture, _HELP)
        return picture


def _write(picture: NDArray[np.uint8], text: str) -> None:
    """Write a line at the bottom of `picture`, in place, readable on any ground."""
    scale = min(0.6, picture.shape[1] / 1100)
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        spot = (10, picture.shape[0] - 12)
        cv2.putText(picture, text, spot, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)


@contextmanager
def _cv2_errors_as_sink_errors() -> Iterator[None]:
    try:
        yield
    except cv2.error as error:
        raise SinkError(f"OpenCV shows no window ({' '.join(str(error).split())}): {USE_WINDOWS}") from error
