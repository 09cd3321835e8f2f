"""Contract of a frame source."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from livecam.core.geometry import Size
from livecam.core.types import Frame


class Source(Protocol):
    """Live frame source: entered with `with`, then iterated by one thread.

    `size`, `fps` and `format_description` hold the real values once the source is entered: a camera may
    grant another size or rate than the requested one.
    """

    @property
    def size(self) -> Size:
        """Size of the frames in pixels."""

    @property
    def fps(self) -> float:
        """Nominal rate in frames per second."""

    @property
    def format_description(self) -> str:
        """Size, rate and pixel format for the user, such as ``1280x720 at 30 fps, MJPG``."""

    def __enter__(self) -> object:
        """Open the source.

        Raises:
            LivecamError: it can't be opened.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """Close the source."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames, each a new array, at the pace of the source until it ends.

        Raises:
            CameraError: the camera is lost; iterating again tries to open it again.
            SourceIdle: there are no frames for now; iterating again waits for the next ones.
        """


class SourceIdle(Exception):  # noqa: N818 - not an error
    """Raised by a source that has no frames for now and is to be iterated again."""


def describe_format(size: Size, fps: float, fourcc: str = "") -> str:
    """Return the format description of a source: size, rate and, if known, the four-character code."""
    return f"{size} at {fps:g} fps" + (f", {fourcc}" if fourcc else "")
