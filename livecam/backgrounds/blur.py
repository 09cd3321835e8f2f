"""Blurred background: the room out of focus, as if the foreground were not in it.

Normalized convolution (Knutsson and Westin, 1993): colors are blurred with their weight of being background
and divided by the blurred weight, so that the foreground never bleeds into the background. Where the
foreground covers everything in reach, the colors come from coarser scales: pull and push (Gortler et al., The
Lumigraph, 1996).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livecam.backgrounds.placeholder import placeholder_frame
from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import (
    dilate3,
    downscale,
    downscale_matte,
    gaussian_blur_float,
    replicate_channels,
    resize,
    resize_float,
)

FloatImage = NDArray[np.float32]

_DEFAULT_STRENGTH = 25.0
_REFERENCE_HEIGHT = 720  # strengths are pixels of a frame of this height
# At a quarter of that height, bilinear upscaling shows its grid if the blur is below one pixel.
_MIN_STRENGTH = 4.0
# A cell with 1/8 foreground in it or next to it has no weight as background.
_FOREGROUND_GAIN = np.float32(8.0)
# Background weight in reach below which the colors of coarser scales take over.
_MIN_WEIGHT = np.float32(0.05)
# Below this weight there is no background at all, only rounding errors.
_ZERO_WEIGHT = np.float32(1e-4)
_NEUTRAL_COLOR = np.array([[[92.0, 94.0, 98.0]]], np.float32)


class BlurredBackground:
    """Background that is the frame's own background, blurred so that nothing in it can be read."""

    is_transparent = False

    def __init__(self, strength: float = _DEFAULT_STRENGTH) -> None:
        """Set the strength.

        Args:
            strength: Sigma in pixels of a frame of height 720, 1..100; it grows with the frame. Values below
                4 have the effect of 4.

        Raises:
            UsageError: `strength` is not within 1..100.
        """
        if not 1.0 <= strength <= 100.0:
            raise UsageError(
                f"blur strength {strength:g} is not from 1 to 100; blur:{_DEFAULT_STRENGTH:g} is usual"
            )
        self.strength = float(strength)

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Blur the background of `frame`; a neutral gray where the matte keeps everything."""
        size = Size.of(frame)
        sigma = max(self.strength, _MIN_STRENGTH) * size.height / _REFERENCE_HEIGHT
        halvings = _count_halvings(sigma, size.height)
        for _ in range(halvings):  # several times faster than one large step
            frame, matte = downscale(frame, _half_size(frame)), downscale_matte(matte, _half_size(frame))
        background = _weighted_background(frame, matte)
        sigma /= 1 << halvings
        fill = gaussian_blur_float(_pull_push_fill(background.halved()), sigma / 2)
        blurred = resize(_to_frame(background.blurred(sigma).normalized(fill)), size)
        blurred.setflags(write=False)
        return blurred

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        """Return the placeholder: without a matte it is not known what is background."""
        return placeholder_frame(size)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class _WeightedColors(NamedTuple):
    """Colors times their weight as background (height, width, 3), and the weight (height, width)."""

    colors: FloatImage
    weight: FloatImage

    def halved(self) -> "_WeightedColors":
        size = _half_size(self.weight)
        return _WeightedColors(resize_float(self.colors, size), resize_float(self.weight, size))

    def blurred(self, sigma: float) -> "_WeightedColors":
        return _WeightedColors(
            gaussian_blur_float(self.colors, sigma), gaussian_blur_float(self.weight, sigma)
        )

    def normalized(self, fill: FloatImage, fill_weight: np.float32 = _MIN_WEIGHT) -> FloatImage:
        """Divide by the weight; `fill` (of any size) counts as one more color with `fill_weight`."""
        colors: FloatImage = self.colors + fill_weight * resize_float(fill, Size.of(self.colors))
        colors /= replicate_channels(self.weight + fill_weight)
        return colors


def _half_size(image: NDArray[Any]) -> Size:
    return Size((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)


def _count_halvings(sigma: float, height: int) -> int:
    """Count the halvings after which a blur of about three pixels remains, down to a quarter of 720."""
    return min(4, max(0, int(math.log2(max(sigma / 2.0, height / 180.0)))))


def _weighted_background(frame: Frame, matte: Matte) -> _WeightedColors:
    weight = np.clip(np.float32(1.0) - _FOREGROUND_GAIN * dilate3(matte), 0.0, 1.0)
    return _WeightedColors(frame * replicate_channels(weight), weight)


def _pull_push_fill(background: _WeightedColors) -> FloatImage:
    """Compute a color for every pixel, each from the finest scale that has background there."""
    if max(background.weight.shape) <= 2:
        return background.normalized(_NEUTRAL_COLOR, _ZERO_WEIGHT)
    return background.normalized(_pull_push_fill(background.halved()))


def _to_frame(colors: FloatImage) -> Frame:
    return np.asarray(colors + 0.5, dtype=np.uint8)
