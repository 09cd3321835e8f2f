"""Operations on masks: dilate, erode, open, connected parts."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def parts(mask: Mask, min_fraction: float) -> Iterator[Mask]:
    """Yield the connected parts (8 neighbors) of a mask that have at least this fraction of all pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] >= min_fraction * mask.size:
            yield labels == label


def dilate(mask: Mask, radius: int) -> Mask:
    """Grow a mask by `radius` pixels, with a square."""
    return _morph(mask, radius, cv2.MORPH_DILATE)


def erode(mask: Mask, radius: int) -> Mask:
    """Shrink a mask by `radius` pixels, with a square. Nothing is taken away at the image's border."""
    return _morph(mask, radius, cv2.MORPH_ERODE)


def remove_thin(mask: Mask, radius: int) -> Mask:
    """Remove what is at most 2 x `radius` pixels wide (a morphological opening with a square)."""
    return _morph(mask, radius, cv2.MORPH_OPEN)


def _morph(mask: Mask, radius: int, operation: int) -> Mask:
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return np.asarray(cv2.morphologyEx(mask.view(np.uint8), operation, square)).view(np.bool_)
