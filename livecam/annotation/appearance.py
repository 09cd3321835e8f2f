"""Shape and colors of a tracked object, small enough for one line of JSON."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Box
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import resize_float

_SIDE = 16  # cells
_HALF_COVERED = 128  # of 255: a cell is part of the shape
_MAX_COLOR_DIFFERENCE = 48.0
"""Mean absolute color difference, in levels of 255, above which two objects differ. A lamp that is switched
on changes colors by about 30."""


@dataclass(frozen=True, eq=False)
class AppearanceDescriptor:
    """Shape and colors of an object on a grid over its bounding box.

    Attributes:
        cells: uint8 (16, 16, 4): mean RGB of the object's pixels in the cell, and 255 × the covered fraction.
    """

    cells: NDArray[np.uint8]

    @classmethod
    def of(cls, frame: Frame, matte: Matte, box: Box) -> "AppearanceDescriptor":
        """Describe the object that a matte (height, width) selects in a frame; `box` is inside the image."""
        left, top, right, bottom = (round(side) for side in box)
        rows, columns = slice(top, bottom + 1), slice(left, right + 1)
        body = np.asarray(matte[rows, columns] > 0.5, np.float32)[..., None]
        weighted = np.concatenate([frame[rows, columns] * body, body], axis=-1)
        small = resize_float(np.ascontiguousarray(weighted, np.float32), Size(_SIDE, _SIDE))
        small[..., :3] /= np.maximum(small[..., 3:], np.float32(1e-3))
        small[..., 3] *= 255
        return cls(np.clip(np.rint(small), 0, 255).astype(np.uint8))

    def shape_iou(self, matte: Matte, box: Box) -> float:
        """Return the IoU of a matte (height, width) and this shape at `box`, which may leave the image."""
        width, height = (box.right - box.left + 1) / _SIDE, (box.bottom - box.top + 1) / _SIDE
        transform = np.array(
            [[width, 0, box.left + width / 2 - 0.5], [0, height, box.top + height / 2 - 0.5]]
        )
        coverage = np.ascontiguousarray(self.cells[..., 3])
        expected = cv2.warpAffine(coverage, transform, tuple(Size.of(matte))) >= _HALF_COVERED
        found = matte > 0.5
        union = int((expected | found).sum())
        return int((expected & found).sum()) / union if union else 0.0

    def similar_color(self, other: "AppearanceDescriptor") -> bool:
        """Return whether two descriptors have about the same colors in the same cells."""
        weights = self.cells[..., 3].astype(np.float32) * other.cells[..., 3]
        difference = np.abs(self.cells[..., :3].astype(np.float32) - other.cells[..., :3]).mean(axis=-1)
        total = float(weights.sum())
        return total > 0 and float((difference * weights).sum()) / total < _MAX_COLOR_DIFFERENCE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AppearanceDescriptor) and np.array_equal(self.cells, other.cells)

    def __hash__(self) -> int:
        return hash(self.cells.tobytes())

    def to_base64(self) -> str:
        """Return the cells as text for JSON."""
        return base64.b64encode(self.cells.tobytes()).decode()

    @classmethod
    def from_base64(cls, text: str) -> "AppearanceDescriptor":
        """Return the descriptor of its text form.

        Raises:
            ValueError: the text is not one of `to_base64`.
        """
        return cls(np.frombuffer(base64.b64decode(text), np.uint8).reshape(_SIDE, _SIDE, 4))
