"""The contracts of the matting stages."""

from __future__ import annotations

from typing import Protocol

from livecam.core.types import Frame, Matte


class TemporalFilter(Protocol):
    """Small matte to calm small matte."""

    def apply(self, rough: Matte) -> Matte: ...  # noqa: D102
    def reset(self) -> None: ...  # noqa: D102


class MatteUpsampler(Protocol):
    """Small matte to the frame's size."""

    def upsample(self, calm: Matte, frame: Frame) -> Matte: ...  # noqa: D102
