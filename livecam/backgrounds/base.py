"""The contract of a background."""

from typing import Protocol

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte


class Background(Protocol):
    """What stands behind the subject."""

    def render(self, frame: Frame, matte: Matte) -> Frame:
        """The backdrop at the size of `picture`; never written again by whoever gave it."""

    def render_standalone(self, size: Size) -> Frame:
        """What is shown without a matte; no pixel of it comes from a source."""

    def close(self) -> None:
        """Let go of files and pictures."""
