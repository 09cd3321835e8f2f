"""The contract of a frame source."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol

from livecam.core.geometry import Size
from livecam.core.types import Frame


class Source(Protocol):
    """Where frames come from: entered, then iterated; `size` and `fps` are right once it is entered."""

    size: Size
    fps: float

    def __enter__(self) -> object:
        """Open it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """Close it."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames until the end. CameraError: lost for now; iterating again tries again."""


class SourceIdle(Exception):  # noqa: N818 - no error either
    """A source has nothing to read just now, and wants to be iterated again."""
