"""Webcam source: negotiates size and rate with the driver and reopens the device after a disconnect."""

from collections.abc import Iterator
from types import TracebackType

import cv2

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraLostError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.devices.device_tracker import DeviceTracker, TrackerFactory
from livecam.devices.discovery import camera_open_error
from livecam.devices.opencv_capture import (
    Capture,
    CaptureFactory,
    DuplicateFrameDetector,
    open_capture,
    suppress_opencv_logging,
    to_rgb,
)
from livecam.sources.base import describe_format

_MAX_FAILURES = 5  # failed reads in a row
_SILENCE_SECONDS = 2.0  # without a new frame, the camera counts as lost
_RETRY_SECONDS = 0.1  # after a failed read
_DUPLICATE_SECONDS = 0.01  # after a frame that the driver gave before


class WebcamSource:
    """Source that reads a webcam through OpenCV.

    A lost camera raises CameraError; iterating again opens it again, wherever a camera of its name was
    plugged in. Frames that the driver repeats are dropped; 2 s without a new frame mean a lost camera.

    `size`, `fps` and `format_description` are the values that the camera granted, once it is open. Used by
    one thread.
    """

    def __init__(
        self,
        device: int | str,
        size: Size | None = None,
        fps: float = 30.0,
        *,
        capture_factory: CaptureFactory = open_capture,
        clock: Clock | None = None,
        tracker_factory: TrackerFactory = DeviceTracker,
    ) -> None:
        """Store the request; `with` or the first frame opens the camera.

        Args:
            device: a number, or on Linux a device file too.
            size: requested size; None keeps the camera's own.
            fps: requested rate; used as the actual one if the driver reports none between 1 and 240.
            capture_factory: opens a device as `open_capture` does.
            clock: measures silence; the system clock if None.
            tracker_factory: creates the tracker that locates the camera again.
        """
        self.size = size or Size(640, 480)
        self.fps = float(fps)
        self.format_description = describe_format(self.size, self.fps)
        self._requested = (size, float(fps))
        self._open_capture = capture_factory
        self._clock = clock or SystemClock()
        self._capture: Capture | None = None
        self._first_frame: Frame | None = None
        self._tracker = tracker_factory(device)
        # Kept across reconnects: a camera that comes back may begin with its last frame from before.
        self._duplicates = DuplicateFrameDetector()

    @property
    def device(self) -> int | str:
        """Number or device file where the camera is, or was last."""
        return self._tracker.device

    def __enter__(self) -> "WebcamSource":
        """Open the camera.

        Raises:
            CameraError: it is missing or busy, or gives no frames.
        """
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the camera; does nothing if it is closed."""
        capture, self._capture, self._first_frame = self._capture, None, None
        if capture is not None:
            capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """Yield new frames, each a new array, at the camera's pace; open it first if it is closed.

        Raises:
            CameraError: the camera is lost, or can't be opened again.
        """
        if self._capture is None:
            self._open()
        while self._capture is not None:
            frame, self._first_frame = self._first_frame, None
            frame = self._read() if frame is None else frame
            if frame is None:
                self.close()
                raise self._lost_error()
            yield frame

    def _lost_error(self) -> CameraLostError:
        return CameraLostError(f"camera {self._tracker} lost: plug it in again, or close what took it over")

    def _open(self) -> None:
        self.close()
        device = self._tracker.locate()
        if device is None:
            raise self._lost_error()
        frame = None
        try:
            with suppress_opencv_logging():
                frame = self._start(device)
        except cv2.error as error:
            raise camera_open_error(self.device) from error
        finally:
            if frame is None:
                self.close()
        if frame is None:
            # After close(), so that this process is not the one that keeps the device busy.
            raise camera_open_error(self.device)

    def _start(self, device: int | str) -> Frame | None:
        self._capture = capture = self._open_capture(device)
        if not capture.isOpened():
            return None
        self._request_format(capture)
        self._first_frame = frame = self._read()
        if frame is not None:
            self._read_actual_format(capture, frame)
            self._tracker.remember()
        return frame

    def _request_format(self, capture: Capture) -> None:
        size, fps = self._requested
        # V4L2 offers sizes per pixel format and rates per size, hence the order. Most webcams reach 30 fps
        # at 720p only as MJPG.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if size:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size.height)
        capture.set(cv2.CAP_PROP_FPS, fps)
        # Not 1: the driver has no free buffer while a frame is decoded, which halves the rate.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)

    def _read_actual_format(self, capture: Capture, frame: Frame) -> None:
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.size = Size.of(frame)
        self.fps = float(fps) if 1.0 <= fps <= 240.0 else self._requested[1]
        code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        fourcc = code.to_bytes(4, "little").decode("latin-1").strip()
        is_readable = fourcc.isascii() and fourcc.isprintable()
        self.format_description = describe_format(self.size, self.fps, fourcc if is_readable else "")

    def _read(self) -> Frame | None:
        """Return the next new frame; None after 5 failures or 2 s of silence, or if the device has gone."""
        start = self._clock.now()
        succeeded, frame = self._read_once()
        failures = 0
        # A driver may still give frames of a camera that was pulled out, so presence is checked every time.
        while (present := self._tracker.is_present) and frame is None:
            failures += not succeeded
            if failures >= _MAX_FAILURES or self._clock.now() - start >= _SILENCE_SECONDS:
                return None
            self._clock.sleep(_DUPLICATE_SECONDS if succeeded else _RETRY_SECONDS)
            with suppress_opencv_logging():
                succeeded, frame = self._read_once()
        return frame if present else None

    def _read_once(self) -> tuple[bool, Frame | None]:
        """Return whether the driver gave an image, and the frame unless it is a duplicate."""
        if self._capture is None:
            return False, None
        try:
            succeeded, image = self._capture.read()
            if not succeeded or image is None or not image.size:
                return False, None
            is_new = self._duplicates.is_new(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        except cv2.error:
            return False, None
        return True, to_rgb(image) if is_new else None
