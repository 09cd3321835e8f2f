"""Small matte to full size, along the picture's own edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging import buffers as memory
from livecam.imaging.ops import box_mean, downscale, multiply_accumulate, resize_matte, to_gray
from livecam.imaging.roi import RegionOfInterest

_STRIP_PIXELS = 1 << 16
"""Pixels."""


@dataclass(frozen=True)
class GuidedFilterSettings:
    """How edges are drawn.

    `edge_offset` moves the edge in pixels of a frame 720 high: negative shrinks what is kept (privacy),
    positive
    grows it. `radius` (in pixels of the small matte) and `epsilon` (variance of grey in [0, 1]) are the
    guided filter's.
    `margin` is cut off both ends of the matte, so that the inside is exactly 1 and the outside exactly 0: a
    network that is hardly sure of anything is no reason to show the room.
    """

    edge_offset: float = 0.0
    radius: int = 2
    epsilon: float = 1e-3
    margin: float = 0.12


class GuidedFilterUpsampler:
    """A fast guided filter (He and Sun, "Fast Guided Filter", 2015), guided by the frame's grey."""

    def __init__(self, settings: GuidedFilterSettings | None = None) -> None:
        self.settings = settings or GuidedFilterSettings()

    def upsample(self, calm: Matte, frame: Frame) -> Matte:
        """The matte at the frame's size, float32 (height, width) in [0, 1], a new array."""
        full = memory.pooled_empty(frame.shape[:2], np.float32)
        seen = self._region_of_interest(calm, Size.of(frame))
        if seen is None:
            full.fill(0.0)
            return full
        seen.zero_outside(full)
        # A sensor's noise in the guide would be noise in the matte: three pixels' mean halves its flicker.
        guide = box_mean(to_gray(frame[seen.full]), 3)
        near = calm[seen.small]
        slope, level = self._local_linear_model(near, downscale(guide, Size.of(near), seen.halvings))
        _apply_model(guide, slope, level, full[seen.full])
        return (
            offset_edge(full, self.settings.edge_offset * frame.shape[0] / 720)
            if self.settings.edge_offset
            else full
        )

    def _region_of_interest(self, calm: Matte, size: Size) -> RegionOfInterest | None:
        """Where the matte can be more than 0; the rest of the picture needs no more looking at."""
        s = self.settings
        # Where a window's matte is nowhere above `most`, its line is for no grey above the margin, which is
        # cut off: the mean is at most `most`, the deviation half of it, the slope most / 4 / smoothness^0.5.
        most = s.margin / (1 + 0.25 / s.epsilon**0.5)
        # Two means' reach, and a pixel for the resizing.
        return RegionOfInterest.around(calm > most, 2 * s.radius + 1, size)

    def _local_linear_model(self, calm: Matte, levels: NDArray[np.uint8]) -> tuple[Matte, Matte]:
        """Around each pixel of a matte, the line slope × grey + level that fits it best, of grey `levels`."""
        s = self.settings
        window = 2 * s.radius + 1
        guide, product = memory.pooled_empty_like(calm), memory.pooled_empty_like(calm)
        np.divide(levels, np.float32(255), out=guide)
        # In place where it can be: at this size a new array costs more than the sum in it.
        mean, goal = box_mean(guide, window), box_mean(calm, window)
        variance = box_mean(np.multiply(guide, guide, out=product), window)
        variance -= np.multiply(mean, mean, out=product)
        variance += np.float32(s.epsilon)
        rise = box_mean(np.multiply(guide, calm, out=product), window)
        rise -= np.multiply(mean, goal, out=product)
        rise /= variance
        goal -= np.multiply(rise, mean, out=product)
        level, slope = box_mean(goal, window), box_mean(rise, window)
        stretch = np.float32(1 / (1 - 2 * s.margin))
        slope *= stretch / np.float32(255)
        level -= np.float32(s.margin)
        level *= stretch
        return slope, level


def _apply_model(guide: NDArray[np.uint8], slope: Matte, level: Matte, full: Matte) -> None:
    """Write the line slope × guide + level, within [0, 1], into `full`, an array of the guide's size."""
    size = Size.of(guide)
    rise = resize_matte(slope, size)
    resize_matte(level, size, full)
    # In place, and in strips that stay in the processor's cache from one sum to the next.
    high = max(1, _STRIP_PIXELS // size.width)
    greys = memory.pooled_empty((high, size.width), np.float32)
    for top in range(0, size.height, high):
        rows = slice(top, top + high)
        part, grey_part = full[rows], greys[: size.height - top]
        np.copyto(grey_part, guide[rows])
        multiply_accumulate(rise[rows], grey_part, part)
        np.clip(part, 0.0, 1.0, out=part)


def offset_edge(matte: Matte, pixels: float) -> Matte:
    """Grow (positive) or shrink (negative) a matte by `pixels`, fractions included."""
    reach = abs(pixels)
    whole = int(reach)
    change = cv2.dilate if pixels > 0 else cv2.erode
    near = change(matte, _disc(whole)) if whole else matte
    if reach == whole:
        return np.asarray(near, np.float32)
    far = change(matte, _disc(whole + 1))
    return np.asarray(near + np.float32(reach - whole) * (far - near), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
