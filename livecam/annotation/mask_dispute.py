"""Decision between masks of one object that SAM trusts equally: their own votes, and the colors.

For a chair SAM often gives one mask with the wall between seat and back and one without it, with the same
score. Where such masks differ, a pixel that has the colors around the object is left out.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import box_mean, gaussian_blur

_MARGIN = 0.15
"""Width of the surroundings around the object, as a fraction of its sides."""
_EDGE = 2  # pixels beside a mask's outline, whose colors are mixed
_MIN_PIXELS = 50
"""Pixels of the object, and around it, below which their colors say nothing."""
_BINS = 32  # of each channel
_WINDOW = 15  # pixels; the colors of a neighborhood decide, not those of one pixel
_FLOOR = 1e-4
"""Fraction of the pixels that every color has at least: a color that occurs nowhere decides nothing."""
_VOTE_WEIGHT = 2.0
"""What the masks' mean counts beside the logarithm of the colors' ratio."""
_Mask = NDArray[np.bool_]
_Levels = NDArray[np.float32]


def settle_dispute(frame: Frame, chosen: Matte, others: Sequence[Matte]) -> Matte:
    """Return `chosen`, changed where `others` contradict it and colors or the majority speak for them.

    Args:
        frame: uint8 RGB, shape (height, width, 3).
        chosen: the best matte, float32 (height, width).
        others: mattes that are about as good.

    Returns:
        `chosen` itself if nothing is disputed, or the colors are not known; else a new array.
    """
    mattes = np.stack([chosen, *others])
    masks = mattes > np.float32(0.5)
    core, outer = masks.all(axis=0), masks.any(axis=0)
    if not core.any() or (core == outer).all():
        return chosen
    part = _surroundings(outer)
    disputed = (outer & ~core)[part]
    evidence = _color_evidence(frame[part], core[part], outer[part])
    if evidence is None:
        return chosen
    settled: Matte = chosen.copy()
    mattes = mattes[:, part[0], part[1]]
    votes = np.float32(_VOTE_WEIGHT) * (2 * mattes.mean(axis=0) - 1)
    is_kept = _neighborhood_mean(evidence, disputed) + votes > 0
    values = np.where(is_kept, mattes.max(axis=0), mattes.min(axis=0))
    settled[part][disputed] = values[disputed]
    return settled


def _surroundings(mask: _Mask) -> tuple[slice, slice]:
    """Return the rows and columns of a mask, with a margin."""
    sides = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        first, last = int(used[0]), int(used[-1])
        margin = round(_MARGIN * (last - first)) + 2 * _EDGE
        sides.append(slice(max(0, first - margin), last + margin + 1))
    return sides[0], sides[1]


def _color_evidence(frame: Frame, core: _Mask, outer: _Mask) -> _Levels | None:
    """Return the logarithm of how much more often a pixel's color occurs in `core` than outside of `outer`.

    None if there are too few pixels of either.
    """
    kernel = np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)
    inside = cv2.erode(core.astype(np.uint8), kernel)
    outside = 1 - cv2.dilate(outer.astype(np.uint8), kernel)
    if min(int(inside.sum()), int(outside.sum())) < _MIN_PIXELS:
        return None
    colors = cv2.cvtColor(gaussian_blur(np.ascontiguousarray(frame), 1.0), cv2.COLOR_RGB2LAB)
    bins = tuple(np.moveaxis(colors.astype(np.intp) * _BINS // 256, -1, 0))
    shares = [_color_shares(colors, mask)[bins] for mask in (inside, outside)]
    return np.asarray(np.log(shares[0] + _FLOOR) - np.log(shares[1] + _FLOOR), np.float32)


def _color_shares(colors: NDArray[Any], mask: NDArray[Any]) -> _Levels:
    """Return the fraction of the masked pixels in each bin of a color histogram, smoothed."""
    shares = cv2.calcHist([colors], [0, 1, 2], mask, [_BINS] * 3, [0, 256] * 3)
    for axis in range(3):
        shares = (np.roll(shares, 1, axis) + 2 * shares + np.roll(shares, -1, axis)) / 4
    return np.asarray(shares / shares.sum(), np.float32)


def _neighborhood_mean(values: _Levels, mask: _Mask) -> _Levels:
    """Return the mean around each pixel of the values in a mask."""
    weights = mask.astype(np.float32)
    total = np.maximum(box_mean(weights, _WINDOW), np.float32(1e-6))
    mean: _Levels = box_mean(values * weights, _WINDOW) / total
    return mean
