"""Conversion between an image and SAM's square input, in both directions.

SAM's input has 1024x1024 pixels, its logits 256x256. The longer side of the image becomes 1024, the aspect
ratio is kept, and the rest at the right or at the bottom is padded with ImageNet's mean color, which is zero
inside the network. Source: Kirillov et al., "Segment Anything", ICCV 2023, and its ResizeLongestSide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Point
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte, resize, resize_float

SIDE = 1024
# KerasHub's ViTDetBackbone subtracts this: the padding is zero inside, as SAM was trained.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
# Pixels of the input for one logit, and for one pixel of a rough matte.
_LOGIT_STRIDE = 4
# Logit of a rough matte's 1. SAM was trained with its own logits as masks, which are about that large.
_MASK_LOGIT = 6.0
# Beyond this logit the sigmoid is 0 or 1 in float32; also SAM's own limit.
_MAX_LOGIT = 32.0


@dataclass(frozen=True)
class ResizeLongestSide:
    """Transform between images of one size and SAM's input (the name is segment-anything's).

    Attributes:
        size: size of the image.
        inner: size of the image in the input, without the padding.
        side: side of the input in pixels.
    """

    size: Size
    inner: Size
    side: int = SIDE

    @classmethod
    def of(cls, size: Size, side: int = SIDE) -> "ResizeLongestSide":
        """Return the transform for images of `size`."""
        scale = side / max(size)
        return cls(size, Size(*(max(1, int(length * scale + 0.5)) for length in size)), side)

    def apply_image(
        self, frame: Frame, scale: NDArray[np.float32], offset: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the input for a frame, float32 (side, side, 3): each color times `scale` plus `offset`."""
        square = np.empty((self.side, self.side, 3), np.float32)
        square[:] = MEAN
        small = resize(frame, self.inner)
        square[: self.inner.height, : self.inner.width] = small * scale + offset
        return square

    def apply_point(self, point: Point) -> Point:
        """Convert a position in the image to one in the input; whole numbers are pixel centres in both."""
        return Point(
            (point.x + 0.5) * self.inner.width / self.size.width - 0.5,
            (point.y + 0.5) * self.inner.height / self.size.height - 0.5,
        )

    def downscale(self, matte: Matte) -> Matte:
        """Return a matte at the size of the logits, 0 in the padding."""
        square = np.zeros((self.side, self.side), np.float32)
        square[: self.inner.height, : self.inner.width] = resize_float(matte, self.inner)
        return downscale_matte(square, Size(self.side // _LOGIT_STRIDE, self.side // _LOGIT_STRIDE))

    def mask_to_logits(self, matte: Matte) -> NDArray[np.float32]:
        """Convert a matte of the image's size to the logits that SAM takes as a mask prompt."""
        return np.asarray((2 * self.downscale(matte) - 1) * np.float32(_MASK_LOGIT), np.float32)

    def logits_to_matte(self, logits: NDArray[np.float32]) -> Matte:
        """Convert logits (256, 256) to a matte of the image's size, without the padding.

        The logits are resized, not the matte, so that the outline is smooth between their pixels. NaN becomes
        logit 0.
        """
        finite = np.clip(np.nan_to_num(logits), -_MAX_LOGIT, _MAX_LOGIT)
        square = resize_float(finite, Size(self.side, self.side))
        inner = np.ascontiguousarray(square[: self.inner.height, : self.inner.width])
        full = resize_float(inner, self.size)
        return np.asarray(1.0 / (1.0 + np.exp(-full)), np.float32)
