"""Image source: a still image as a stream of frames."""

from collections.abc import Iterator
from types import TracebackType

from livecam.core.clock import Clock, SystemClock
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.imaging.ops import resize
from livecam.sources.base import describe_format
from livecam.sources.pacing import check_fps, ticks


class ImageSource:
    """Source that repeats one image endlessly."""

    def __init__(
        self, image: Frame, size: Size | None = None, fps: float = 30.0, *, clock: Clock | None = None
    ) -> None:
        """Resize the image.

        Args:
            image: uint8 RGB, shape (height, width, 3).
            size: upper limit of both sides; the image keeps its aspect ratio and is never enlarged. None
                keeps its size, apart from odd sides.
            fps: frames per second.
            clock: paces the frames; the system clock if None.

        Raises:
            FrameError: `image` is not a frame.
            UsageError: `fps` is not a valid rate.
        """
        self.fps = check_fps(fps)
        self._clock = clock or SystemClock()
        self._frame = resize(check_frame(image), _fit_within(Size.of(image), size))
        self.size = Size.of(self._frame)

    @property
    def format_description(self) -> str:
        """Size and rate for the user."""
        return describe_format(self.size, self.fps)

    def __enter__(self) -> "ImageSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: no resource is held."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield copies of the image, `fps` per second."""
        for _ in ticks(self.fps, self._clock):
            yield self._frame.copy()


def _fit_within(size: Size, limit: Size | None) -> Size:
    scale = min(1.0, limit.width / size.width, limit.height / size.height) if limit else 1.0
    # Even sides, because video with subsampled chroma needs them.
    return Size(*(max(2, int(side * scale + 0.5) // 2 * 2) for side in size))
