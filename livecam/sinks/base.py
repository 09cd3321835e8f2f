"""Contracts of a sink and of its devices, and the group of sinks that a run feeds."""

import logging
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import LivecamError, SinkError
from livecam.core.types import Frame, RgbaFrame

logger = logging.getLogger("livecam.sinks")


class Sink(Protocol):
    """Where frames go. Sinks are opened by a `with` block and get frames on the main thread only."""

    def send(self, frame: Frame) -> None:
        """Show or write a frame.

        The sink never changes it. Nothing writes to a frame once it is sent, so another thread of the sink
        may read it later; while a sink keeps it, its memory is not used again.
        """


class CameraBackend(Protocol):
    """Device of a virtual camera: the part of pyvirtualcam.Camera that the sink uses."""

    @property
    def device(self) -> str:
        """Name, as call programs list it, or device file."""

    def send(self, frame: Frame) -> None:
        """Show an RGB frame."""

    def close(self) -> None:
        """Close the device."""


class PreviewBackend(Protocol):
    """Desktop window. Images are BGR, as OpenCV's windows take them."""

    def open(self, title: str) -> None:
        """Open the window."""

    def show(self, title: str, image: NDArray[np.uint8]) -> None:
        """Show a BGR image."""

    def key(self) -> int:
        """Return the code of a pressed key, -1 if there is none; also handles the window's events."""

    def is_open(self, title: str) -> bool:
        """Return False once the user has closed the window."""

    def close(self, title: str) -> None:
        """Close the window."""


class SinkGroup:
    """Sinks of a run. A sink that fails is removed, the others continue.

    Attributes:
        errors: Errors of the sinks that failed, in order.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._working = list(sinks)
        self.errors: list[Exception] = []

    def add(self, sink: Sink) -> None:
        """Send frames to `sink` too."""
        self._working.append(sink)

    def remove(self, sink: Sink) -> None:
        """Send no more frames to `sink`. Does nothing if it has failed before."""
        if sink in self._working:
            self._working.remove(sink)

    def send(self, frame: Frame | RgbaFrame) -> None:
        """Send a frame to every sink that still works.

        Raises:
            LivecamError: No sink is left.
        """
        for sink in tuple(self._working):
            try:
                sink.send(frame)
            except Exception as error:  # the failure of one sink must not stop the others
                self._working.remove(sink)
                self.errors.append(error)
                # The error of the last sink ends the run and is reported by that.
                if self._working:
                    logger.warning("%s", as_sink_error(error))
        if self.errors and not self._working:
            raise as_sink_error(self.errors[-1])


def as_sink_error(error: Exception) -> Exception:
    """Return `error` itself if it is a LivecamError, else a SinkError with `error` as its cause."""
    if isinstance(error, LivecamError):
        return error
    sink_error = SinkError(f"an output failed ({error!r}); start again without it")
    sink_error.__cause__ = error
    return sink_error
