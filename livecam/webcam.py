"""A webcam: asked for a size and a rate, believed what it grants, opened again when it was lost."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.devices import explain_failure
from livecam.errors import CameraError
from livecam.frames import Frame, Size
from livecam.images import swap_red_and_blue
from livecam.timing import Clock, SystemClock

_FAILURES, _SILENT_SECONDS = 5, 2.0
_PAUSE_SECONDS = 0.1


class Capture(Protocol):
    """The part of cv2.VideoCapture that a webcam uses."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Whether the device was opened."""

    def set(self, prop: int, value: float, /) -> bool:
        """Ask for a property."""

    def get(self, prop: int, /) -> float:
        """What was granted."""

    def read(self) -> tuple[bool, Any]:
        """The next picture (BGR), waiting for it."""

    def release(self) -> None:
        """Give the device back."""


Opener = Callable[[int | str], Capture]


def open_capture(device: int | str) -> Capture:
    """Open a device with the platform's own backend of OpenCV; `isOpened` of the answer says if it worked."""
    if sys.platform.startswith("linux"):
        backends = [cv2.CAP_V4L2]
    elif sys.platform == "darwin":
        backends = [cv2.CAP_AVFOUNDATION]
    else:
        backends = [cv2.CAP_DSHOW, cv2.CAP_MSMF]
    for backend in backends:
        capture = cv2.VideoCapture(device, backend)
        if capture.isOpened():
            break
    return cast(Capture, capture)


def ask_capture(number: int, opener: Opener = open_capture) -> tuple[Size, float] | None:
    """The size and rate that a camera comes with, unasked; None if there is none of that number."""
    with _quiet_opencv():
        capture = opener(number)
        try:
            if not capture.isOpened():
                return None
            sides = (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            return Size(int(sides[0]), int(sides[1])), float(capture.get(cv2.CAP_PROP_FPS))
        finally:
            capture.release()


class Webcam:
    """A source that reads a webcam. Lost, it raises CameraError; iterated again, it opens the camera again.

    `size`, `fps` and `granted` (as ``1280x720 at 30 fps, MJPG``) are the camera's answer once it is open.
    """

    def __init__(
        self,
        device: int | str,
        size: Size | None = None,
        fps: float = 30.0,
        *,
        opener: Opener = open_capture,
        clock: Clock | None = None,
    ) -> None:
        """Note what to ask for; the camera is opened by `with` or by the first frame.

        Args:
            device: a number, or on Linux a device file too.
            size: asked for; None takes the camera's own.
            fps: asked for, and believed if the driver says nothing sensible.
            opener: opens a device as `open_capture` does.
            clock: measures silence; the system's if None.
        """
        self.device = device
        self.size = size or Size(640, 480)
        self.fps = float(fps)
        self.granted = ""
        self._asked = (size, float(fps))
        self._opener = opener
        self._clock = clock or SystemClock()
        self._capture: Capture | None = None
        self._first: Frame | None = None

    def __enter__(self) -> "Webcam":
        """Open it.

        Raises:
            CameraError: there is none, it is busy, or it gives no pictures.
        """
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the camera back; once is enough, more is harmless."""
        capture, self._capture, self._first = self._capture, None, None
        if capture is not None:
            capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """Frames as the camera gives them.

        Raises:
            CameraError: it is lost, or can't be opened again.
        """
        if self._capture is None:
            self._open()
        while self._capture is not None:
            frame, self._first = self._first, None
            frame = self._read() if frame is None else frame
            if frame is None:
                self.close()
                raise CameraError(f"camera {self.device} lost: plug it in again, or close what took it over")
            yield frame

    def _open(self) -> None:
        self.close()
        frame = None
        try:
            with _quiet_opencv():
                frame = self._start()
        except cv2.error as error:
            raise CameraError(explain_failure(self.device)) from error
        finally:
            if frame is None:
                self.close()
        if frame is None:
            # Only now, so that the reason isn't that we hold it ourselves.
            raise CameraError(explain_failure(self.device))

    def _start(self) -> Frame | None:
        self._capture = capture = self._opener(self.device)
        if not capture.isOpened():
            return None
        self._ask(capture)
        self._first = frame = self._read()
        if frame is not None:
            self._believe(capture, frame)
        return frame

    def _ask(self, capture: Capture) -> None:
        size, fps = self._asked
        # V4L2 offers sizes by pixel format and rates by size, hence the order; most give 30 fps at 720p only
        # as MJPG.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if size:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        capture.set(cv2.CAP_PROP_FPS, fps)
        # Not 1: the driver had nowhere to put the next picture while this is decoded, and the rate halved.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)

    def _believe(self, capture: Capture, frame: Frame) -> None:
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.size = Size.of(frame)
        self.fps = float(fps) if 1.0 <= fps <= 240.0 else self._asked[1]
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        letters = code.to_bytes(4, "little").decode("latin-1").strip()
        kind = f", {letters}" if letters.isascii() and letters.isprintable() and letters else ""
        self.granted = f"{self.size} at {self.fps:g} fps{kind}"

    def _read(self) -> Frame | None:
        """The next frame; None if it failed again and again, or for too long."""
        start = self._clock.now()
        frame = self._read_once()
        failures = 0
        while frame is None:
            failures += 1
            if failures >= _FAILURES or self._clock.now() - start >= _SILENT_SECONDS:
                return None
            self._clock.sleep(_PAUSE_SECONDS)
            with _quiet_opencv():
                frame = self._read_once()
        return frame

    def _read_once(self) -> Frame | None:
        if self._capture is None:
            return None
        try:
            good, picture = self._capture.read()
        except cv2.error:
            return None
        return _to_rgb(picture) if good and picture is not None and picture.size else None


def _to_rgb(picture: NDArray[np.uint8]) -> Frame:
    if picture.ndim == 2:  # an infrared camera
        return cast(Frame, cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB))
    return swap_red_and_blue(picture)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's lines off stderr where ours say it better; the level is the whole process's: be brief."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
