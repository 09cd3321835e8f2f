"""The contract of a matte model."""

from __future__ import annotations

from typing import Protocol

from livecam.core.types import Frame, Matte


class MatteModel(Protocol):
    """Frame to small matte."""

    def predict(self, frame: Frame) -> Matte: ...  # noqa: D102
