"""Faint islands of the room, and faint holes in what is kept, in a small matte."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Matte
from livecam.imaging.roi import Place, bounds

FAINT, SURE = 0.12, 0.9
LEAST = 0.004
"""The share of the picture that an island must be sure of: a raised hand has more, a lamp's glint less."""

UNSURE, DIPS = 0.3, 0.1
"""A hole of which more than `DIPS` lies below `UNSURE` is a gap, and so is one with anything below `FAINT`:
the room between an arm and the body stays out. A jumper that the network doubts dips for a few pixels.
"""
LARGEST = 0.03
"""The share of the picture that a hole may have that is closed."""


def tidy(matte: Matte) -> Matte:
    """The matte without faint islands and faint holes: a new array of the same shape, or the matte itself."""
    return fill_holes(drop_islands(matte))


def drop_islands(matte: Matte) -> Matte:
    """The matte without its islands that lack a sure core.

    A new array of the same shape, or the matte itself if there is none.
    """
    faint, least, kept = matte > FAINT, LEAST * matte.size, matte
    # The ground between them stays as it is: what little is in it is cut off later.
    for island, where in _parts(faint, bounds(faint), connectivity=8):
        if np.count_nonzero(matte[where][island] > SURE) < least:
            kept = np.array(matte) if kept is matte else kept
            kept[where][island] = 0.0
    return kept


def fill_holes(matte: Matte) -> Matte:
    """The matte with those holes closed that what is surely kept surrounds and the network is in doubt about.

    A new array of the same shape, or the matte itself if there is none.
    """
    filled, sure = matte, matte > SURE
    within = bounds(sure)
    for hole, where in _parts(~sure, within, connectivity=4):
        if _is_open(where, within, matte.shape[0]):
            continue
        inside = matte[where][hole]
        dips = np.count_nonzero(inside < UNSURE)
        if inside.size <= LARGEST * matte.size and dips <= DIPS * inside.size and inside.min() >= FAINT:
            filled = np.array(matte) if filled is matte else filled
            filled[where][hole] = 1.0
    return filled


def _is_open(where: Place, within: Place, height: int) -> bool:
    """Whether a part touches what lies around all that is kept; by the picture's bottom people are cut."""
    (rows, columns), (all_rows, all_columns) = where, within
    beside = columns.start == all_columns.start or columns.stop == all_columns.stop
    above, below = rows.start == all_rows.start, rows.stop == all_rows.stop and rows.stop < height
    return bool(beside or above or below)


def _parts(
    mask: NDArray[np.bool_], within: Place, connectivity: int
) -> Iterator[tuple[NDArray[np.bool_], Place]]:
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
