"""A region of interest in a coarse matte and in the frame that belongs to it."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Matte
from livecam.imaging.ops import Halvings, count_halvings

Slices2D = tuple[slice, slice]
"""Rows and columns of an array."""


def bounding_slices(mask: NDArray[np.bool_]) -> Slices2D:
    """Return the smallest rectangle that holds all true pixels; an empty one if there is none."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


@dataclass(frozen=True)
class RegionOfInterest:
    """One rectangle in two resolutions.

    Attributes:
        small: rows and columns in the coarse matte.
        full: rows and columns in the frame.
        halvings: how often the frame is halved on its way to the coarse size (`ops.count_halvings`).
    """

    small: Slices2D
    full: Slices2D
    halvings: Halvings

    @classmethod
    def around(cls, mask: NDArray[np.bool_], margin: int, size: Size) -> "RegionOfInterest | None":
        """Return the smallest region that holds all true pixels of a coarse mask and a margin.

        The edges of the region are on whole pixels of the frame and of every step that `ops.downscale` makes
        from the frame to the coarse size. So to downscale the region gives the same values as to downscale
        the whole frame and take the region of the result.

        Args:
            mask: bool (height, width), of the coarse size.
            margin: pixels of the coarse mask.
            size: the size of the frame.

        Returns:
            None if no pixel of the mask is true.
        """
        small = Size.of(mask)
        halvings = count_halvings(size, small)
        rows, columns = bounding_slices(mask)
        if rows.start == rows.stop:
            return None
        small_rows, full_rows = _expand_to_grid(rows, margin, small.height, size.height, halvings.down)
        small_columns, full_columns = _expand_to_grid(columns, margin, small.width, size.width, halvings.both)
        return cls((small_rows, small_columns), (full_rows, full_columns), halvings)


def zero_outside(matte: Matte, rows: slice, columns: slice) -> None:
    """Set a matte to 0 outside some of its rows and columns, in place."""
    matte[: rows.start] = 0.0
    matte[rows.stop :] = 0.0
    matte[rows, : columns.start] = 0.0
    matte[rows, columns.stop :] = 0.0


def _expand_to_grid(
    span: slice, margin: int, small_length: int, full_length: int, halvings: int
) -> tuple[slice, slice]:
    """Expand a span to the next positions that are whole pixels in both resolutions."""
    parts = math.gcd(small_length, full_length >> halvings)
    first = max(0, (span.start - margin) * parts // small_length)
    last = min(parts, -((-span.stop - margin) * parts // small_length))
    small_step, full_step = small_length // parts, full_length // parts
    return slice(first * small_step, last * small_step), slice(first * full_step, last * full_step)
