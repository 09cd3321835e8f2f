"""Faint islands of the room, and faint holes in what is kept, in a small matte."""

import cv2
import numpy as np

from livecam.frames import Matte

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
    count, islands = cv2.connectedComponents((matte > FAINT).view(np.uint8), connectivity=8)
    sure = matte > SURE
    if count == 2 and np.count_nonzero(sure) >= LEAST * matte.size:
        # One island, and sure, as in most frames.
        return matte
    kept = np.bincount(islands[sure], minlength=count) >= LEAST * matte.size
    # Island 0 is the ground between them; what little is in it is cut off later.
    kept[0] = True
    return np.asarray(matte * kept[islands], np.float32)


def fill_holes(matte: Matte) -> Matte:
    """The matte with those holes closed that what is surely kept surrounds and the network is in doubt about.

    A new array of the same shape, or the matte itself if there is none.
    """
    count, parts = cv2.connectedComponents((matte <= SURE).view(np.uint8), connectivity=4)
    holes = np.ones(count, bool)
    # Part 0 is what is surely kept itself. What touches an edge is no hole, but by the bottom people are cut.
    holes[0] = False
    for edge in (parts[0], parts[:, 0], parts[:, -1]):
        holes[edge] = False
    if not holes.any():
        return matte
    size = np.bincount(parts.ravel(), minlength=count)
    holes &= size <= LARGEST * matte.size
    holes &= np.bincount(parts[matte < UNSURE], minlength=count) <= DIPS * size
    holes &= np.bincount(parts[matte < FAINT], minlength=count) == 0
    return np.asarray(np.where(holes[parts], np.float32(1), matte), np.float32)
