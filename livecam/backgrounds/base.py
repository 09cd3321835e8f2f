"""Contracts of a background and of the video that a background plays."""

from collections.abc import Iterator
from typing import Any, Protocol

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, VideoFrame


class Background(Protocol):
    """What replaces the room.

    Two threads use a background at the same time: the processing thread calls `render`, the live loop calls
    `render_standalone`. A frame that was returned is never written to again.
    """

    @property
    def is_transparent(self) -> bool:
        """True if nothing is behind the foreground: the pipeline then makes RGBA frames."""

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Render the background for `frame`.

        Args:
            frame: The source frame, uint8 RGB; only a blurred background uses its pixels.
            matte: Full-resolution matte of `frame`.
            timestamp: Time of `frame` in seconds, for a background that moves; None: now, by its clock.

        Returns:
            A frame of the size of `frame`, or None if the background is transparent.
        """

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        """Render what is shown without a matte. It contains no source pixel."""

    def close(self) -> None:
        """Release files, threads and images."""


class SeekableVideo(Protocol):
    """Video file that a background plays; each `frames()` starts it again (`video.VideoReader`)."""

    fps: float
    duration_seconds: float | None
    has_audio: bool

    def __enter__(self) -> Any:
        """Open the file."""

    def frames(self) -> Iterator[VideoFrame]:
        """Yield every frame once, from the first."""

    def close(self) -> None:
        """Close the file."""
