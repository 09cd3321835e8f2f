"""A person without a camera: a photo, moved as if it were a webcam's picture."""

import math
from collections.abc import Iterator
from importlib import resources
from types import TracebackType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import ImageError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.sources.pacing import check_fps, ticks

PERIOD_SECONDS = 8.0

# The window on the photo, in its pixels (512x512), at rest. The hair begins 15 rows below its top: there is
# more room to move sideways than up. The head stands left of the middle, which narrow windows make good.
_WIDEST = Size(452, 452)
_LEFT, _TOP = 22.0, 5.0
_NARROW_LEFT = 22.0
_PAN, _TILT = 17.0, 1.2
_ROLL = math.radians(0.7)
_ZOOM = 0.02


class DemoSource:
    """A source that shows the astronaut Eileen Collins (NASA, public domain), swaying, for ever."""

    def __init__(self, size: Size | None = None, fps: float = 30.0, *, clock: Clock | None = None) -> None:
        """Read the photo.

        Args:
            size: of the frames; 1280x720 if None.
            fps: frames a second.
            clock: paces the frames; the system's if None.

        Raises:
            UsageError: `fps` is not a rate.
            ImageError: the photo is missing from the installation.
        """
        self.size = size or Size(1280, 720)
        self.fps = check_fps(fps)
        self._clock = clock or SystemClock()
        self._photo = _read_photo()

    def __enter__(self) -> "DemoSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def __iter__(self) -> Iterator[Frame]:
        for seconds in ticks(self.fps, self._clock):
            yield self.frame_at(seconds)

    def frame_at(self, seconds: float) -> Frame:
        """The frame at a moment; the movement repeats every 8 s."""
        moved = cv2.warpAffine(
            self._photo,
            camera_transform(self.size, seconds),
            tuple(self.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        return cast(Frame, cv2.cvtColor(moved, cv2.COLOR_BGRA2RGB))


def camera_transform(size: Size, seconds: float) -> NDArray[np.float64]:
    """Where a frame's pixels lie in the photo: a matrix (2, 3) from the frame's (x, y, 1) to (x, y) there."""
    phase = 2 * math.pi * seconds / PERIOD_SECONDS
    aspect = size.width / size.height
    width = min(_WIDEST.width, _WIDEST.height * aspect)
    # Harmonics of one period only, so that the movement has no seam.
    x = _LEFT + _WIDEST.width / 2 + _PAN * math.sin(phase) - _NARROW_LEFT * (1 - width / _WIDEST.width)
    y = _TOP + width / aspect / 2 + _TILT * math.sin(2 * phase + 0.7)
    lean = _ROLL * math.sin(phase + 0.9) * min(1.0, aspect)
    scale = width / size.width * (1 - _ZOOM * (0.5 - 0.5 * math.cos(phase + 2.1)))
    cosine, sine = scale * math.cos(lean), scale * math.sin(lean)
    middle_x, middle_y = (size.width - 1) / 2, (size.height - 1) / 2
    return np.array(
        [
            [cosine, -sine, x - cosine * middle_x + sine * middle_y],
            [sine, cosine, y - sine * middle_x - cosine * middle_y],
        ]
    )


def _read_photo() -> NDArray[np.uint8]:
    try:
        data = (resources.files("livecam") / "assets" / "astronaut.jpg").read_bytes()
    except OSError as error:
        raise ImageError("the demo's photo is missing: install livecam again") from error
    photo = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if photo is None:
        raise ImageError("the demo's photo is damaged: install livecam again")
    # Four channels, as OpenCV warps them more than twice as fast as three.
    return cast(NDArray[np.uint8], cv2.cvtColor(photo, cv2.COLOR_BGR2BGRA))
