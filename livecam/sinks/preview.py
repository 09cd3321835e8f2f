"""Preview sink: shows frames in a window and reads keys. Windows belong to the main thread."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import TracebackType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import SinkError
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.imaging.ops import resize, swap_rb
from livecam.sinks.base import PreviewBackend
from livecam.sinks.display import USE_WINDOWS, display_problem

_MAX_WIDTH = 1280  # pixels; wider frames are scaled down for the window
_HELP = "n/b background   m mirror   space pause   h help   q quit"


class PreviewAction(Enum):
    """Action of a key in the preview."""

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


class OpenCvWindow:
    """Window of OpenCV. Its methods raise cv2.error, also where OpenCV was built without windows."""

    def open(self, title: str) -> None:
        """Open the window, without Qt's toolbar.

        Raises:
            SinkError: There is no screen.
        """
        problem = display_problem(os.environ, sys.platform)
        if problem:
            raise SinkError(problem)
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)

    def show(self, title: str, image: NDArray[np.uint8]) -> None:
        """Show a BGR image."""
        cv2.imshow(title, image)

    def key(self) -> int:
        """Return the code of a pressed key, -1 if there is none."""
        return cv2.pollKey()

    def is_open(self, title: str) -> bool:
        """Return False once the user has closed the window."""
        try:
            return cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # GTK raises if the window is gone
            return False

    def close(self, title: str) -> None:
        """Close the window."""
        cv2.destroyWindow(title)
        cv2.pollKey()  # some desktops close the window only when events are handled


class PreviewSink:
    """Sink that shows frames in a window, mirrored by default, unlike all other sinks."""

    def __init__(
        self,
        title: str,
        *,
        mirror: bool = True,
        keys: Callable[[PreviewAction], None] = lambda action: None,
        window: PreviewBackend | None = None,
    ) -> None:
        """Prepare the window; `with` opens it, on the thread that calls `send`: the main thread.

        Args:
            title: Title of the window.
            mirror: Swap left and right; the key m changes it.
            keys: Called by `send` for each key, and once with QUIT if the user closes the window. MIRROR and
                HELP are executed before.
            window: Window to use; OpenCV's if None.
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
            SinkError: There is no screen, or OpenCV has no windows.
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
        """Show a frame and read a key. Does nothing once the window was closed.

        Raises:
            FrameError: `frame` is not a frame.
            SinkError: The window cannot show it, or this is not the thread that opened the window.
        """
        check_frame(frame)
        if not self._is_open:
            return
        if threading.get_ident() != self._thread:
            raise SinkError("a preview shows frames only on the thread that opened it: call send there")
        # Showing an image in a window that was closed would open it again.
        if self._has_shown and not self._window.is_open(self._title):
            self._is_open = False
            self._keys(PreviewAction.QUIT)
            return
        with _cv2_errors_as_sink_errors():
            self._window.show(self._title, self._to_image(frame))
            self._has_shown = True
            code = self._window.key()
        self._execute(code)

    def close(self) -> None:
        """Close the window. May be called again."""
        if self._is_open:
            self._is_open = False
            with suppress(cv2.error):  # the user closed it already
                self._window.close(self._title)

    def _execute(self, code: int) -> None:
        key = _KEYS.get(ord(chr(code & 0xFF).lower())) if code >= 0 else None
        if key is None:
            return
        if key is PreviewAction.MIRROR:
            self.mirror = not self.mirror
        if key is PreviewAction.HELP:
            self.help = not self.help
        self._keys(key)

    def _to_image(self, frame: Frame) -> NDArray[np.uint8]:
        size = Size.of(frame)
        if size.width > _MAX_WIDTH:
            frame = resize(frame, Size(_MAX_WIDTH, max(1, round(size.height * _MAX_WIDTH / size.width))))
        image = swap_rb(frame)
        if self.mirror:
            image = cast(NDArray[np.uint8], cv2.flip(image, 1))
        if self.help:
            _draw_text(image, _HELP)
        return image


def _draw_text(image: NDArray[np.uint8], text: str) -> None:
    """Draw a line of text at the bottom of `image`, in place: white with a black outline."""
    scale = min(0.6, image.shape[1] / 1100)
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        position = (10, image.shape[0] - 12)
        cv2.putText(image, text, position, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thickness, cv2.LINE_AA)


@contextmanager
def _cv2_errors_as_sink_errors() -> Iterator[None]:
    try:
        yield
    except cv2.error as error:
        raise SinkError(f"OpenCV shows no window ({' '.join(str(error).split())}): {USE_WINDOWS}") from error
