"""Compositing: frame, background and matte to one frame, or to a foreground with alpha."""

from collections.abc import Iterator
from itertools import groupby
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, RgbaFrame
from livecam.imaging.buffers import pooled_empty
from livecam.imaging.ops import downscale, downscale_matte, gaussian_blur_float, resize_float

# Rows and columns of a cell. The test of a smaller cell costs more time than it saves in blending.
_CELL_SHAPE = (48, 32)
_FloatImage = NDArray[np.float32]


def alpha_composite(frame: Frame, background: Frame, matte: Matte, light_wrap: float = 0.0) -> Frame:
    """Blend a frame over a background.

    Args:
        frame: uint8 RGB (height, width, 3).
        background: uint8 RGB of the same shape.
        matte: float32 (height, width) in [0, 1].
        light_wrap: strength in [0, 1] of the background light on the edges of the foreground.

    Returns:
        A new frame. Where the matte is 0 it equals `background` byte for byte. Where the matte is 1 it equals
        `frame` byte for byte, unless light wrap is on.
    """
    if light_wrap:
        frame = apply_light_wrap(frame, background, matte, light_wrap)
    result: Frame = pooled_empty(background.shape, np.uint8)
    np.copyto(result, background)
    scratch = pooled_empty((3, _CELL_SHAPE[0] * frame.shape[1] * 3), np.float32)
    # The other cells hold the background already.
    for box, is_opaque in _nonzero_cells(matte):
        if is_opaque:
            result[box] = frame[box]
        else:
            _blend(frame[box], background[box], matte[box], result[box], scratch)
    return result


def _blend(frame: Frame, background: Frame, matte: Matte, out: Frame, scratch: NDArray[np.float32]) -> None:
    """Write `background + matte × (frame - background)` to `out`, rounded.

    Exact where the matte is 0 or 1.
    """
    blended, base, weight = (row[: frame.size].reshape(frame.shape) for row in scratch)
    np.copyto(blended, frame)
    np.copyto(base, background)
    cv2.cvtColor(matte, cv2.COLOR_GRAY2RGB, dst=weight)
    blended -= base
    blended *= weight
    blended += base
    cv2.convertScaleAbs(blended, dst=out)


def _nonzero_cells(matte: Matte) -> Iterator[tuple[tuple[slice, slice], bool]]:
    """Yield boxes that cover all pixels above 0, and whether all pixels of the box are 1."""
    height, width = matte.shape
    columns = range(0, width, _CELL_SHAPE[1])
    for top in range(0, height, _CELL_SHAPE[0]):
        rows = slice(top, top + _CELL_SHAPE[0])
        strip = matte[rows]
        nonzero = np.maximum.reduceat(strip.max(axis=0), columns) > 0.0
        opaque = np.minimum.reduceat(strip.min(axis=0), columns) >= 1.0
        left = 0
        for (is_nonzero, is_opaque), run in groupby(zip(nonzero.tolist(), opaque.tolist(), strict=True)):
            right = left + _CELL_SHAPE[1] * sum(1 for _ in run)
            if is_nonzero:
                yield (rows, slice(left, right)), is_opaque
            left = right


def apply_light_wrap(frame: Frame, background: Frame, matte: Matte, strength: float) -> Frame:
    """Brighten the foreground edges with the blurred background (blend mode "screen").

    Args:
        frame: uint8 RGB (height, width, 3).
        background: uint8 RGB of the same shape.
        matte: float32 (height, width) in [0, 1].
        strength: in [0, 1].

    Returns:
        A new frame.
    """
    size = Size.of(frame)
    small = Size(max(1, size.width // 8), max(1, size.height // 8))
    sigma = max(1.0, small.height / 45)
    glow = gaussian_blur_float(downscale(background, small).astype(np.float32), sigma)
    openness = gaussian_blur_float(np.float32(1.0) - downscale_matte(matte, small), sigma)
    brightening = resize_float(glow * (openness * np.float32(strength / 255))[..., None], size)
    return np.asarray(np.rint(frame + (255 - frame) * brightening), np.uint8)


def extract_foreground(frame: Frame, matte: Matte) -> RgbaFrame:
    """Cut out the foreground with straight alpha.

    Soft pixels get an estimate of the foreground's color instead of its mixture with the room, so that the
    room is not visible through a soft edge.

    Returns:
        A new uint8 RGBA array (height, width, 4). Where alpha is 0, all four channels are 0: nothing of the
        frame is left there.
    """
    weight = matte[..., None]
    image = frame.astype(np.float32)
    window = 2 * max(3, frame.shape[0] // 40) + 1
    # The fourth power: an opaque pixel shows the foreground's color, a mixed pixel hardly does.
    inside = _weighted_mean_color(image, matte**4, window)
    outside = _weighted_mean_color(image, (1.0 - matte) ** 4, window)
    estimate = estimate_foreground_color(image, weight, inside, outside)
    alpha = np.rint(matte * 255).astype(np.uint8)
    opaque = (alpha == 255)[..., None]
    color = np.where(opaque, image, np.clip(np.rint(estimate), 0, 255)).astype(np.uint8)
    color[alpha == 0] = 0
    return np.dstack([color, alpha])


def estimate_foreground_color(
    image: _FloatImage, alpha: _FloatImage, inside: _FloatImage, outside: _FloatImage
) -> _FloatImage:
    """Estimate the foreground color of each pixel by blur fusion.

    Reference: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.

    Args:
        image: float32 RGB (height, width, 3), a mixture of foreground and background.
        alpha: float32 (height, width, 1) in [0, 1], the part of the foreground in the mixture.
        inside: the mean foreground color around each pixel, like `image`.
        outside: the mean background color around each pixel, like `image`.

    Returns:
        A new float32 array like `image`; values may exceed the range of the input.
    """
    color: _FloatImage = inside + alpha * (image - alpha * inside - (np.float32(1.0) - alpha) * outside)
    return color


def _weighted_mean_color(image: _FloatImage, weight: Matte, window: int) -> _FloatImage:
    total = cv2.blur(weight, (window, window))[..., None]
    color = cv2.blur(image * weight[..., None], (window, window))
    return cast(_FloatImage, color / np.maximum(total, np.float32(1e-4)))
