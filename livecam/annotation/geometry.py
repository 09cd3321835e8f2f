"""Bounding boxes of mask regions."""

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Box
from livecam.core.geometry import Size


def bounding_box(region: NDArray[np.bool_], margin: float = 0.0) -> Box:
    """Return the bounding box of a non-empty region, clipped to the image.

    Args:
        region: bool (height, width) with at least one True.
        margin: fraction of each side by which the box is extended.
    """
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    return clip_box(
        Box(
            left - margin * (right - left + 1),
            top - margin * (bottom - top + 1),
            right + margin * (right - left + 1),
            bottom + margin * (bottom - top + 1),
        ),
        Size.of(region),
    )


def clip_box(box: Box, size: Size) -> Box:
    """Clip a box to an image of `size`. The result has no area if the box is outside."""
    return Box(
        float(np.clip(box.left, 0, size.width - 1)),
        float(np.clip(box.top, 0, size.height - 1)),
        float(np.clip(box.right, 0, size.width - 1)),
        float(np.clip(box.bottom, 0, size.height - 1)),
    )
