"""A source that is on only while somebody watches: the webcam's light goes out when the call is over."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.sources.base import Source, SourceIdle

START_DELAY_SECONDS = 0.3
"""Apps that list cameras look at each for a moment; who stays longer is a viewer."""
STOP_DELAY_SECONDS = 1.5
"""A call app leaves and comes back when a setting is changed."""
_GLANCE_SECONDS, _TURN_SECONDS = 0.05, 0.5


class ViewerMonitorLike(Protocol):
    """What is asked of the viewers."""

    def is_watched(self) -> bool: ...  # noqa: D102


class OnDemandSource:
    """Frames of a camera while somebody watches; Idle, with the camera closed, while nobody does."""

    def __init__(
        self,
        camera: Callable[[], Source],
        size: Size,
        fps: float,
        *,
        tell: Callable[[str], None] = lambda words: None,
        clock: Clock | None = None,
    ) -> None:
        """Note what to open when it is wanted; nothing is opened yet.

        Args:
            camera: makes the source, not yet entered; called until it succeeds once.
            size: of the virtual camera; the camera may give frames of another.
            fps: likewise.
            tell: takes one line for the user when the camera goes on or off.
            clock: measures how long viewers stay.
        """
        self.size, self.fps = size, float(fps)
        self._make, self._tell = camera, tell
        self._viewers: ViewerMonitorLike | None = None
        self._clock = clock or SystemClock()
        self._camera: Source | None = None
        self._changed: float | None = None  # since when the viewers are not what the camera is

    def set_monitor(self, viewers: ViewerMonitorLike) -> None:
        """Have these tell whether somebody watches; nobody does before."""
        self._viewers = viewers

    def __enter__(self) -> "OnDemandSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open outside of an iteration."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames until the last viewer has left.

        Raises:
            Idle: nobody watches; to be iterated again.
            CameraError: the camera is missing, busy or lost.
        """
        self._wait()
        camera = self._find()
        with camera:
            granted = getattr(camera, "format_description", "") or f"{camera.size} at {camera.fps:g} fps"
            self._tell(f"somebody watches: camera on ({granted})")
            for frame in camera:
                if self._held_for(not self._is_watched(), STOP_DELAY_SECONDS):
                    break
                yield frame
            else:
                return
        self._tell("nobody watches: camera off")
        raise SourceIdle

    def _wait(self) -> None:
        """Return once somebody stays.

        Raises:
            Idle: nobody did, for now.
        """
        start = self._clock.now()
        while not self._held_for(self._is_watched(), START_DELAY_SECONDS):
            if self._clock.now() - start >= _TURN_SECONDS:
                raise SourceIdle
            self._clock.sleep(_GLANCE_SECONDS)

    def _is_watched(self) -> bool:
        return self._viewers is not None and self._viewers.is_watched()

    def _held_for(self, changed: bool, seconds: float) -> bool:
        now = self._clock.now()
        if not changed:
            self._changed = None
        elif self._changed is None:
            self._changed = now
        if self._changed is None or now - self._changed < seconds:
            return False
        self._changed = None
        return True

    def _find(self) -> Source:
        if self._camera is None:
            try:
                self._camera = self._make()
            except UsageError as error:  # not plugged in yet, perhaps
                raise CameraError(str(error)) from error
        return self._camera
