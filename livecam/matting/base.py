"""The contracts of the matting stages."""

from __future__ import annotations

from typing import Protocol

from livecam.core.types import Frame, Matte


class Smooths(Protocol):
    """Small matte to calm small matte."""

    def smooth(self, rough: Matte) -> Matte: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class Sharpens(Protocol):
    """Small matte to the frame's size."""

    def sharpen(self, calm: Matte, frame: Frame) -> Matte: ...  # noqa: D102
