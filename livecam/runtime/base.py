"""Contract of the pipeline, as the live loop and the conversion of videos use it."""

from typing import Any, Protocol

from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame


class FrameProcessor(Protocol):
    """Replaces backgrounds frame by frame and keeps memory between frames."""

    @property
    def transparent(self) -> bool:
        """True if the results are RGBA frames."""

    def replace(self, frame: Frame, timestamp: float | None = None) -> Frame | RgbaFrame:
        """Replace the background of `frame`; `timestamp` is its time in seconds, None for the present."""

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame | RgbaFrame:
        """Render what is shown without a matte. It contains no source pixel."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def continue_from(self, previous: Any) -> None:
        """Take the place of `previous`, between two frames."""
