"""The square that SAM looks at: the picture at its top left, the rest padding; and the way there and back.

SAM wants 1024x1024 pixels and answers with 256x256 logits. The longer side of the picture becomes 1024, the
shape is kept, and what is missing at the right or at the bottom is filled with what the network sees as zero:
ImageNet's mean colour. Source: Kirillov et al., "Segment Anything", ICCV 2023, and its ResizeLongestSide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Point
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte, resize, resize_float

SIDE = 1024
# What KerasHub's ViTDetBackbone subtracts: padded with this, the padding is zero inside, as SAM was trained.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
# Of the logits, and of rough mattes.
_COARSER = 4
# A rough matte's 0 and 1 as logits. SAM was trained with its own logits as masks, which are about that large.
_SURE = 6.0
# Beyond this a logit's matte is 0 or 1 in float32; also SAM's own limit.
_FIRM = 32.0


@dataclass(frozen=True)
class ResizeLongestSide:
    """Where a picture of `size` lies on the square.

    Attributes:
        size: the picture's own.
        inner: the size of the picture on the square.
        side: of the square, in pixels.
    """

    size: Size
    inner: Size
    side: int = SIDE

    @classmethod
    def of(cls, size: Size, side: int = SIDE) -> "ResizeLongestSide":
        """The canvas for pictures of a size."""
        scale = side / max(size)
        return cls(size, Size(*(max(1, int(length * scale + 0.5)) for length in size)), side)

    def apply_image(
        self, frame: Frame, scale: NDArray[np.float32], offset: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The frame on the square, each colour times `scale` plus `offset`: float32 (side, side, 3)."""
        square = np.empty((self.side, self.side, 3), np.float32)
        square[:] = MEAN
        small = resize(frame, self.inner)
        square[: self.inner.height, : self.inner.width] = small * scale + offset
        return square

    def apply_point(self, point: Point) -> Point:
        """A place in the picture as one on the square; in both, whole numbers are the centres of pixels."""
        return Point(
            (point.x + 0.5) * self.inner.width / self.size.width - 0.5,
            (point.y + 0.5) * self.inner.height / self.size.height - 0.5,
        )

    def small(self, matte: Matte) -> Matte:
        """A matte of the picture's size at the size of the logits; the padding is none of it."""
        square = np.zeros((self.side, self.side), np.float32)
        square[: self.inner.height, : self.inner.width] = resize_float(matte, self.inner)
        return downscale_matte(square, Size(self.side // _COARSER, self.side // _COARSER))

    def mask_to_logits(self, matte: Matte) -> NDArray[np.float32]:
        """A matte of the picture's size as the logits that SAM takes as a hint."""
        return np.asarray((2 * self.small(matte) - 1) * np.float32(_SURE), np.float32)

    def logits_to_matte(self, logits: NDArray[np.float32]) -> Matte:
        """Logits (256, 256) of the square as a matte of the picture's size, without the padding.

        The logits are resized, not the finished matte: so the outline runs smoothly between their pixels.
        """
        sane = np.clip(np.nan_to_num(logits), -_FIRM, _FIRM)
        square = resize_float(sane, Size(self.side, self.side))
        inner = np.ascontiguousarray(square[: self.inner.height, : self.inner.width])
        full = resize_float(inner, self.size)
        return np.asarray(1.0 / (1.0 + np.exp(-full)), np.float32)
