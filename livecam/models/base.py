"""The contract of a matting model."""

from __future__ import annotations

from typing import Protocol

from livecam.core.types import Frame, Matte


class MatteModel(Protocol):
    """Predicts a coarse matte from one frame. It keeps no memory from frame to frame."""

    def predict(self, frame: Frame) -> Matte:
        """Return the coarse matte of a frame.

        Args:
            frame: uint8 RGB (height, width, 3) of any size; the model resizes it and does not write to it.

        Returns:
            A new float32 array (model height, model width) in [0, 1], 1 = keep. The size is the same for
            each call. The caller may write to it.
        """
