"""Flatten transparent images: a still, or the frames of a video, over a dark gray."""

import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte

# The gray level behind transparent parts of an image: dark and neutral, so that it does not tint hair.
_GRAY = 40
# Levels by which a color may exceed its alpha through rounding and subsampled chroma.
_TOLERANCE = 12
# Fraction of the pixels that are not opaque, from which on they are no damage.
_MIN_STRAIGHT_FRACTION = 0.02
_MIN_PIXELS = 16  # that are partly transparent; fewer say nothing


def flatten_alpha(image: Frame, alpha: Matte | None) -> Frame:
    """Lay an image with straight alpha over dark gray; returns `image` itself where there is no alpha."""
    if alpha is None:
        return image
    weight = alpha[..., None]
    return np.asarray(image * weight + _GRAY * (1.0 - weight) + 0.5, dtype=np.uint8)


class AlphaFlattener:
    """Lays the frames of a video over dark gray. Used by one thread.

    No format says reliably whether its colors are premultiplied by alpha. They are not as soon as some are
    brighter than their alpha; until then, as dark soft parts leave both possible, they are.
    """

    def __init__(self) -> None:
        self._is_straight = False

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
        weight = alpha.astype(np.float32) / np.float32(255.0)
        if not self._is_premultiplied(image, alpha):
            return flatten_alpha(image, weight)
        added = np.float32(_GRAY) * (np.float32(1.0) - weight[..., None])
        return np.asarray(np.minimum(image + added + np.float32(0.5), np.float32(255.0)), np.uint8)

    def _is_premultiplied(self, image: Frame, alpha: NDArray[np.uint8]) -> bool:
        if self._is_straight:
            return False
        hidden = alpha < 255
        levels, limits = image[hidden].max(axis=1), alpha[hidden]
        is_brighter = levels.astype(np.int16) > limits.astype(np.int16) + _TOLERANCE
        self._is_straight = bool(is_brighter.mean() > _MIN_STRAIGHT_FRACTION)
        soft = int(np.count_nonzero(limits))
        return not self._is_straight and soft >= _MIN_PIXELS
