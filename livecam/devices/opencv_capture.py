"""OpenCV's way to a webcam: opened by the platform's own backend, quiet where our words are better."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import swap_rb


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


CaptureFactory = Callable[[int | str], Capture]


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


class DuplicateFrameDetector:
    """Tells a new picture from the last one given again: a driver may "succeed" when nothing comes any more.

    It goes by the driver's time stamps, and believes them once they have moved; a scene that stands still is
    new as long as they do.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._moved = False

    def is_new(self, stamp_ms: float) -> bool:
        """Whether a picture with this time stamp (CAP_PROP_POS_MSEC) is another than the last."""
        if stamp_ms <= 0.0:  # this driver, or OpenCV's backend for it, has none
            return True
        same, self._moved = stamp_ms == self._last, self._moved or 0.0 < self._last != stamp_ms
        self._last = stamp_ms
        return not (same and self._moved)


def to_rgb(picture: NDArray[np.uint8]) -> Frame:
    """A frame of what OpenCV read: BGR, or grey of an infrared camera."""
    if picture.ndim == 2:
        return cast(Frame, cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB))
    return swap_rb(picture)


@contextmanager
def suppress_opencv_logging() -> Iterator[None]:
    """Keep OpenCV's lines off stderr where ours say it better; the level is the whole process's: be brief."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def probe_camera(number: int, opener: CaptureFactory = open_capture) -> tuple[Size, float] | None:
    """The size and rate that a camera comes with, unasked; None if there is none of that number."""
    with suppress_opencv_logging():
        capture = opener(number)
        try:
            if not capture.isOpened():
                return None
            sides = (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
            return Size(int(sides[0]), int(sides[1])), float(capture.get(cv2.CAP_PROP_FPS))
        finally:
            capture.release()
