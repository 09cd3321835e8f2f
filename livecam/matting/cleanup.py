"""Removal of faint islands and faint holes from a coarse matte.

Background objects that the network takes for foreground form islands without a confident core. Clothes of
which it is unsure form small, shallow holes. Both are corrected by connected components, because a threshold
on single pixels would also cut soft hair.
"""

from collections.abc import Iterator

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
    mask, min_core, result = matte > LOW_ALPHA, MIN_ISLAND_AREA * matte.size, matte
    # Pixels up to LOW_ALPHA between the islands stay: the upsampler cuts them off later.
    for component, box in _components(mask, bounding_slices(mask), connectivity=8):
        if np.count_nonzero(matte[box][component] > HIGH_ALPHA) < min_core:
            result = np.array(matte) if result is matte else result
            result[box][component] = 0.0
    return result


def fill_holes(matte: Matte) -> Matte:
    """Set holes to 1 that confident foreground encloses and in which the network is undecided.

    Returns:
        A new array of the same shape, or `matte` itself where there is no such hole.
    """
    result, confident = matte, matte > HIGH_ALPHA
    bounds = bounding_slices(confident)
    for hole, box in _components(~confident, bounds, connectivity=4):
        if _is_open(box, bounds, matte.shape[0]):
            continue
        values = matte[box][hole]
        doubtful = np.count_nonzero(values < DOUBTFUL_ALPHA)
        if (
            values.size <= MAX_HOLE_AREA * matte.size
            and doubtful <= MAX_DOUBTFUL_FRACTION * values.size
            and values.min() >= LOW_ALPHA
        ):
            result = np.array(matte) if result is matte else result
            result[box][hole] = 1.0
    return result


def _is_open(box: Slices2D, bounds: Slices2D, height: int) -> bool:
    """Return whether a component touches the border of the foreground's bounding box.

    The bottom of the image does not count, because people are cut there.
    """
    (rows, columns), (all_rows, all_columns) = box, bounds
    at_side = columns.start == all_columns.start or columns.stop == all_columns.stop
    at_top = rows.start == all_rows.start
    at_bottom = rows.stop == all_rows.stop and rows.stop < height
    return bool(at_side or at_top or at_bottom)


def _components(
    mask: NDArray[np.bool_], bounds: Slices2D, connectivity: int
) -> Iterator[tuple[NDArray[np.bool_], Slices2D]]:
    """Yield each connected component of a mask within a rectangle.

    Each one is a mask of the size of its bounding box, and the bounding box.
    """
    part = mask[bounds].view(np.uint8)
    if not part.size:
        return
    count, labels, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=connectivity)
    rows, columns = bounds
    for label in range(1, count):
        left, top, width, height, _ = stats[label].tolist()
        component = labels[top : top + height, left : left + width] == label
        top, left = top + rows.start, left + columns.start
        yield component, (slice(top, top + height), slice(left, left + width))
