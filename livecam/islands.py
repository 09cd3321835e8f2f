"""Faint islands of the room, and faint holes in what is kept, in a small matte."""

import cv2
import numpy as np

from livecam.frames import Matte

FAINT, SURE = 0.12, 0.9
LEAST = 0.004
"""The share of the picture that an island must be sure of: a raised hand has more, a lamp's glint less."""

UNSURE = 0.3
"""Where the network says less, a gap is a gap: the room between an arm and the body stays out."""
LARGEST = 0.03
"""The share of the picture that a hole may have that is closed."""


def tidy(matte: Matte) -> Matte:
    """The matte without faint islands and faint holes: a new array of the same shape, or the matte itself."""
    return fill_holes(drop_islands(matte))


def drop_islands(matte: Matte) -> Matte:
    """The matte without its islands that lack a sure core.

    A new array of the same shape, or the matte itself if there is none.
    """
    count, islands = cv2.connectedComponents((matte > FAINT).astype(np.uint8), connectivity=8)
    sure = np.bincount(islands[matte > SURE], minlength=count)
    kept = sure >= LEAST * matte.size
    # Island 0 is the ground between them; what little is in it is cut off later.
    kept[0] = True
    if kept.all():
        return matte
    return np.asarray(matte * kept[islands], np.float32)


def fill_holes(matte: Matte) -> Matte:
    """The matte with those holes closed that what is surely kept surrounds and the network is in doubt about.

    A new array of the same shape, or the matte itself if there is none.
    """
    count, parts = cv2.connectedComponents((matte <= SURE).astype(np.uint8), connectivity=4)
    holes = np.ones(count, bool)
    # Part 0 is what is surely kept itself; what touches an edge is no hole.
    holes[0] = False
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        holes[edge] = False
    if not holes.any():
        return matte
    holes &= np.bincount(parts.ravel(), minlength=count) <= LARGEST * matte.size
    holes &= np.bincount(parts[matte < UNSURE], minlength=count) == 0
    return np.asarray(np.where(holes[parts], np.float32(1), matte), np.float32)
