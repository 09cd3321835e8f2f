"""A webcam: asked for a size and a rate, believed what it grants, opened again when it was lost."""

from collections.abc import Iterator
from types import TracebackType

import cv2

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraLostError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.devices.device_tracker import DeviceTracker, TrackerFactory
from livecam.devices.discovery import open_failure
from livecam.devices.opencv_capture import (
    Capture,
    CaptureFactory,
    DuplicateFrameDetector,
    open_capture,
    suppress_opencv_logging,
    to_rgb,
)

_FAILURES, _SILENT_SECONDS = 5, 2.0
_PAUSE_SECONDS, _GLANCE_SECONDS = 0.1, 0.01


class WebcamSource:
    """A source that reads a webcam. Lost, it raises CameraError; iterated again, it opens the camera again.

    The camera is then found by its name, wherever it was plugged in again. A picture that the driver gives a
    second time isn't one: it is left out, and after a while the camera counts as lost.

    `size`, `fps` and `format_description` (as ``1280x720 at 30 fps, MJPG``) are the camera's answer once
    it is open.
    """

    def __init__(
        self,
        device: int | str,
        size: Size | None = None,
        fps: float = 30.0,
        *,
        opener: CaptureFactory = open_capture,
        clock: Clock | None = None,
        look: TrackerFactory = DeviceTracker,
    ) -> None:
        """Note what to ask for; the camera is opened by `with` or by the first frame.

        Args:
            device: a number, or on Linux a device file too.
            size: asked for; None takes the camera's own.
            fps: asked for, and believed if the driver says nothing sensible.
            opener: opens a device as `open_capture` does.
            clock: measures silence; the system's if None.
            look: finds the camera again.
        """
        self.size = size or Size(640, 480)
        self.fps = float(fps)
        self.format_description = ""
        self._asked = (size, float(fps))
        self._opener = opener
        self._clock = clock or SystemClock()
        self._capture: Capture | None = None
        self._first: Frame | None = None
        self._whereabouts = look(device)
        # Never a new one: what comes back may begin with what it showed when it went.
        self._novelty = DuplicateFrameDetector()

    @property
    def device(self) -> int | str:
        """The number or device file where the camera is, or was last."""
        return self._whereabouts.device

    def __enter__(self) -> "WebcamSource":
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
                raise CameraLostError(self._lost())
            yield frame

    def _lost(self) -> str:
        return f"camera {self._whereabouts} lost: plug it in again, or close what took it over"

    def _open(self) -> None:
        self.close()
        device = self._whereabouts.locate()
        if device is None:
            raise CameraLostError(self._lost())
        frame = None
        try:
            with suppress_opencv_logging():
                frame = self._start(device)
        except cv2.error as error:
            raise open_failure(self.device) from error
        finally:
            if frame is None:
                self.close()
        if frame is None:
            # Only now, so that the reason isn't that we hold it ourselves.
            raise open_failure(self.device)

    def _start(self, device: int | str) -> Frame | None:
        self._capture = capture = self._opener(device)
        if not capture.isOpened():
            return None
        self._request_format(capture)
        self._first = frame = self._read()
        if frame is not None:
            self._read_actual_format(capture, frame)
            self._whereabouts.remember()
        return frame

    def _request_format(self, capture: Capture) -> None:
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

    def _read_actual_format(self, capture: Capture, frame: Frame) -> None:
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.size = Size.of(frame)
        self.fps = float(fps) if 1.0 <= fps <= 240.0 else self._asked[1]
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        letters = code.to_bytes(4, "little").decode("latin-1").strip()
        kind = f", {letters}" if letters.isascii() and letters.isprintable() and letters else ""
        self.format_description = f"{self.size} at {self.fps:g} fps{kind}"

    def _read(self) -> Frame | None:
        """The next frame; None if it failed again and again, or nothing new came for too long."""
        start = self._clock.now()
        good, frame = self._read_once()
        failures = 0
        # A driver may go on to give pictures of a camera that was pulled out, hence `there` with every frame.
        while (there := self._whereabouts.is_present) and frame is None:
            failures += not good
            if failures >= _FAILURES or self._clock.now() - start >= _SILENT_SECONDS:
                return None
            self._clock.sleep(_GLANCE_SECONDS if good else _PAUSE_SECONDS)
            with suppress_opencv_logging():
                good, frame = self._read_once()
        return frame if there else None

    def _read_once(self) -> tuple[bool, Frame | None]:
        """Whether the driver gave a picture, and the picture if it is a new one."""
        if self._capture is None:
            return False, None
        try:
            good, picture = self._capture.read()
            if not good or picture is None or not picture.size:
                return False, None
            new = self._novelty.is_new(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        except cv2.error:
            return False, None
        return True, to_rgb(picture) if new else None
