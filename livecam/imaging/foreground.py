"""Compositing with estimated foreground colors, so that soft edges show no old background."""

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.compositing import apply_light_wrap, estimate_foreground_color

_STEP = 8
"""Colors are averaged on every eighth pixel of a 720 pixel high frame; edges are wider than that."""
_REACH = 0.02
"""Radius of the mean colors, as a fraction of the frame's height."""
_MARGIN = 4
"""Margin around the soft pixels, in steps."""
_FAR = 4
"""Radius of the fallback mean, in multiples of the near one: used where nothing near is certain."""
_FAR_WEIGHT = np.float32(1e-3)
_Colors = NDArray[np.float32]


def composite_foreground(frame: Frame, background: Frame, matte: Matte, light_wrap: float = 0.0) -> Frame:
    """Composite a frame over a background with the foreground's own colors in soft pixels.

    A pixel of a soft edge holds a mixture of the subject and the old background. The mixture is resolved
    (blur fusion: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021) before it is blended with
    the new background. Only pixels between 0 and 1 are computed; where the matte is 1 the result has the
    frame's bytes, where it is 0 the background's. The matte counts in steps of 1/255.

    Args:
        frame: uint8 RGB, shape (H, W, 3).
        background: the same shape.
        matte: float32 in [0, 1], shape (H, W).
        light_wrap: 0 to 1, see `apply_light_wrap`.

    Returns:
        A new array of the frame's shape.
    """
    if light_wrap:
        frame = apply_light_wrap(frame, background, matte, light_wrap)
    composite: Frame = background.copy()
    alpha = np.asarray(cv2.convertScaleAbs(matte, alpha=255), np.uint8).reshape(matte.shape)
    cv2.copyTo(frame, (alpha == 255).view(np.uint8), composite)
    soft = cv2.findNonZero(cv2.inRange(alpha, 1, 254))
    if soft is None:
        return composite
    x, y = np.ascontiguousarray(soft.reshape(-1, 2).T)
    height, width = matte.shape
    step = max(1, _STEP * height // 720)
    # A margin, so that colors of the old background are known outside the edge.
    top, left = (max(0, int(side.min()) // step - _MARGIN) for side in (y, x))
    region = (
        slice(top * step, int(y.max()) + step * _MARGIN),
        slice(left * step, int(x.max()) + step * _MARGIN),
    )
    inside, outside = _mean_colors(frame[region], alpha[region], step, max(1, round(_REACH * height / step)))
    cell = (y // step - top) * inside.shape[1] + (x // step - left)
    # Flat indices: gathering rows by one index is several times faster than by two.
    pixel = y * width + x
    weight = alpha.reshape(-1).take(pixel).astype(np.float32)[:, None] * np.float32(1 / 255)
    image = frame.reshape(-1, 3).take(pixel, axis=0).astype(np.float32)
    inside, outside = (colors.reshape(-1, 3).take(cell, axis=0) for colors in (inside, outside))
    colors = estimate_foreground_color(image, weight, inside, outside)
    np.clip(colors, 0, 255, out=colors)
    flat = composite.reshape(-1, 3)
    new = flat.take(pixel, axis=0).astype(np.float32)
    colors -= new
    colors *= weight
    colors += new
    flat[pixel] = np.rint(colors, out=colors).astype(np.uint8)
    return composite


def _mean_colors(frame: Frame, alpha: NDArray[np.uint8], step: int, radius: int) -> tuple[_Colors, _Colors]:
    """Average the certain colors of foreground and old background around every `step`-th pixel."""
    image = np.asarray(cv2.blur(frame[::step, ::step], (3, 3)), np.float32)
    weight = alpha[::step, ::step].astype(np.float32) * np.float32(1 / 255)
    return _mean_color(image, weight, radius), _mean_color(image, np.float32(1) - weight, radius)


def _mean_color(image: _Colors, weight: Matte, radius: int) -> _Colors:
    # The fourth power: certain pixels have a color of their own, mixed ones hardly have.
    weight = np.square(weight)
    np.square(weight, out=weight)
    weighted = np.dstack([image * weight[..., None], weight])
    near, far = (cv2.blur(weighted, (2 * r + 1, 2 * r + 1)) for r in (radius, _FAR * radius))
    near += _FAR_WEIGHT * far
    return np.asarray(near[..., :3] / (near[..., 3:] + np.float32(1e-6)), np.float32)
