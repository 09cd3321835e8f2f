"""The part of a picture that is worth looking at, in the small matte and in the frame."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Matte
from livecam.imaging.ops import count_halvings

Slices2D = tuple[slice, slice]
"""Rows and columns of a picture."""


def bounding_slices(marked: NDArray[np.bool_]) -> Slices2D:
    """The smallest rectangle that holds all that is marked; an empty one if nothing is."""
    left, top, width, height = cv2.boundingRect(marked.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


@dataclass(frozen=True)
class RegionOfInterest:
    """One rectangle, as rows and columns of a small picture and of a large one.

    `halvings` is how often the large one is halved on its way to the small one (`count_halvings`).
    """

    small: Slices2D
    full: Slices2D
    halvings: int

    @classmethod
    def around(cls, marked: NDArray[np.bool_], margin: int, size: Size) -> "RegionOfInterest | None":
        """The smallest region that holds what is marked in a small picture, and `margin` pixels around it.

        Its edges lie on whole pixels of a large picture of `size`, and of all that `shrink` makes on
        its way
        from that to the small one: to shrink a part is then to take a part of what is shrunk.

        Returns:
            None if nothing is marked.
        """
        small, halved = Size.of(marked), count_halvings(size, Size.of(marked))
        rows, columns = bounding_slices(marked)
        if rows.start == rows.stop:
            return None
        down, full_down = _expand_to_grid(rows, margin, small.height, size.height, halved)
        across, full_across = _expand_to_grid(columns, margin, small.width, size.width, halved)
        return cls((down, across), (full_down, full_across), halved)

    def zero_outside(self, full: Matte) -> None:
        """Set a large matte to 0 outside the region, in place."""
        rows, columns = self.full
        full[: rows.start] = 0.0
        full[rows.stop :] = 0.0
        full[rows, : columns.start] = 0.0
        full[rows, columns.stop :] = 0.0


def _expand_to_grid(side: slice, margin: int, small: int, full: int, halved: int) -> tuple[slice, slice]:
    """A side of a region, in pixels of the small picture and of the large one, from where both begin one."""
    parts = math.gcd(small, full >> halved)
    first = max(0, (side.start - margin) * parts // small)
    last = min(parts, -((-side.stop - margin) * parts // small))
    return _part(first, last, small // parts), _part(first, last, full // parts)


def _part(first: int, last: int, step: int) -> slice:
    return slice(first * step, last * step)
