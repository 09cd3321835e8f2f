"""Removal of noise from single images."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.buffers import pooled_empty, pooled_empty_like
from livecam.imaging.ops import box_mean, multiply_accumulate, resize_matte, row_strips

_LAPLACIAN_DIFFERENCE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_RADIUS = 2
"""Radius of the luma filter's window, in pixels of half the size."""
_CHROMA_STEP = 4
"""Side in pixels of the squares over which colors are averaged, for a height of 720: hardly visible."""


def estimate_noise(gray: NDArray[np.uint8]) -> float:
    """Estimate the standard deviation of an image's noise, in levels of 255.

    Reference: Immerkær, "Fast Noise Variance Estimation", Computer Vision and Image Understanding, 1996. The
    median instead of the mean, so that edges do not count. Noise with a grain of more than one pixel is
    measured on every second pixel too, and the larger value counts.

    Args:
        gray: uint8 (height, width).
    """
    return max(_deviation(gray), _deviation(np.ascontiguousarray(gray[::2, ::2])))


def _deviation(gray: NDArray[np.uint8]) -> float:
    if min(gray.shape) < 3:
        return 0.0
    response = cv2.filter2D(gray, cv2.CV_16S, _LAPLACIAN_DIFFERENCE)[1:-1, 1:-1]
    # The median of |x| is 0.6745 deviations, and the kernel makes 6 deviations of one.
    return float(np.median(np.abs(response))) / (0.6745 * 6)


def average(image: Frame, window: int, color_window: int) -> Frame:
    """Replace luma and colors by their means over squares around each pixel.

    Args:
        image: uint8 RGB (height, width, 3).
        window: side in pixels of the luma's squares.
        color_window: side in pixels of the colors' squares.

    Returns:
        A new image.
    """
    luma, *chroma = (
        np.asarray(each, np.uint8) for each in cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    )
    merged = cv2.merge([box_mean(luma, window), *(box_mean(each, color_window) for each in chroma)])
    return cast(Frame, cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB, dst=pooled_empty(image.shape, np.uint8)))


def denoise(image: Frame, deviation: float) -> Frame:
    """Smooth differences of up to about `deviation` and keep larger ones.

    The luma goes through a fast guided filter with itself as the guide (He and Sun, "Fast Guided Filter",
    2015) at half the size, the colors through a mean at a quarter of the size.

    Args:
        image: uint8 RGB (height, width, 3).
        deviation: standard deviation of the noise, in levels of 255; 0 leaves the luma as it is.

    Returns:
        A new image.
    """
    luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    size = Size.of(image)
    planes = [_smooth_luma(np.asarray(luma, np.uint8), deviation)]
    step = max(1, round(_CHROMA_STEP * size.height / 720))
    small = (max(1, size.width // step), max(1, size.height // step))
    for plane in chroma:
        mean = cv2.blur(cv2.resize(plane, small, interpolation=cv2.INTER_AREA), (3, 3))
        planes.append(np.asarray(cv2.resize(mean, tuple(size), interpolation=cv2.INTER_LINEAR), np.uint8))
    merged = cv2.merge(planes)
    return cast(Frame, cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB, dst=pooled_empty(image.shape, np.uint8)))


def _smooth_luma(luma: NDArray[np.uint8], deviation: float) -> NDArray[np.uint8]:
    size = Size.of(luma)
    half = (max(1, size.width // 2), max(1, size.height // 2))
    # Every second pixel, not the mean of four: the variance must be that of the full size.
    small = np.ascontiguousarray(luma[: 2 * half[1] : 2, : 2 * half[0] : 2]).astype(np.float32)
    window = 2 * _RADIUS + 1
    mean = box_mean(small, window)
    variance = np.maximum(box_mean(small * small, window) - mean * mean, np.float32(0))
    slope = variance / (variance + np.float32(deviation * deviation + 1e-6))
    intercept = mean * (np.float32(1) - slope)
    full_slope = resize_matte(box_mean(slope, window), size)
    full_intercept = resize_matte(box_mean(intercept, window), size)
    result: NDArray[np.uint8] = pooled_empty_like(luma)
    for rows in row_strips(size):
        values = luma[rows].astype(np.float32)
        multiply_accumulate(full_slope[rows], values, full_intercept[rows])
        cv2.convertScaleAbs(full_intercept[rows], dst=result[rows])
    return result
