"""Upsampling of a coarse matte to frame size along the edges in the frame."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte
from livecam.imaging.buffers import pooled_empty, pooled_empty_like
from livecam.imaging.ops import (
    box_mean,
    clip_to_unit,
    downscale,
    multiply_accumulate,
    resize_matte,
    row_strips,
    to_gray,
)
from livecam.imaging.roi import RegionOfInterest, zero_outside


@dataclass(frozen=True)
class GuidedFilterSettings:
    """Settings of the upsampler.

    Attributes:
        edge_offset: moves the edge, in pixels of a frame of height 720. A negative value shrinks the
            foreground (more privacy), a positive value grows it.
        radius: radius of the guided filter's window, in pixels of the coarse matte.
        epsilon: regularization of the guided filter, a variance of gray levels in [0, 1].
        margin: cut off at both ends of the matte, so that the inside is exactly 1 and the outside exactly 0.
            Low confidence of the network must not make the room visible.
    """

    edge_offset: float = 0.0
    radius: int = 2
    epsilon: float = 1e-3
    margin: float = 0.12


class GuidedFilterUpsampler:
    """A fast guided filter whose guide is the gray level of the frame.

    Reference: He and Sun, "Fast Guided Filter", 2015. OpenCV has one only in opencv-contrib, which conflicts
    with opencv-python. This one computes only the region of interest, in strips that fit the cache.
    """

    def __init__(self, settings: GuidedFilterSettings | None = None) -> None:
        self.settings = settings or GuidedFilterSettings()

    def upsample(self, filtered: Matte, frame: Frame, crop: Crop | None = None) -> Matte:
        """Upsample a coarse matte to frame size.

        Args:
            filtered: float32 (model height, model width) in [0, 1].
            frame: uint8 RGB (height, width, 3).
            crop: the part of the frame that `filtered` covers; None: all of it.

        Returns:
            A new float32 array (height, width) in [0, 1].
        """
        crop = crop or Crop.whole(frame)
        full = pooled_empty(frame.shape[:2], np.float32)
        region = self._region_of_interest(filtered, crop.size)
        if region is None:
            full.fill(0.0)
            return full
        rows, columns = (
            slice(part.start + start, part.stop + start)
            for part, start in zip(region.full, (crop.top, crop.left), strict=True)
        )
        zero_outside(full, rows, columns)
        # Sensor noise in the guide would be noise in the matte: the mean of 3 x 3 pixels halves its flicker.
        # Whole rows, because those of a part are read at half the speed in a large frame.
        guide = box_mean(to_gray(frame[rows])[:, columns], 3)
        matte = filtered[region.small]
        small_guide = downscale(guide, Size.of(matte), region.halvings)
        slope, intercept = self._local_linear_model(matte, small_guide)
        _apply_model(guide, slope, intercept, full[rows, columns])
        if self.settings.edge_offset:
            return offset_edge(full, self.settings.edge_offset * frame.shape[0] / 720)
        return full

    def _region_of_interest(self, matte: Matte, size: Size) -> RegionOfInterest | None:
        """Return the region in which the result can be above 0; None if there is none."""
        s = self.settings
        # If max(matte) in a window is <= `threshold`, the local linear model predicts at most `margin` for
        # any gray level, so the result is clipped to 0 and the window can be skipped: the mean is at most
        # `threshold`, the standard deviation half of it, the slope threshold / 4 / sqrt(epsilon).
        threshold = s.margin / (1 + 0.25 / s.epsilon**0.5)
        # Two box means reach 2 × radius, the bilinear interpolation one pixel.
        return RegionOfInterest.around(matte > threshold, 2 * s.radius + 1, size)

    def _local_linear_model(self, matte: Matte, gray: NDArray[np.uint8]) -> tuple[Matte, Matte]:
        """Fit slope × gray + intercept to the matte in the window around each pixel.

        Args:
            matte: float32 (height, width).
            gray: uint8 of the same shape.

        Returns:
            Slope (for gray in 0..255) and intercept, averaged over the windows that hold a pixel and
            stretched so that the margin maps to 0 and 1 - margin to 1.
        """
        s = self.settings
        window = 2 * s.radius + 1
        guide, product = pooled_empty_like(matte), pooled_empty_like(matte)
        np.divide(gray, np.float32(255), out=guide)
        # In place where possible: at this size a new array costs more than the computation.
        guide_mean, intercept = box_mean(guide, window), box_mean(matte, window)
        variance = box_mean(np.multiply(guide, guide, out=product), window)
        variance -= np.multiply(guide_mean, guide_mean, out=product)
        variance += np.float32(s.epsilon)
        slope = box_mean(np.multiply(guide, matte, out=product), window)
        slope -= np.multiply(guide_mean, intercept, out=product)
        slope /= variance
        intercept -= np.multiply(slope, guide_mean, out=product)
        mean_intercept, mean_slope = box_mean(intercept, window), box_mean(slope, window)
        stretch = np.float32(1 / (1 - 2 * s.margin))
        mean_slope *= stretch / np.float32(255)
        mean_intercept -= np.float32(s.margin)
        mean_intercept *= stretch
        return mean_slope, mean_intercept


def _apply_model(guide: NDArray[np.uint8], slope: Matte, intercept: Matte, out: Matte) -> None:
    """Write slope × guide + intercept, clipped to [0, 1], to `out` (shape of `guide`)."""
    size = Size.of(guide)
    full_slope = resize_matte(slope, size)
    resize_matte(intercept, size, out)
    # In place, and strip by strip.
    strips = row_strips(size)
    gray = pooled_empty((strips[0].stop, size.width), np.float32)
    for rows in strips:
        out_strip, gray_strip = out[rows], gray[: rows.stop - rows.start]
        np.copyto(gray_strip, guide[rows])
        multiply_accumulate(full_slope[rows], gray_strip, out_strip)
        clip_to_unit(out_strip)


def offset_edge(matte: Matte, pixels: float) -> Matte:
    """Grow (positive) or shrink (negative) a matte by a possibly fractional distance.

    Returns:
        A new array, or `matte` itself for 0 pixels.
    """
    distance = abs(pixels)
    whole = int(distance)
    operation = cv2.dilate if pixels > 0 else cv2.erode
    near = operation(matte, _disc(whole)) if whole else matte
    if distance == whole:
        return np.asarray(near, np.float32)
    far = operation(matte, _disc(whole + 1))
    return np.asarray(near + np.float32(distance - whole) * (far - near), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )
