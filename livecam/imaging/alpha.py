"""Flatten transparent images: a still, or the frames of a video, over a dark gray."""

import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import box_mean, widest_channel

# The gray level behind transparent parts of an image: dark and neutral, so that it does not tint hair.
_GRAY = 40
# Levels by which a color may exceed its alpha through rounding and subsampled chroma.
_TOLERANCE = 12
# Fraction of the pixels that are not opaque, from which on they are no damage.
_MIN_STRAIGHT_FRACTION = 0.02
_MIN_PIXELS = 16  # that are partly transparent; fewer say nothing
_SOFT = (16, 240)  # levels of alpha at which both readings of a color differ enough
_WINDOW = 31  # pixels around a soft one in which opaque pixels have its color
_MIN_CORRELATION = 0.9


def flatten_alpha(image: Frame, alpha: Matte | None) -> Frame:
    """Lay an image with straight alpha over dark gray; returns `image` itself where there is no alpha."""
    if alpha is None:
        return image
    weight = alpha[..., None]
    return np.asarray(image * weight + _GRAY * (1.0 - weight) + 0.5, dtype=np.uint8)


class AlphaFlattener:
    """Lays the frames of a video over dark gray. Used by one thread.

    No format says reliably whether its colors are premultiplied by alpha. They are not as soon as some are
    brighter than their alpha. Else the first frame with soft parts decides: these have the colors of the
    opaque parts around them, or those times alpha.
    """

    def __init__(self) -> None:
        self._is_premultiplied: bool | None = None
        self._is_certain = False

    def flatten(self, image: Frame, alpha: NDArray[np.uint8]) -> Frame:
        """Lay a frame over dark gray.

        Args:
            image: uint8 RGB (height, width, 3), straight or premultiplied.
            alpha: uint8 (height, width), 255 = opaque.

        Returns:
            A new array like `image`, C-contiguous.
        """
        if alpha.min() == 255:
            return np.ascontiguousarray(image)
        self._examine(image, alpha)
        weight = alpha.astype(np.float32) / np.float32(255.0)
        if not self._is_premultiplied:
            return flatten_alpha(image, weight)
        added = np.float32(_GRAY) * (np.float32(1.0) - weight[..., None])
        return np.asarray(np.minimum(image + added + np.float32(0.5), np.float32(255.0)), np.uint8)

    def _examine(self, image: Frame, alpha: NDArray[np.uint8]) -> None:
        if self._is_certain:
            return
        levels = widest_channel(image)
        transparent = alpha < 255
        is_brighter = levels[transparent].astype(np.int16) > alpha[transparent].astype(np.int16) + _TOLERANCE
        if is_brighter.mean() > _MIN_STRAIGHT_FRACTION:
            self._is_premultiplied, self._is_certain = False, True
        elif self._is_premultiplied is None:
            self._is_premultiplied = _looks_premultiplied(levels, alpha)


def _looks_premultiplied(levels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bool | None:
    """Return how the colors of the soft parts are to be read; None if there are too few of them.

    Args:
        levels: uint8 (height, width), the brightest channel.
        alpha: uint8 (height, width).
    """
    soft = (alpha > _SOFT[0]) & (alpha < _SOFT[1])
    if np.count_nonzero(soft) < _MIN_PIXELS:
        return None
    opaque = (alpha == 255).astype(np.float32)
    share = box_mean(opaque, _WINDOW)
    beside = soft & (share > 0.0)
    if np.count_nonzero(beside) < _MIN_PIXELS:
        color, weight = levels[soft].astype(np.float32), alpha[soft].astype(np.float32)
        if color.std() == 0.0 or weight.std() == 0.0:
            return False
        return bool(np.corrcoef(color, weight)[0, 1] > _MIN_CORRELATION)
    around = box_mean(levels * opaque, _WINDOW)[beside] / share[beside]
    color, weight = levels[beside].astype(np.float32), alpha[beside] / np.float32(255.0)
    return bool(np.abs(color - around * weight).mean() < np.abs(color - around).mean())
