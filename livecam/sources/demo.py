"""Demo source: a photo, moved as if a camera filmed a person."""

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
from livecam.imaging.ops import resize
from livecam.sources.base import describe_format
from livecam.sources.pacing import check_fps, ticks

PERIOD_SECONDS = 8.0

# The crop of the photo (512x512) without movement, in its pixels. The hair begins 15 rows below the top of
# the crop, so there is more room for horizontal movement than for vertical. The head is left of the center,
# which a narrow crop compensates.
_MAX_CROP = Size(452, 452)
_LEFT, _TOP = 22.0, 5.0
_NARROW_SHIFT = 22.0
_PAN, _TILT = 17.0, 1.2  # amplitudes in pixels of the photo
_ROLL = math.radians(0.7)
_ZOOM = 0.02


class DemoSource:
    """Source that shows the astronaut Eileen Collins (NASA, public domain), moving gently, endlessly."""

    def __init__(self, size: Size | None = None, fps: float = 30.0, *, clock: Clock | None = None) -> None:
        """Read the photo.

        Args:
            size: size of the frames; 1280x720 if None.
            fps: frames per second.
            clock: paces the frames; the system clock if None.

        Raises:
            UsageError: `fps` is not a valid rate.
            ImageError: the photo is missing from the installation.
        """
        self.size = size or Size(1280, 720)
        self.fps = check_fps(fps)
        self._clock = clock or SystemClock()
        self._photo = _read_photo()

    @property
    def format_description(self) -> str:
        """Size and rate for the user."""
        return describe_format(self.size, self.fps)

    def __enter__(self) -> "DemoSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: no resource is held."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames of the current times, `fps` per second."""
        for seconds in ticks(self.fps, self._clock):
            yield self.frame_at(seconds)

    def frame_at(self, seconds: float) -> Frame:
        """Return the frame at a time as a new array; the movement repeats every 8 s."""
        # Large frames hold no more detail than their half: the photo has fewer pixels.
        half = Size(self.size.width // 2, self.size.height // 2)
        is_large = half.width >= _MAX_CROP.width and not (self.size.width % 2 or self.size.height % 2)
        size = half if is_large else self.size
        warped = cv2.warpAffine(
            self._photo,
            camera_transform(size, seconds),
            tuple(size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        frame = cast(Frame, cv2.cvtColor(warped, cv2.COLOR_BGRA2RGB))
        return resize(frame, self.size) if is_large else frame


def camera_transform(size: Size, seconds: float) -> NDArray[np.float64]:
    """Return the affine map from frame to photo, float64 (2, 3): (x, y, 1) of a frame to (x, y) there."""
    phase = 2 * math.pi * seconds / PERIOD_SECONDS
    aspect = size.width / size.height
    width = min(_MAX_CROP.width, _MAX_CROP.height * aspect)
    # Harmonics of one period only, so that the movement repeats without a jump.
    x = _LEFT + _MAX_CROP.width / 2 + _PAN * math.sin(phase) - _NARROW_SHIFT * (1 - width / _MAX_CROP.width)
    y = _TOP + width / aspect / 2 + _TILT * math.sin(2 * phase + 0.7)
    roll = _ROLL * math.sin(phase + 0.9) * min(1.0, aspect)
    scale = width / size.width * (1 - _ZOOM * (0.5 - 0.5 * math.cos(phase + 2.1)))
    cosine, sine = scale * math.cos(roll), scale * math.sin(roll)
    center_x, center_y = (size.width - 1) / 2, (size.height - 1) / 2
    return np.array(
        [
            [cosine, -sine, x - cosine * center_x + sine * center_y],
            [sine, cosine, y - sine * center_x - cosine * center_y],
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
    # Four channels, because OpenCV warps them more than twice as fast as three.
    return cast(NDArray[np.uint8], cv2.cvtColor(photo, cv2.COLOR_BGR2BGRA))
