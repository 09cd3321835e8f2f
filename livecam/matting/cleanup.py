"""Removal of faint islands and faint holes from a coarse matte.

Background objects that the network takes for foreground form islands without a confident core. Clothes of
which it is unsure form small, shallow holes. Both are corrected by connected components, because a threshold
on single pixels would also cut soft hair.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Matte
from livecam.imaging.roi import Slices2D, bounding_slices

LOW_ALPHA, HIGH_ALPHA = 0.12, 0.9
"""Below `LOW_ALPHA` a pixel is background, above `HIGH_ALPHA` it is confident foreground."""
MIN_ISLAND_AREA = 0.004
"""Minimum area of the confident core of an island, as a fraction of the image.

Chosen to keep raised hands and to drop specular reflections.
"""
DOUBTFUL_ALPHA, MAX_DOUBTFUL_FRACTION = 0.3, 0.1
"""A hole is a real gap if more than `MAX_DOUBTFUL_FRACTION` of its pixels are below `DOUBTFUL_ALPHA`, or if
any pixel is below `LOW_ALPHA`.

So the room between an arm and the body stays out, while clothes of which the network is unsure are filled:
only a few of their pixels are low.
"""
MAX_HOLE_AREA = 0.03
"""Maximum area of a hole that is filled, as a fraction of the image."""
_BYTE_LABELS = 256
"""Number of labels that fit in a byte."""
_Labels = NDArray[np.uint8] | NDArray[np.int32]


def clean_matte(matte: Matte) -> Matte:
    """Remove faint islands and fill faint holes.

    Args:
        matte: float32 (height, width) in [0, 1].

    Returns:
        A new array of the same shape, or `matte` itself where there is nothing to change.
    """
    return fill_holes(remove_islands(matte))


def remove_islands(matte: Matte) -> Matte:
    """Set islands without a confident core to 0.

    Returns:
        A new array of the same shape, or `matte` itself where there is no such island.
    """
    mask, min_core = matte > LOW_ALPHA, MIN_ISLAND_AREA * matte.size
    bounds = bounding_slices(mask)
    labels, count = _label_components(mask[bounds], connectivity=8)
    is_faint = _count_pixels(labels, count, matte[bounds] > HIGH_ALPHA) < min_core
    # Label 0 is the outside. Pixels up to LOW_ALPHA between the islands stay: the upsampler cuts them off.
    is_faint[0] = False
    return _with_value(matte, bounds, is_faint, labels, 0.0)


def fill_holes(matte: Matte) -> Matte:
    """Set holes to 1 that confident foreground encloses and in which the network is undecided.

    Returns:
        A new array of the same shape, or `matte` itself where there is no such hole.
    """
    confident = matte > HIGH_ALPHA
    bounds = bounding_slices(confident)
    labels, count = _label_components(~confident[bounds], connectivity=4)
    is_hole = np.ones(count, np.bool_)
    is_hole[0] = False
    # A hole that touches the border of the foreground's bounding box is open. The bottom of the image does
    # not count, because people are cut there.
    is_cut_below = bounds[0].stop == matte.shape[0]
    for border in (labels[:1], labels[:, :1], labels[:, -1:], labels[:0] if is_cut_below else labels[-1:]):
        is_hole[border] = False
    if not is_hole.any():
        return matte
    values = matte[bounds]
    area = _count_pixels(labels, count)
    is_hole &= area <= MAX_HOLE_AREA * matte.size
    is_hole &= _count_pixels(labels, count, values < DOUBTFUL_ALPHA) <= MAX_DOUBTFUL_FRACTION * area
    is_hole &= _count_pixels(labels, count, values < LOW_ALPHA) == 0
    return _with_value(matte, bounds, is_hole, labels, 1.0)


def _label_components(mask: NDArray[np.bool_], connectivity: int) -> tuple[_Labels, int]:
    """Label the connected components of a mask from 1 on; return the labels and their number with label 0.

    OpenCV's statistics of the components take eight times longer than the labels.
    """
    if not mask.size:
        return np.zeros(mask.shape, np.uint8), 1
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=connectivity)
    # OpenCV counts and looks up bytes several times faster than NumPy integers.
    return labels.astype(np.uint8 if count <= _BYTE_LABELS else np.int32), count


def _count_pixels(labels: _Labels, count: int, where: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
    """Count the pixels of each label, all or those of a mask."""
    if labels.dtype == np.uint8 and labels.size:
        mask = None if where is None else where.view(np.uint8)
        counts = cv2.calcHist([labels], [0], mask, [_BYTE_LABELS], [0, _BYTE_LABELS])
        return counts.reshape(-1)[:count].astype(np.intp)
    return np.bincount((labels if where is None else labels[where]).reshape(-1), minlength=count)


def _with_value(
    matte: Matte, bounds: Slices2D, is_chosen: NDArray[np.bool_], labels: _Labels, value: float
) -> Matte:
    """Return a matte whose pixels with a chosen label have `value`; `matte` itself if none is chosen."""
    if not is_chosen.any():
        return matte
    if labels.dtype == np.uint8:
        table = np.zeros(_BYTE_LABELS, np.uint8)
        table[: is_chosen.size] = is_chosen
        where = cv2.LUT(labels, table).view(np.bool_)
    else:
        where = is_chosen[labels]
    result = np.array(matte)
    np.copyto(result[bounds], np.float32(value), where=where)
    return result
