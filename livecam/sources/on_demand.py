"""On-demand source: opens the camera only while a program reads the virtual camera."""

import logging
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.sources.base import Source, SourceIdle

logger = logging.getLogger("livecam.sources")

START_DELAY_SECONDS = 0.3
"""Applications that enumerate cameras open each one briefly; a longer use is a viewer."""
STOP_DELAY_SECONDS = 1.5
"""A call application closes and reopens the camera when a setting changes."""
_POLL_SECONDS = 0.05  # between two checks for a viewer
_IDLE_SECONDS = 0.5  # without a viewer, the iteration ends with SourceIdle


class ViewerMonitorLike(Protocol):
    """Reports whether a program reads the virtual camera."""

    def is_watched(self) -> bool: ...  # noqa: D102


class OnDemandSource:
    """Source of a camera's frames while there are viewers; raises SourceIdle, camera closed, otherwise."""

    format_description = "on demand"

    def __init__(
        self,
        camera_factory: Callable[[], Source],
        size: Size,
        fps: float,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Store what to open; nothing is opened yet.

        Args:
            camera_factory: creates the source, not yet entered; called until it succeeds once.
            size: size of the virtual camera; the camera may give frames of another.
            fps: rate of the virtual camera, likewise.
            clock: measures how long viewers are present; the system clock if None.
        """
        self.size, self.fps = size, float(fps)
        self._camera_factory = camera_factory
        self._monitor: ViewerMonitorLike | None = None
        self._clock = clock or SystemClock()
        self._camera: Source | None = None
        self._changed_at: float | None = None  # since when viewers and camera state differ

    def set_monitor(self, monitor: ViewerMonitorLike) -> None:
        """Set the viewer monitor; without one there are no viewers."""
        self._monitor = monitor

    def __enter__(self) -> "OnDemandSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: the camera is open during an iteration only."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the last viewer has left.

        Raises:
            SourceIdle: there is no viewer; iterate again.
            CameraError: the camera is missing, busy or lost.
        """
        self._wait_for_viewer()
        camera = self._create_camera()
        with camera:
            logger.info("a viewer is there: camera on (%s)", camera.format_description)
            for frame in camera:
                if self._held_for(not self._is_watched(), STOP_DELAY_SECONDS):
                    break
                yield frame
            else:
                return
        logger.info("no viewer is left: camera off")
        raise SourceIdle

    def _wait_for_viewer(self) -> None:
        """Return once a viewer has been present for the start delay.

        Raises:
            SourceIdle: there was none within half a second.
        """
        start = self._clock.now()
        while not self._held_for(self._is_watched(), START_DELAY_SECONDS):
            if self._clock.now() - start >= _IDLE_SECONDS:
                raise SourceIdle
            self._clock.sleep(_POLL_SECONDS)

    def _is_watched(self) -> bool:
        return self._monitor is not None and self._monitor.is_watched()

    def _held_for(self, changed: bool, seconds: float) -> bool:
        now = self._clock.now()
        if not changed:
            self._changed_at = None
        elif self._changed_at is None:
            self._changed_at = now
        if self._changed_at is None or now - self._changed_at < seconds:
            return False
        self._changed_at = None
        return True

    def _create_camera(self) -> Source:
        if self._camera is None:
            try:
                self._camera = self._camera_factory()
            except UsageError as error:  # the camera may not be plugged in yet
                raise CameraError(str(error)) from error
        return self._camera
