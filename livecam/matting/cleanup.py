"""Faint islands of the room, and faint holes in what is kept, in a small matte."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Matte
from livecam.imaging.roi import Slices2D, bounding_slices

LOW, HIGH = 0.12, 0.9
MIN_ISLAND_AREA = 0.004
"""The share of the picture that an island must be sure of: a raised hand has more, a lamp's glint less."""

DOUBTFUL_ALPHA, MAX_DOUBTFUL_SHARE = 0.3, 0.1
"""A hole of which more than `MAX_DOUBTFUL_SHARE` lies below `DOUBTFUL_ALPHA` is a gap, and so is one with
anything below `LOW`:
the room between an arm and the body stays out. A jumper that the network doubts dips for a few pixels.
"""
MAX_HOLE_AREA = 0.03
"""The share of the picture that a hole may have that is closed."""


def clean_matte(matte: Matte) -> Matte:
    """The matte without faint islands and faint holes: a new array of the same shape, or the matte itself."""
    return fill_holes(remove_islands(matte))


def remove_islands(matte: Matte) -> Matte:
    """The matte without its islands that lack a sure core.

    A new array of the same shape, or the matte itself if there is none.
    """
    faint, least, kept = matte > LOW, MIN_ISLAND_AREA * matte.size, matte
    # The ground between them stays as it is: what little is in it is cut off later.
    for island, where in _components(faint, bounding_slices(faint), connectivity=8):
        if np.count_nonzero(matte[where][island] > HIGH) < least:
            kept = np.array(matte) if kept is matte else kept
            kept[where][island] = 0.0
    return kept


def fill_holes(matte: Matte) -> Matte:
    """The matte with those holes closed that what is surely kept surrounds and the network is in doubt about.

    A new array of the same shape, or the matte itself if there is none.
    """
    filled, sure = matte, matte > HIGH
    within = bounding_slices(sure)
    for hole, where in _components(~sure, within, connectivity=4):
        if _is_open(where, within, matte.shape[0]):
            continue
        inside = matte[where][hole]
        dips = np.count_nonzero(inside < DOUBTFUL_ALPHA)
        if (
            inside.size <= MAX_HOLE_AREA * matte.size
            and dips <= MAX_DOUBTFUL_SHARE * inside.size
            and inside.min() >= LOW
        ):
            filled = np.array(matte) if filled is matte else filled
            filled[where][hole] = 1.0
    return filled


def _is_open(where: Slices2D, within: Slices2D, height: int) -> bool:
    """Whether a part touches what lies around all that is kept; by the picture's bottom people are cut."""
    (rows, columns), (all_rows, all_columns) = where, within
    beside = columns.start == all_columns.start or columns.stop == all_columns.stop
    above, below = rows.start == all_rows.start, rows.stop == all_rows.stop and rows.stop < height
    return bool(beside or above or below)


def _components(
    mask: NDArray[np.bool_], within: Slices2D, connectivity: int
) -> Iterator[tuple[NDArray[np.bool_], Slices2D]]:
    """Each connected part of a mask within a rectangle: itself, and where the smallest one around it lies."""
    looked_at = mask[within].view(np.uint8)
    if not looked_at.size:
        return
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(looked_at, connectivity=connectivity)
    rows, columns = within
    for part in range(1, count):
        left, top, width, height, _ = boxes[part].tolist()
        one = parts[top : top + height, left : left + width] == part
        top, left = top + rows.start, left + columns.start
        yield one, (slice(top, top + height), slice(left, left + width))
