"""Where the colors of a frame have changed: the temporal filter tells motion from a wrong matte by it."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Motion
from livecam.imaging.ops import box_mean, dilate3


@dataclass(frozen=True)
class MotionSettings:
    """Settings of the detector.

    Attributes:
        columns: samples of a row of the frame; a narrower frame has one for each pixel.
        rows: rows of samples, likewise.
        frames: a color is compared with that of the last frame and with that of so many frames ago, so that
            slow motion counts as well.
        noise_level: change in gray levels of the most changed channel up to which nothing has moved.
        motion_level: change from which something has moved.
    """

    columns: int = 192
    rows: int = 108
    frames: int = 3
    noise_level: float = 6.0
    motion_level: float = 14.0


class MotionDetector:
    """Compares each frame with earlier ones. One thread at a time may use it."""

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self.settings = settings or MotionSettings()
        self._earlier: deque[NDArray[np.uint8]] = deque(maxlen=self.settings.frames)

    def detect(self, frame: Frame, crop: Crop, size: Size) -> Motion:
        """Return where the colors in a crop of the frame have changed.

        Args:
            frame: uint8 RGB (height, width, 3).
            crop: the part of the frame that the result covers.
            size: the size of the result.

        Returns:
            A new array of `size`; 1 everywhere until enough frames of one size were seen.
        """
        height, width = frame.shape[:2]
        grid = Size(min(self.settings.columns, width), min(self.settings.rows, height))
        # The mean of neighbors: sensor noise is no motion.
        samples = box_mean(np.asarray(cv2.resize(frame, grid, interpolation=cv2.INTER_NEAREST), np.uint8), 3)
        if self._earlier and self._earlier[-1].shape != samples.shape:
            self._earlier.clear()
        earlier = (self._earlier[0], self._earlier[-1]) if self._is_filled() else None
        self._earlier.append(samples)
        if earlier is None:
            return np.ones((size.height, size.width), np.float32)
        change = cv2.max(*(cv2.absdiff(samples, each) for each in earlier))
        red, green, blue = cv2.split(change)
        # What moves changes the pixels beside it as well, by less.
        most = dilate3(np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8))
        part = most[crop.rescaled(Size.of(frame), grid).slices]
        return self._scale(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.uint8))

    def _is_filled(self) -> bool:
        return len(self._earlier) == self.settings.frames

    def _scale(self, change: NDArray[np.uint8]) -> Motion:
        """Return 0 up to the noise level and 1 from the motion level."""
        low, high = self.settings.noise_level, self.settings.motion_level
        motion: Motion = np.multiply(change, np.float32(1 / (high - low)), dtype=np.float32)
        motion -= np.float32(low / (high - low))
        np.clip(motion, 0.0, 1.0, out=motion)
        return motion

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._earlier.clear()
