"""OpenCV capture devices: open, probe, detect duplicate frames, convert to RGB.

The images of a capture device are BGR; they become RGB in this module.
"""

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
    """Part of cv2.VideoCapture that a webcam uses."""

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        """Return whether the device was opened."""

    def set(self, prop: int, value: float, /) -> bool:
        """Request a value for a property."""

    def get(self, prop: int, /) -> float:
        """Return the current value of a property."""

    def read(self) -> tuple[bool, Any]:
        """Wait for the next image; return whether there is one, and the image (BGR)."""

    def release(self) -> None:
        """Close the device."""


CaptureFactory = Callable[[int | str], Capture]


def open_capture(device: int | str) -> Capture:
    """Open a device with OpenCV's backend for the platform; check `isOpened()` of the result."""
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
    """Detects frames that the driver repeats: some drivers report success although no new frame arrives.

    Compares the driver's timestamps, once they have changed at least once. A still scene counts as new as
    long as its timestamps change.
    """

    def __init__(self) -> None:
        self._last_ms = 0.0
        self._has_changed = False

    def is_new(self, timestamp_ms: float) -> bool:
        """Return whether the frame with this timestamp (CAP_PROP_POS_MSEC) differs from the last one."""
        if timestamp_ms <= 0.0:  # this driver, or OpenCV's backend for it, has no timestamps
            return True
        is_same = timestamp_ms == self._last_ms
        self._has_changed = self._has_changed or 0.0 < self._last_ms != timestamp_ms
        self._last_ms = timestamp_ms
        return not (is_same and self._has_changed)


def to_rgb(image: NDArray[np.uint8]) -> Frame:
    """Convert an image from OpenCV, BGR or the gray of an infrared camera, to a new RGB frame."""
    if image.ndim == 2:
        return cast(Frame, cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
    return swap_rb(image)


@contextmanager
def suppress_opencv_logging() -> Iterator[None]:
    """Suppress OpenCV's messages on stderr. The log level is global to the process: keep the block short."""
    previous_level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(previous_level)


def probe_camera(number: int, capture_factory: CaptureFactory = open_capture) -> tuple[Size, float] | None:
    """Return a camera's default size and rate in frames per second; None if no camera has that number."""
    with suppress_opencv_logging():
        capture = capture_factory(number)
        try:
            if not capture.isOpened():
                return None
            width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            return Size(int(width), int(height)), float(capture.get(cv2.CAP_PROP_FPS))
        finally:
            capture.release()
