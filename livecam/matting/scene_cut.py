"""Detection of scene cuts: an edit in a clip, another camera, the light switched off."""

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.imaging.ops import box_mean

GRID_SAMPLES = 24
"""Samples along each side of a frame."""
THRESHOLD = 28.0
"""Mean absolute difference of the samples, in levels of 0 to 255, above which a frame is a new scene."""


class SceneCutDetector:
    """Compares each frame with the previous one on a coarse grid. Not thread-safe."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None
        self._shape: tuple[int, ...] = ()

    def is_cut(self, frame: Frame) -> bool:
        """Return whether a frame shows another scene than the previous one, or has another shape.

        The first frame after the start or `reset` is no cut.
        """
        height, width = frame.shape[:2]
        samples = frame[:: max(1, height // GRID_SAMPLES), :: max(1, width // GRID_SAMPLES)]
        grid = box_mean(np.ascontiguousarray(samples), 3)
        previous, self._previous = self._previous, grid
        shape, self._shape = self._shape, frame.shape
        if previous is None:
            return False
        return shape != frame.shape or cv2.norm(grid, previous, cv2.NORM_L1) > THRESHOLD * grid.size

    def reset(self) -> None:
        """Forget the previous frame."""
        self._previous = None
