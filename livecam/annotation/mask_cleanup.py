"""Removal of small regions from masks: they are noise, but stretch an object's bounding box to the wall."""

from collections.abc import Sequence

import cv2
import numpy as np

from livecam.annotation.prompts import Point
from livecam.core.types import Matte
from livecam.imaging.trimap import CERTAIN_BACKGROUND, CERTAIN_FOREGROUND

MAX_ISLAND, MAX_HOLE = 0.05, 0.02
"""Islands and holes with a smaller fraction of the object's pixels are removed."""


def remove_small_regions(matte: Matte, points: Sequence[Point] = ()) -> Matte:
    """Remove small islands and holes from a matte. Returns a new array.

    The authors of SAM clean its masks in the same way (`remove_small_regions` of segment-anything). Here the
    soft border of an island goes with it.

    Args:
        matte: float32 (height, width) in [0, 1].
        points: an island with one of these points stays.
    """
    body = matte > 0.5
    area = float(body.sum())
    count, regions = cv2.connectedComponents((matte > CERTAIN_BACKGROUND).astype(np.uint8), connectivity=8)
    small = np.bincount(regions[body], minlength=count) < MAX_ISLAND * area
    small[[0, *(int(regions[round(point.y), round(point.x)]) for point in points)]] = False
    clean = np.where(small[regions], np.float32(0), matte)
    count, holes = cv2.connectedComponents((clean < CERTAIN_FOREGROUND).astype(np.uint8), connectivity=4)
    filled = np.bincount(holes.ravel(), minlength=count) < MAX_HOLE * area
    filled[0] = False
    return np.where(filled[holes], np.float32(1), clean)
