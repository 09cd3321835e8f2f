"""A still picture as a source, and the beat that paces every source made of code."""

from collections.abc import Iterator
from types import TracebackType

from livecam.core.clock import Clock, SystemClock
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.imaging.ops import resize
from livecam.sources.pacing import check_fps, ticks


class ImageSource:
    """A source that repeats one picture for ever."""

    def __init__(
        self, picture: Frame, size: Size | None = None, fps: float = 30.0, *, clock: Clock | None = None
    ) -> None:
        """Prepare the picture.

        Args:
            picture: what is shown.
            size: made smaller to lie within it, keeping its shape; never made larger. None keeps it.
            fps: frames a second.
            clock: paces the frames; the system's if None.

        Raises:
            FrameError: `picture` is not a frame.
            UsageError: `fps` is not a rate.
        """
        self.fps = check_fps(fps)
        self._clock = clock or SystemClock()
        self._frame = resize(check_frame(picture), _fit(Size.of(picture), size))
        self.size = Size.of(self._frame)

    def __enter__(self) -> "ImageSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def __iter__(self) -> Iterator[Frame]:
        for _ in ticks(self.fps, self._clock):
            yield self._frame.copy()


def _fit(have: Size, within: Size | None) -> Size:
    factor = min(1.0, within.width / have.width, within.height / have.height) if within else 1.0
    # Even sides, as video with halved colour needs them.
    return Size(*(max(2, int(side * factor + 0.5) // 2 * 2) for side in have))
