"""Boxes around mask regions."""

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Box
from livecam.core.geometry import Size


def bounding_box(area: NDArray[np.bool_], margin: float = 0.0) -> Box:
    """The box around an area that isn't empty, wider by a share `margin` of its sides, within the picture."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    return clip_box(
        Box(
            left - margin * (right - left + 1),
            top - margin * (bottom - top + 1),
            right + margin * (right - left + 1),
            bottom + margin * (bottom - top + 1),
        ),
        Size.of(area),
    )


def clip_box(box: Box, size: Size) -> Box:
    """The part of a box that lies in a picture of `size`; without area where none does."""
    return Box(
        float(np.clip(box.left, 0, size.width - 1)),
        float(np.clip(box.top, 0, size.height - 1)),
        float(np.clip(box.right, 0, size.width - 1)),
        float(np.clip(box.bottom, 0, size.height - 1)),
    )
