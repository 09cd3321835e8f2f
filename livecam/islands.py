"""Faint islands of the room in a small matte: what the network is nowhere sure of is not kept."""

import cv2
import numpy as np

from livecam.frames import Matte

FAINT, SURE = 0.12, 0.9
LEAST = 0.004
"""The share of the picture that an island must be sure of: a raised hand has more, a lamp's glint less."""


def drop_islands(matte: Matte) -> Matte:
    """The matte without its islands that lack a sure core; a new array of the same shape."""
    count, islands = cv2.connectedComponents((matte > FAINT).astype(np.uint8), connectivity=8)
    sure = np.bincount(islands[matte > SURE], minlength=count)
    kept = sure >= LEAST * matte.size
    # Island 0 is the ground between them; what little is in it is cut off later.
    kept[0] = True
    return np.asarray(matte * kept[islands], np.float32)
