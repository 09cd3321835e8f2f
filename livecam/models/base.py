"""The contract of a matte model."""

from __future__ import annotations

from typing import Protocol

from livecam.core.types import Frame, Matte


class Segments(Protocol):
    """Frame to small matte."""

    def segment(self, frame: Frame) -> Matte: ...  # noqa: D102
