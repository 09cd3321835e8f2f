"""Specks beside a thing and pinholes in it: too small to be meant, enough to stretch a box to the wall."""

from collections.abc import Sequence

import cv2
import numpy as np

from livecam.annotation.prompts import Point
from livecam.core.types import Matte
from livecam.imaging.trimap import CERTAIN_BACKGROUND, CERTAIN_FOREGROUND

SPECK, PINHOLE = 0.05, 0.02
"""Of the thing's pixels: parts with fewer are specks, holes with fewer are pinholes."""


def remove_small_regions(matte: Matte, points: Sequence[Point] = ()) -> Matte:
    """The matte without specks and pinholes, a new array; a part that holds one of `points` stays.

    As SAM's own authors do to its masks after it (`remove_small_regions` of segment-anything), with their
    soft rims.
    """
    body = matte > 0.5
    area = float(body.sum())
    count, parts = cv2.connectedComponents((matte > CERTAIN_BACKGROUND).astype(np.uint8), connectivity=8)
    gone = np.bincount(parts[body], minlength=count) < SPECK * area
    gone[[0, *(int(parts[round(point.y), round(point.x)]) for point in points)]] = False
    clean = np.where(gone[parts], np.float32(0), matte)
    count, holes = cv2.connectedComponents((clean < CERTAIN_FOREGROUND).astype(np.uint8), connectivity=4)
    filled = np.bincount(holes.ravel(), minlength=count) < PINHOLE * area
    filled[0] = False
    return np.where(filled[holes], np.float32(1), clean)
