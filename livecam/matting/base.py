"""The contracts of the stages between the coarse matte and the full-resolution matte."""

from __future__ import annotations

from typing import Protocol

from livecam.core.geometry import Crop
from livecam.core.types import Frame, Matte, Motion


class TemporalFilter(Protocol):
    """Removes flicker from coarse mattes.

    It keeps memory from frame to frame. One thread at a time may use it.
    """

    def apply(self, coarse: Matte, motion: Motion | None = None) -> Matte:
        """Return the filtered matte of the next frame.

        Args:
            coarse: float32 (model height, model width) in [0, 1]; the filter does not write to it.
            motion: where the colors of the frame have changed, like `coarse`; None: not known.

        Returns:
            A new float32 array of the same shape in [0, 1]. The caller may write to it. The first matte
            after `reset`, and a matte of another shape, is returned unfiltered.
        """

    def move(self, before: Crop, after: Crop) -> None:
        """Keep the memory where it belongs in the frame: the next coarse matte covers another crop."""

    def reset(self) -> None:
        """Forget all earlier mattes: after a scene cut, a pause or a failed frame."""


class MatteUpsampler(Protocol):
    """Brings a coarse matte to frame size, along the edges in the frame. It keeps no memory."""

    def upsample(self, filtered: Matte, frame: Frame, crop: Crop) -> Matte:
        """Return the full-resolution matte, which is 0 outside the crop.

        Args:
            filtered: float32 (model height, model width) in [0, 1].
            frame: the frame that the matte belongs to, uint8 RGB (height, width, 3).
            crop: the part of the frame that `filtered` covers.

        Returns:
            A new float32 array (height, width) in [0, 1].
        """
