"""Compositing with estimated foreground colors, so that soft edges show no old background."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame, Matte
from livecam.imaging.buffers import Kind, pooled_empty, pooled_empty_like
from livecam.imaging.compositing import apply_light_wrap
from livecam.imaging.ops import box_mean

_STEP = 8
"""Colors are averaged on every eighth pixel of a 720 pixel high frame; edges are wider than that."""
_REACH = 0.02
"""Radius of the mean colors, as a fraction of the frame's height."""
_MARGIN = 4
"""Margin around the soft pixels, in steps."""
_FAR = 4
"""Radius of the fallback mean, in multiples of the near one: used where nothing near is certain."""
_FAR_WEIGHT = np.float32(1e-3)
_CHUNK_PIXELS = 1 << 15
"""Pixels whose intermediate results stay in the processor's cache."""
_ALPHAS = np.arange(256, dtype=np.float32) / np.float32(255)
_MAX_WEIGHT = 1 << 16
"""Weight of a certain pixel: the sum of 9 x 9 colors with this weight is below 2³¹."""
_CERTAINTIES = tuple(
    np.ceil(alphas**4 * np.float32(_MAX_WEIGHT)).astype(np.int32) for alphas in (_ALPHAS, _ALPHAS[::-1])
)
"""Weight of each alpha in the means of foreground and background: a mixed pixel hardly counts.

Integers, which OpenCV averages faster than floats. No alpha above 0 has a weight of 0.
"""
_NO_WEIGHT = 1e-6 * _MAX_WEIGHT
"""Keeps the mean defined where no color has any weight."""
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
    y, x = _find_soft_tiles(alpha, tile)
    if y.size:
        inside, outside = _mean_colors(frame, alpha, tile, y, x)
        chunks = -(-y.size * tile**2 // _CHUNK_PIXELS)
        chunk = -(-y.size // chunks)
        for first in range(0, y.size, chunk):
            part = slice(first, first + chunk)
            means = inside[:, part], outside[:, part]
            _blend_tiles(frame, background, alpha, *means, y[part], x[part], tile, composite)
    return composite


def _find_soft_tiles(alpha: _Bytes, tile: int) -> tuple[_Indices, _Indices]:
    """Return the rows and columns of the tiles with an alpha that is neither 0 nor 255."""
    # 255 becomes 0 and 0 becomes 1: an alpha between them is larger than both.
    shifted = np.add(alpha, 1, out=pooled_empty_like(alpha))
    is_soft = shifted.reshape(-1, tile, alpha.shape[1]).max(axis=1) > 1
    # Each first column of a tile gets the largest value of the tile.
    found = cv2.dilate(is_soft.view(np.uint8), np.ones((1, tile), np.uint8), anchor=(0, 0))
    soft_tiles = np.ascontiguousarray(found[:, ::tile])
    places = np.flatnonzero(soft_tiles.view(np.bool_))
    y = places // soft_tiles.shape[1]  # several times faster than divmod
    return y, places - y * soft_tiles.shape[1]


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
        inside: mean color of the foreground around each of the N tiles, float32 (3, N).
        outside: mean color of the old background, like `inside`.
        y: row of each tile.
        x: column of each tile.
        tile: side of a tile in pixels.
        out: an array like `frame`.
    """
    columns = alpha.shape[1] // tile
    # For each tile the flat indices of its rows of pixels.
    rows = (y * (tile * columns) + x)[:, None] + np.arange(0, tile * columns, columns)
    alphas = _row_view(alpha, tile).take(rows).view(np.uint8).reshape(1, -1)
    colors, new = (
        _row_view(image, 3 * tile).take(rows).view(np.uint8).reshape(1, -1, 3)
        for image in (frame, background)
    )
    _resolve_mixture(colors, alphas, inside, outside)
    weight = cv2.cvtColor(alphas, cv2.COLOR_GRAY2RGB, dst=pooled_empty_like(colors))
    # alpha × color + (255 - alpha) × new, at most 255 × 255.
    total, part = pooled_empty((2, *colors.shape), np.uint16)
    np.multiply(colors, weight, out=total, dtype=np.uint16)
    np.multiply(new, cv2.bitwise_not(weight, dst=weight), out=part, dtype=np.uint16)
    total += part
    cv2.convertScaleAbs(total.reshape(1, -1), dst=new.reshape(1, -1), alpha=1 / 255)
    np.put(_row_view(out, 3 * tile), rows, _row_view(new, 3 * tile))


def _resolve_mixture(colors: _Bytes, alphas: _Bytes, inside: _Colors, outside: _Colors) -> None:
    """Replace the mixed colors of N tiles by those of the foreground, in place.

    This is `estimate_foreground_color`, written as alpha × color + (1 - alpha) × (inside + alpha × (inside -
    outside)). Channel by channel: the mean colors of a tile are then one number for many pixels.

    Args:
        colors: uint8 RGB, shape (1, P, 3).
        alphas: uint8, shape (1, P).
        inside: mean color of the foreground around each tile, float32 (3, N).
        outside: mean color of the old background, like `inside`.
    """
    # In memory from the pool, because at this size a new array costs more than the computation.
    planes = pooled_empty((3, *alphas.shape), np.uint8)
    cv2.split(colors, list(planes))
    weight = cv2.LUT(alphas, _ALPHAS).reshape(inside.shape[1], -1)
    correction, resolved = pooled_empty((2, 3, *weight.shape), np.float32)
    np.multiply(weight, (inside - outside)[..., None], out=correction)
    correction += inside[..., None]
    np.copyto(resolved, planes.reshape(resolved.shape))
    resolved -= correction
    resolved *= weight
    # The sum is rounded and clipped to 0..255.
    cv2.add(resolved.reshape(1, -1), correction.reshape(1, -1), dst=planes.reshape(1, -1), dtype=cv2.CV_8U)
    cv2.merge(list(planes), dst=colors)


def _row_view(image: NDArray[Any], size: int) -> NDArray[Any]:
    """View a contiguous array as a list of elements of `size` bytes."""
    return image.reshape(-1).view(f"V{size}")


def _mean_colors(frame: Frame, alpha: _Bytes, tile: int, y: _Indices, x: _Indices) -> tuple[_Colors, _Colors]:
    """Average the certain colors of foreground and old background around N tiles.

    Args:
        frame: uint8 RGB, shape (H, W, 3), contiguous.
        alpha: uint8, shape (H, W).
        tile: side of a tile in pixels. The means are of one pixel of each tile.
        y: row of each tile.
        x: column of each tile.

    Returns:
        Two new float32 arrays of shape (3, N).
    """
    # A margin, so that colors of the old background are known outside the edge.
    top, left = (max(0, int(side.min()) - _MARGIN) for side in (y, x))
    cells = slice(top, int(y.max()) + _MARGIN), slice(left, int(x.max()) + _MARGIN)
    # A fourth channel of 255 becomes the sum of the weights.
    colors = cv2.cvtColor(box_mean(_sample(frame, tile, cells), 3), cv2.COLOR_RGB2RGBA).astype(np.int32)
    opacity = _sample(alpha, tile, cells)
    weighted = pooled_empty((2, *colors.shape), np.int32)
    for certainty, image in zip(_CERTAINTIES, weighted, strict=True):
        cv2.merge([cv2.LUT(opacity, certainty)] * 4, dst=image)
    weighted *= colors
    radius = max(1, round(_REACH * alpha.shape[0] / tile))
    inside, outside = _means_at(weighted, radius, y - top, x - left)
    return inside, outside


def _sample(image: _Bytes, tile: int, cells: tuple[slice, slice]) -> _Bytes:
    """Return the first pixel of each tile in some rows and columns of tiles, as a new array."""
    rows, columns = (slice(tile * side.start, tile * side.stop) for side in cells)
    part = image[rows, columns]
    size = (part.shape[1] // tile, part.shape[0] // tile)
    # Several times faster than NumPy's copy of every tile-th pixel.
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _means_at(weighted: NDArray[np.int32], radius: int, y: _Indices, x: _Indices) -> _Colors:
    """Return the weighted mean colors around N pixels of two images.

    Args:
        weighted: red, green, blue and 255, each times the weight of the pixel, shape (2, H, W, 4).
        radius: radius of the window in pixels.
        y: row of each pixel.
        x: column of each pixel.

    Returns:
        Float32 of shape (2, 3, N).
    """
    window = 2 * radius + 1
    near = pooled_empty(weighted.shape, np.float32)
    for image, blurred in zip(weighted, near, strict=True):
        cv2.boxFilter(image, cv2.CV_32F, (window, window), dst=blurred)
    # Every second mean is enough for a window that is `_FAR` times as large.
    coarse = np.ascontiguousarray(near.view("V16")[:, ::2, ::2]).view(np.float32)
    far = pooled_empty_like(coarse)
    for image, blurred in zip(coarse, far, strict=True):
        cv2.blur(image, ((_FAR - 1) * radius | 1,) * 2, dst=blurred)
    sums = _FAR_WEIGHT * _pixels_at(far, y >> 1, x >> 1)
    sums += _pixels_at(near, y, x)
    *channels, total = cv2.split(sums.reshape(1, -1, 4))
    total *= np.float32(1 / 255)
    total += np.float32(_NO_WEIGHT)
    means: _Colors = (np.concatenate(channels) / total).reshape(3, 2, -1).swapaxes(0, 1)
    return means


def _pixels_at(images: _Colors, y: _Indices, x: _Indices) -> _Colors:
    """Return N pixels of two images of four channels as (2, N, 4)."""
    pixels = _row_view(images, 16).reshape(2, -1).take(y * images.shape[2] + x, axis=1)
    found: _Colors = pixels.view(np.float32).reshape(2, -1, 4)
    return found
