"""Array operations by OpenCV, with livecam's types.

OpenCV's type stubs are too loose for ``mypy --strict``; the casts are here. All images are RGB unless a
function says otherwise. Every function returns a new array and does not write to its arguments, unless it
says otherwise.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte
from livecam.imaging.buffers import Kind, pooled_empty, pooled_empty_like

_FloatImage = NDArray[np.float32]
_STRIP_PIXELS = 1 << 16
"""Pixels of a strip of rows whose intermediate results stay in the processor's cache."""


def row_strips(size: Size) -> list[slice]:
    """Return the rows of an image in strips whose intermediate results stay in the processor's cache.

    The first strip is the tallest.
    """
    strip_height = max(1, _STRIP_PIXELS // size.width)
    return [slice(top, min(top + strip_height, size.height)) for top in range(0, size.height, strip_height)]


def use_one_opencv_thread() -> None:
    """Let OpenCV compute in the calling thread only, in the whole process.

    Its steps of a frame take 0.1 to 1 ms. Its other threads wait for the next one in a loop, which takes more
    processor time than they save: 2 of 18 ms a frame in a call at 1280x720 on two cores.
    """
    cv2.setNumThreads(1)


class Halvings(NamedTuple):
    """How often `downscale` halves both sides of an image, and then the rows alone."""

    both: int
    rows: int

    @property
    def down(self) -> int:
        """How often the rows are halved in all."""
        return self.both + self.rows


def downscale(image: Frame, size: Size, halvings: Halvings | None = None) -> Frame:
    """Downscale by averaging, several times faster than by area interpolation alone.

    The image is halved while its sides are even and at least twice the goal. The rest is area interpolation,
    or bilinear where less than a half remains.

    Args:
        image: uint8 (height, width) or (height, width, channels).
        size: the size of the result.
        halvings: how often to halve; None: `count_halvings`. A part of an image is downscaled like the whole
            with the count of the whole.
    """
    both, rows = count_halvings(Size.of(image), size) if halvings is None else halvings
    for _ in range(both):
        image = _resize(image, Size(image.shape[1] // 2, image.shape[0] // 2), cv2.INTER_AREA)
    for _ in range(rows):
        # OpenCV's area interpolation is fast for 2 x 2 pixels only.
        image = cast(Frame, cv2.addWeighted(image[::2], 0.5, image[1::2], 0.5, 0.0))
    is_close = image.shape[1] < 2.5 * size.width and image.shape[0] < 2.5 * size.height
    return _resize(image, size, cv2.INTER_LINEAR if is_close else cv2.INTER_AREA)


def count_halvings(size: Size, goal: Size) -> Halvings:
    """Return how often `downscale` halves an image of `size` on its way to `goal`."""
    both, rows, (width, height) = 0, 0, size
    while not (height % 2 or width % 2) and width >= 2 * goal.width and height >= 2 * goal.height:
        both, width, height = both + 1, width // 2, height // 2
    while not height % 2 and height >= 2 * goal.height and width < 2.5 * goal.width:
        rows, height = rows + 1, height // 2
    return Halvings(both, rows)


def _resize(image: Frame, size: Size, interpolation: int) -> Frame:
    resized = pooled_empty((size.height, size.width, *image.shape[2:]), np.uint8)
    return cast(Frame, cv2.resize(image, tuple(size), dst=resized, interpolation=interpolation))


def resize(image: Frame, size: Size) -> Frame:
    """Resize uint8: by area if any side gets shorter, bilinear otherwise.

    Returns a copy where the size is the same.
    """
    if Size.of(image) == size:
        return np.array(image)
    return _resize(image, size, _interpolation(image, size))


def resize_matte(matte: Matte, size: Size, out: Matte | None = None) -> Matte:
    """Resize a matte, bilinear, into `out` if it is given; `out` must have that size."""
    result = pooled_empty((size.height, size.width), np.float32) if out is None else out
    return cast(Matte, cv2.resize(matte, tuple(size), dst=result, interpolation=cv2.INTER_LINEAR))


def resize_float(image: _FloatImage, size: Size) -> _FloatImage:
    """Resize float32 with any number of channels, interpolated like `resize`."""
    return cast(_FloatImage, cv2.resize(image, tuple(size), interpolation=_interpolation(image, size)))


def _interpolation(image: NDArray[Any], size: Size) -> int:
    is_smaller = size.width < image.shape[1] or size.height < image.shape[0]
    return cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR


def downscale_matte(matte: Matte, size: Size) -> Matte:
    """Downscale a matte by area interpolation."""
    return cast(Matte, cv2.resize(matte, tuple(size), interpolation=cv2.INTER_AREA))


def transfer(values: _FloatImage, before: Crop, after: Crop) -> _FloatImage:
    """Resample values over one crop of a frame to another crop of it, bilinear; 0 outside the first.

    Args:
        values: float32 (height, width), spread over `before`.
        before: the crop that `values` covers.
        after: the crop that the result covers.

    Returns:
        A new array of the same shape.
    """
    size = Size.of(values)
    matrix = np.zeros((2, 3), np.float64)
    starts = zip(
        (before.left, before.top), (after.left, after.top), before.size, after.size, size, strict=True
    )
    for axis, (old_start, start, old_length, length, count) in enumerate(starts):
        # The centers of pixels lie at half pixels.
        scale = length / old_length
        matrix[axis, axis] = scale
        matrix[axis, 2] = (start - old_start) * count / old_length + (scale - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(values, matrix, tuple(size), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return cast(_FloatImage, moved)


def magnify(image: NDArray[Kind], left: float, top: float, scale: float) -> NDArray[Kind]:
    """Show a part of an image at the size of the whole, bilinear; the part may begin between two pixels.

    Args:
        image: uint8 or float32 (height, width) or (height, width, channels).
        left: left edge of the part in pixels.
        top: top edge of the part in pixels.
        scale: sides of the part over sides of the image, in (0, 1].

    Returns:
        A new array of the same shape. Outside the image its border pixels are repeated.
    """
    # The centers of pixels lie at half pixels: source + 0.5 = scale × (result + 0.5) + left.
    offset = (scale - 1) / 2
    matrix = np.array([[scale, 0, left + offset], [0, scale, top + offset]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (image.shape[1], image.shape[0])
    result = cv2.warpAffine(
        cast(Any, image),
        matrix,
        size,
        dst=cast(Any, pooled_empty_like(image)),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cast("NDArray[Kind]", result)


def letterbox(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Fit an RGB or RGBA image into `size` with black, or for RGBA transparent, bars.

    Returns:
        uint8 (size.height, size.width, channels); `image` itself where it has that size already.
    """
    source = Size.of(image)
    if source == size:
        return image
    scale = min(size.width / source.width, size.height / source.height)
    inner = Size(max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    result = np.zeros((size.height, size.width, image.shape[2]), np.uint8)
    result[top : top + inner.height, left : left + inner.width] = resize(image, inner)
    return result


def to_gray(image: Frame) -> NDArray[np.uint8]:
    """Return the luma of an RGB frame by the weights of BT.601, uint8 (height, width)."""
    gray = pooled_empty(image.shape[:2], np.uint8)
    return cast(NDArray[np.uint8], cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, dst=gray))


def swap_rb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert BGR to RGB or back, uint8 (height, width, 3)."""
    return cast(NDArray[np.uint8], cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def rgb_to_lab(colors: NDArray[np.uint8]) -> _FloatImage:
    """Convert uint8 RGB (count, 3) to CIELAB: float32 (count, 3), lightness 0 to 100."""
    scaled = colors[None].astype(np.float32) * np.float32(1 / 255)
    return cast(_FloatImage, cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab)[0])


def lab_to_rgb(colors: _FloatImage) -> _FloatImage:
    """Convert CIELAB (count, 3) to RGB in [0, 1], clipped: float32 (count, 3)."""
    return cast(_FloatImage, cv2.cvtColor(colors[None], cv2.COLOR_Lab2RGB)[0])


def rgb_to_ycrcb(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert uint8 RGB (count, 3) to YCrCb by BT.601: uint8 (count, 3)."""
    return cast(NDArray[np.uint8], cv2.cvtColor(colors[None], cv2.COLOR_RGB2YCrCb)[0])


def transform_colors(image: Frame, matrix: NDArray[np.float64]) -> Frame:
    """Apply an affine map of colors, (3, 4), to each pixel; results are rounded and clipped."""
    result = pooled_empty_like(image)
    return cast(Frame, cv2.transform(image, matrix.astype(np.float32), dst=result))


def map_levels(image: Frame, table: NDArray[np.uint8]) -> Frame:
    """Replace each of the 256 levels by its entry in `table`."""
    return cast(Frame, cv2.LUT(image, table, dst=pooled_empty_like(image)))


def encode_jpeg(image: Frame, quality: int) -> bytes:
    """Encode an RGB frame as a JPEG, fast, with halved chroma.

    Args:
        image: uint8 RGB (height, width, 3).
        quality: 1 to 100.
    """
    _, encoded = cv2.imencode(".jpg", swap_rb(image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded)


def write_yuv420(image: Frame, conversion: NDArray[np.float64], planes: Sequence[NDArray[np.uint8]]) -> None:
    """Convert an RGB frame to planes with chroma of half the size, the mean of 2 x 2 pixels.

    Args:
        image: uint8 RGB of shape (height, width, 3); both sides are even.
        conversion: float (3, 4): rows of Y, U and V, columns of red, green, blue and the constant.
        planes: where Y, U and V are written, uint8 of shape (height, width) and twice half of that.
    """
    size = Size.of(image)
    strips = row_strips(size)
    # OpenCV computes all three rows several times faster than some of them.
    values = pooled_empty((strips[0].stop, size.width, 3), np.uint8)
    for rows in strips:
        converted = cv2.transform(image[rows], conversion, dst=values[: rows.stop - rows.start])
        cv2.extractChannel(converted, 0, dst=planes[0][rows])
    small = _resize(image, Size(size.width // 2, size.height // 2), cv2.INTER_AREA)
    chroma = cv2.transform(small, conversion, dst=pooled_empty_like(small))
    for channel in (1, 2):
        cv2.extractChannel(chroma, channel, dst=planes[channel])


def replicate_channels(values: _FloatImage) -> _FloatImage:
    """Repeat one channel three times: float32 (height, width) to (height, width, 3)."""
    return cast(_FloatImage, cv2.merge([values, values, values]))


def decode_any_depth(content: NDArray[np.uint8]) -> NDArray[Any] | None:
    """Decode an image file as gray, RGB or RGBA in its own dtype: uint8, uint16 or float32.

    Returns:
        An array of shape (height, width) or (height, width, channels); None if OpenCV cannot decode it.
    """
    try:
        image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if image is None or image.ndim == 2:
        return cast("NDArray[Any] | None", image)
    order = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cast("NDArray[Any]", cv2.cvtColor(image, order))


def box_mean(values: NDArray[Kind], window: int) -> NDArray[Kind]:
    """Replace each value by the mean of the square of `window` x `window` values around it."""
    mean = cast(Any, pooled_empty_like(values))
    if values.dtype == np.float32 and window <= 5:
        # OpenCV's box filter adds floats in double precision, which takes longer than a few products.
        weights = np.full(window, 1 / window, np.float32)
        cv2.sepFilter2D(cast(Any, values), cv2.CV_32F, weights, weights, dst=mean)
    else:
        cv2.blur(cast(Any, values), (window, window), dst=mean)
    return cast("NDArray[Kind]", mean)


def clip_to_unit(values: _FloatImage) -> None:
    """Clip float32 to [0, 1] in place; for a part of an image's columns twice as fast as NumPy's own."""
    cv2.threshold(values, 1.0, 0.0, cv2.THRESH_TRUNC, dst=values)
    cv2.threshold(values, 0.0, 0.0, cv2.THRESH_TOZERO, dst=values)


def multiply_accumulate(first: Matte, second: Matte, total: Matte) -> None:
    """Add `first` × `second` to `total` in place, in one pass over the memory instead of two."""
    cv2.accumulateProduct(first, second, total)


def gaussian_blur(image: Frame, sigma: float) -> Frame:
    """Blur uint8 with a Gaussian of `sigma` pixels; the border pixels are repeated outside."""
    return cast(Frame, cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def gaussian_blur_float(image: _FloatImage, sigma: float) -> _FloatImage:
    """Blur float32 with any number of channels like `gaussian_blur`."""
    return cast(_FloatImage, cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def cross_fade(first: Frame, second: Frame, progress: float) -> Frame:
    """Blend two frames: `first` at progress 0, `second` at progress 1."""
    return cast(Frame, cv2.addWeighted(first, 1.0 - progress, second, progress, 0.0))


def dilate3(image: NDArray[Kind]) -> NDArray[Kind]:
    """Replace each value of a uint8 or float32 image by the maximum of its 3 x 3 neighborhood."""
    return cast("NDArray[Kind]", cv2.dilate(cast(Any, image), np.ones((3, 3), np.uint8)))


def look_up(codes: NDArray[np.uint16], table: NDArray[Kind]) -> NDArray[Kind]:
    """Replace each code by its entry in a table of 65,536 entries, uint8 or float32."""
    try:
        return cast("NDArray[Kind]", cv2.LUT(codes, cast(Any, table.reshape(1, -1))))
    except cv2.error:  # OpenCV 4 looks up 8 bits only; NumPy takes five times as long
        return table[codes]


def merge_channels(*channels: NDArray[Kind]) -> NDArray[Kind]:
    """Join arrays (height, width) to a new one (height, width, channels)."""
    return cast("NDArray[Kind]", cv2.merge(cast(Any, channels)))


def widest_channel(image: NDArray[Kind]) -> NDArray[Kind]:
    """Return the largest channel of each pixel, (height, width); NumPy's own takes 30 times as long."""
    red, green, blue = (cast(Any, image[..., channel]) for channel in range(3))
    return cast("NDArray[Kind]", cv2.max(cv2.max(red, green), blue))


def transform_channels(image: _FloatImage, matrix: _FloatImage) -> _FloatImage:
    """Multiply the channels of each pixel by a matrix (rows, 3); one row gives (height, width)."""
    return cast(_FloatImage, cv2.transform(image, matrix))


def square_root(values: _FloatImage) -> _FloatImage:
    """Return the square roots of float32 values; NaN for negative ones."""
    return cast(_FloatImage, cv2.sqrt(values))


def raise_to(values: _FloatImage, exponent: float) -> _FloatImage:
    """Return float32 values of 0 or more to a power, several times faster than NumPy."""
    return cast(_FloatImage, cv2.pow(values, exponent))
