"""When the picture becomes another one: a cut, a switched source, the light turned off."""

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.imaging.ops import box_mean

GRID = 24
THRESHOLD = 28.0


class SceneCutDetector:
    """Compares each frame, sampled on a coarse grid, with the one before."""

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
        self._shape: tuple[int, ...] = ()

    def is_cut(self, frame: Frame) -> bool:
        """Whether a frame shows another scene than the one before (mean change of the grid's values > 28)."""
        height, width = frame.shape[:2]
        samples = frame[:: max(1, height // GRID), :: max(1, width // GRID)]
        grid = box_mean(np.ascontiguousarray(samples), 3)
        last, self._last = self._last, grid
        shape, self._shape = self._shape, frame.shape
        if last is None:
            return False
        return shape != frame.shape or cv2.norm(grid, last, cv2.NORM_L1) > THRESHOLD * grid.size

    def reset(self) -> None:
        """Forget the last frame."""
        self._last = None
