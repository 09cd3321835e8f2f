"""Compositing with estimated foreground colors, so that soft edges show no old background."""

import functools
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.buffers import Kind, pooled_empty
from livecam.imaging.compositing import apply_light_wrap
from livecam.imaging.ops import box_mean
from livecam.imaging.roi import Slices2D

_STEP = 8
"""Colors are averaged on every eighth pixel of a 720 pixel high frame; edges are wider than that."""
_REACH = 0.02
"""Radius of the mean colors, as a fraction of the frame's height."""
_MARGIN = 4
"""Margin around the soft pixels, in steps."""
_FAR = 4
"""Radius of the fallback mean, in multiples of the near one: used where nothing near is certain."""
_FAR_WEIGHT = 1e-3
_CHUNK_PIXELS = 1 << 15
"""Pixels whose intermediate results stay in the processor's cache."""
_ALPHAS = np.arange(256, dtype=np.float32) / np.float32(255)
_CERTAINTIES = _ALPHAS**4, _ALPHAS[::-1] ** 4
"""Weight of each alpha in the means of foreground and background: a mixed pixel hardly counts."""
_Bytes = NDArray[np.uint8]
_Indices = NDArray[np.intp]
_Colors = NDArray[np.float32]


def composite_foreground(frame: Frame, background: Frame, matte: Matte, light_wrap: float = 0.0) -> Frame:
    """Composite a frame over a background with the foreground's own colors in soft pixels.

    A pixel of a soft edge holds a mixture of the subject and the old background. The mixture is resolved
    (blur fusion: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021) before it is blended with
    the new background. Only tiles with pixels between 0 and 1 are computed; where the matte is 1 the result
    has the frame's bytes, where it is 0 the background's. The matte counts in steps of 1/255.

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
    height, width = matte.shape
    tile = max(1, _STEP * height // 720)
    bottom, right = -height % tile, -width % tile
    if bottom or right:
        frame, background = _pad(frame, bottom, right), _pad(background, bottom, right)
        matte = _pad(matte, bottom, right)
    composite = _composite_tiles(np.ascontiguousarray(frame), np.ascontiguousarray(background), matte, tile)
    return np.ascontiguousarray(composite[:height, :width])


def _pad(image: NDArray[Kind], bottom: int, right: int) -> NDArray[Kind]:
    margins = [(0, bottom), (0, right), (0, 0)]
    return np.pad(image, margins[: image.ndim], mode="edge")


def _composite_tiles(frame: Frame, background: Frame, matte: Matte, tile: int) -> Frame:
    """Composite contiguous arrays that consist of whole tiles."""
    composite: Frame = pooled_empty(frame.shape, np.uint8)
    np.copyto(composite, background)
    alpha = pooled_empty(matte.shape, np.uint8)
    cv2.convertScaleAbs(matte, dst=alpha, alpha=255)
    # Soft pixels are copied as well, which is faster than a mask without them; their tiles change below.
    cv2.copyTo(frame, alpha, composite)
    y, x = _find_mixed_tiles(alpha, tile)
    if y.size:
        # A margin, so that colors of the old background are known outside the edge.
        top, left = (max(0, int(side.min()) - _MARGIN) for side in (y, x))
        cells = slice(top, int(y.max()) + _MARGIN), slice(left, int(x.max()) + _MARGIN)
        radius = max(1, round(_REACH * matte.shape[0] / tile))
        means = [mean[y - top, x - left] for mean in _mean_colors(frame, alpha, tile, cells, radius)]
        chunk = max(1, _CHUNK_PIXELS // tile**2)
        for first in range(0, y.size, chunk):
            part = slice(first, first + chunk)
            inside, outside = (mean[part] for mean in means)
            _blend_tiles(frame, background, alpha, inside, outside, y[part], x[part], tile, composite)
    return composite


def _find_mixed_tiles(alpha: _Bytes, tile: int) -> tuple[_Indices, _Indices]:
    """Return the rows and columns of the tiles whose alphas are neither all 0 nor all 255."""
    # Several alphas are compared at once, as the bytes of one integer.
    word = min(8, tile & -tile)
    packed = alpha.view(f"u{word}").reshape(alpha.shape[0] // tile, tile, -1)
    masks = []
    for merge, uniform in ((np.bitwise_or, 0), (np.bitwise_and, (1 << 8 * word) - 1)):
        merged = merge.reduce(packed, axis=1).reshape(len(packed), -1, tile // word)
        columns = [merged[..., column] for column in range(tile // word)]
        masks.append(functools.reduce(merge, columns) != packed.dtype.type(uniform))
    y, x = np.nonzero(np.logical_and(*masks))
    return y, x


def _blend_tiles(
    frame: Frame,
    background: Frame,
    alpha: _Bytes,
    inside: _Colors,
    outside: _Colors,
    y: _Indices,
    x: _Indices,
    tile: int,
    out: Frame,
) -> None:
    """Resolve the mixture in some tiles, blend it with the new background and write it to `out`.

    Args:
        frame: uint8 RGB, shape (H, W, 3).
        background: the same shape.
        alpha: uint8, shape (H, W).
        inside: mean color of the foreground around each of the N tiles, float32 (N, 3).
        outside: mean color of the old background, like `inside`.
        y: row of each tile.
        x: column of each tile.
        tile: side of a tile in pixels.
        out: an array like `frame`.
    """
    columns = alpha.shape[1] // tile
    # For each tile the flat indices of its rows of pixels.
    rows = (y * (tile * columns) + x)[:, None] + np.arange(0, tile * columns, columns)
    # For each tile one row of its mean color.
    inside, outside = (np.tile(mean, tile)[:, None] for mean in (inside, outside))
    # In memory from the pool, because at this size a new array costs more than the computation.
    weight, colors, new, mixed = pooled_empty((4, *rows.shape, 3 * tile), np.float32)
    alphas = _row_view(alpha, tile).take(rows).view(np.uint8)
    cv2.cvtColor(_ALPHAS.take(alphas).reshape(-1, tile), cv2.COLOR_GRAY2RGB, dst=weight.reshape(-1, tile, 3))
    for image, values in ((frame, colors), (background, new)):
        pixels = _row_view(image, 3 * tile).take(rows)
        np.copyto(values, pixels.view(np.uint8).reshape(values.shape))
    # `estimate_foreground_color`, as alpha × color + (1 - alpha) × (inside + alpha × (inside - outside)).
    np.multiply(weight, inside - outside, out=mixed)
    mixed += inside
    colors -= mixed
    colors *= weight
    colors += mixed
    np.clip(colors, 0, 255, out=colors)
    colors -= new
    colors *= weight
    colors += new
    blended = cv2.convertScaleAbs(colors.reshape(-1, 3 * tile))
    np.put(_row_view(out, 3 * tile), rows, _row_view(blended, 3 * tile))


def _row_view(image: _Bytes, size: int) -> NDArray[Any]:
    """View a contiguous array as a list of elements of `size` bytes."""
    return image.reshape(-1).view(f"V{size}")


def _mean_colors(
    frame: Frame, alpha: _Bytes, step: int, cells: Slices2D, radius: int
) -> tuple[_Colors, _Colors]:
    """Average the certain colors of foreground and old background around every `step`-th pixel.

    Args:
        frame: uint8 RGB, shape (H, W, 3), contiguous.
        alpha: uint8, shape (H, W).
        step: distance of two cells in pixels.
        cells: rows and columns of the cells that are computed.
        radius: radius of the mean, in cells.

    Returns:
        Two new float32 arrays of shape (rows, columns, 3).
    """
    samples = np.ascontiguousarray(frame.view("V3")[::step, ::step][cells]).view(np.uint8)
    planes = cv2.split(box_mean(samples, 3))
    opacity = np.ascontiguousarray(alpha[::step, ::step][cells])
    inside, outside = (np.asarray(cv2.LUT(opacity, table), np.float32) for table in _CERTAINTIES)
    return _mean_color(planes, inside, radius), _mean_color(planes, outside, radius)


def _mean_color(planes: Sequence[NDArray[Any]], weight: Matte, radius: int) -> _Colors:
    *colors, total = pooled_empty((4, *weight.shape), np.float32)
    for plane, color in zip(planes, colors, strict=True):
        np.multiply(plane, weight, out=color)
    weighted = pooled_empty((*weight.shape, 4), np.float32)
    cv2.merge([*colors, weight], dst=weighted)
    near, far = (box_mean(weighted, 2 * r + 1) for r in (radius, _FAR * radius))
    cv2.scaleAdd(far, _FAR_WEIGHT, near, dst=near)
    cv2.split(near, [*colors, total])
    total += np.float32(1e-6)
    for color in colors:
        color /= total
    return np.asarray(cv2.merge(colors, dst=pooled_empty((*weight.shape, 3), np.float32)), np.float32)
