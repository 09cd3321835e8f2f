"""The room out of focus, as if nobody stood in it.

Normalised convolution (Knutsson and Westin, 1993): colours are blurred with the weight of being background
and divided by the blurred weight, so the subject never bleeds into the room. Where the subject covers all in
reach, the colours come from coarser scales: pull and push (Gortler et al., The Lumigraph, 1996).
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

Light = NDArray[np.float32]

_DEFAULT_STRENGTH = 25.0
# Everything is measured in pixels of a frame of this height.
_HEIGHT = 720
# At a quarter of that height, bilinear enlarging shows its grid below one pixel of blur.
_MIN_STRENGTH = 4.0
# A cell that is an eighth subject, or next to one, says nothing about the room any more.
_FOREGROUND_GAIN = np.float32(8.0)
# How little background there may be in reach before coarser scales take over.
_MIN_WEIGHT = np.float32(0.05)
# Below this there is no background at all, only rounding.
_NOTHING = np.float32(1e-4)
_NEUTRAL = np.array([[[92.0, 94.0, 98.0]]], np.float32)


class BlurredBackground:
    """Stands behind the subject: the frame's own background, blurred beyond reading."""

    def __init__(self, strength: float = _DEFAULT_STRENGTH) -> None:
        """Set the strength.

        Args:
            strength: sigma in pixels of a frame 720 high, 1..100; it grows with the frame. Below 4 is as 4.

        Raises:
            UsageError: `strength` is not within 1..100.
        """
        if not 1.0 <= strength <= 100.0:
            raise UsageError(
                f"blur strength {strength:g} is not from 1 to 100; blur:{_DEFAULT_STRENGTH:g} is usual"
            )
        self.strength = float(strength)

    def render(self, frame: Frame, matte: Matte) -> Frame:
        """The blurred background at the frame's size; a neutral tone where the matte keeps everything."""
        size = Size.of(frame)
        sigma = max(self.strength, _MIN_STRENGTH) * size.height / _HEIGHT
        halvings = _halvings(sigma, size.height)
        for _ in range(halvings):  # several times faster than one large step
            frame, matte = downscale(frame, _half(frame)), downscale_matte(matte, _half(frame))
        room = _room(frame, matte)
        sigma /= 1 << halvings
        fill = gaussian_blur_float(_pull_push_fill(room.halved()), sigma / 2)
        blurred = resize(_to_frame(room.softened(sigma).filled(fill)), size)
        blurred.setflags(write=False)
        return blurred

    def render_standalone(self, size: Size) -> Frame:
        """The card: without a matte there is no telling what is room."""
        return placeholder_frame(size)

    def close(self) -> None:
        """Nothing to close."""


class _WeightedColors(NamedTuple):
    """Colours times their weight as background (height, width, 3), and the weight (height, width)."""

    light: Light
    weight: Light

    def halved(self) -> "_WeightedColors":
        size = _half(self.weight)
        return _WeightedColors(resize_float(self.light, size), resize_float(self.weight, size))

    def softened(self, sigma: float) -> "_WeightedColors":
        return _WeightedColors(
            gaussian_blur_float(self.light, sigma), gaussian_blur_float(self.weight, sigma)
        )

    def filled(self, fill: Light, scarce: np.float32 = _MIN_WEIGHT) -> Light:
        """The colours; those of `fill` (of any size) where the weight is not far above `scarce`."""
        light: Light = self.light + scarce * resize_float(fill, Size.of(self.light))
        light /= replicate_channels(self.weight + scarce)
        return light


def _half(picture: NDArray[Any]) -> Size:
    return Size((picture.shape[1] + 1) // 2, (picture.shape[0] + 1) // 2)


def _halvings(sigma: float, height: int) -> int:
    """How often to halve so that a blur of some three pixels remains, but not below a quarter of 720."""
    return min(4, max(0, int(math.log2(max(sigma / 2.0, height / 180.0)))))


def _room(frame: Frame, matte: Matte) -> _WeightedColors:
    weight = np.clip(np.float32(1.0) - _FOREGROUND_GAIN * dilate3(matte), 0.0, 1.0)
    return _WeightedColors(frame * replicate_channels(weight), weight)


def _pull_push_fill(room: _WeightedColors) -> Light:
    """Colours for every place of the room, each from the finest scale that has any there."""
    if max(room.weight.shape) <= 2:
        return room.filled(_NEUTRAL, _NOTHING)
    return room.filled(_pull_push_fill(room.halved()))


def _to_frame(light: Light) -> Frame:
    return np.asarray(light + 0.5, dtype=np.uint8)
