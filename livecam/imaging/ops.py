"""OpenCV behind our types: the one place where its loose stubs are met. All is RGB and gives new arrays."""

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging import buffers as memory


def downscale(frame: Frame, size: Size, halved: int | None = None) -> Frame:
    """Resize by averaging: halved as long as it can be, what is left by area or, if less than half, bilinear.

    For making pictures smaller, several times quicker than by area alone. `halved` is how often it is
    halved,
    for a part of a picture that is to be shrunk like the whole one.
    """
    for _ in range(count_halvings(Size.of(frame), size) if halved is None else halved):
        frame = _resize(frame, Size(frame.shape[1] // 2, frame.shape[0] // 2), cv2.INTER_AREA)
    near = frame.shape[1] < 2 * size.width and frame.shape[0] < 2 * size.height
    return _resize(frame, size, cv2.INTER_LINEAR if near else cv2.INTER_AREA)


def count_halvings(size: Size, goal: Size) -> int:
    """How often `downscale` halves a picture of `size` on its way to `goal`."""
    count, (width, height) = 0, size
    while not (height % 2 or width % 2) and width >= 2 * goal.width and height >= 2 * goal.height:
        count, width, height = count + 1, width // 2, height // 2
    return count


def _resize(frame: Frame, size: Size, way: int) -> Frame:
    resized = memory.pooled_empty((size.height, size.width, *frame.shape[2:]), np.uint8)
    return cast(Frame, cv2.resize(frame, tuple(size), dst=resized, interpolation=way))


def resize(frame: Frame, size: Size) -> Frame:
    """Resize by area when smaller, bilinear when larger; a copy when the size is the same."""
    if Size.of(frame) == size:
        return np.array(frame)
    return _resize(frame, size, _interpolation(frame, size))


def resize_matte(matte: Matte, size: Size, out: Matte | None = None) -> Matte:
    """Resize a matte, bilinear, into `out` if given, which must be of that size."""
    full = memory.pooled_empty((size.height, size.width), np.float32) if out is None else out
    return cast(Matte, cv2.resize(matte, tuple(size), dst=full, interpolation=cv2.INTER_LINEAR))


def to_gray(frame: Frame) -> NDArray[np.uint8]:
    """Luma of a frame (BT.601 weights), uint8 (height, width)."""
    levels = memory.pooled_empty(frame.shape[:2], np.uint8)
    return cast(NDArray[np.uint8], cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY, dst=levels))


def box_mean(values: NDArray[memory.Kind], window: int) -> NDArray[memory.Kind]:
    """Each value the mean of the square of `window` x `window` values around it."""
    blurred = cv2.blur(cast(Any, values), (window, window), dst=cast(Any, memory.pooled_empty_like(values)))
    return cast("NDArray[memory.Kind]", blurred)


def multiply_accumulate(first: Matte, second: Matte, total: Matte) -> None:
    """Add `first` × `second` to `total`, in place: once over the memory instead of twice."""
    cv2.accumulateProduct(first, second, total)


def swap_rb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB from OpenCV's BGR and back, shape (height, width, 3)."""
    return cast(NDArray[np.uint8], cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def decode_any_depth(content: NDArray[np.uint8]) -> NDArray[Any] | None:
    """A picture file as grey, RGB or RGBA of its own type (uint8, uint16, float32); None if broken."""
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if picture is None or picture.ndim == 2:
        return cast("NDArray[Any] | None", picture)
    order = cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return cast("NDArray[Any]", cv2.cvtColor(picture, order))


def gaussian_blur(frame: Frame, sigma: float) -> Frame:
    """Gaussian blur of `sigma` pixels, edges repeated."""
    return cast(Frame, cv2.GaussianBlur(frame, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def cross_fade(first: Frame, second: Frame, share: float) -> Frame:
    """`share` (0..1) of the second over the first."""
    return cast(Frame, cv2.addWeighted(first, 1.0 - share, second, share, 0.0))


def downscale_matte(matte: Matte, size: Size) -> Matte:
    """Resize a matte by averaging areas."""
    return cast(Matte, cv2.resize(matte, tuple(size), interpolation=cv2.INTER_AREA))


def dilate3(matte: Matte) -> Matte:
    """Each value the largest of its 3x3 neighbourhood."""
    return cast(Matte, cv2.dilate(matte, np.ones((3, 3), np.uint8)))


def resize_float(light: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Resize float32 of any channels: by area when smaller, bilinear when larger."""
    return cast(
        "NDArray[np.float32]", cv2.resize(light, tuple(size), interpolation=_interpolation(light, size))
    )


def _interpolation(picture: NDArray[Any], size: Size) -> int:
    """Averaging areas if any side gets shorter, bilinear otherwise."""
    smaller = size.width < picture.shape[1] or size.height < picture.shape[0]
    return cv2.INTER_AREA if smaller else cv2.INTER_LINEAR


def gaussian_blur_float(light: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of float32 of any channels, `sigma` in pixels, edges repeated."""
    return cast(
        "NDArray[np.float32]", cv2.GaussianBlur(light, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    )


def letterbox(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """A frame or cutout whole within `size`, with black (cutout: empty) bars; itself if it fits."""
    have = Size.of(picture)
    if have == size:
        return picture
    scale = min(size.width / have.width, size.height / have.height)
    small = Size(max(1, round(have.width * scale)), max(1, round(have.height * scale)))
    left, top = (size.width - small.width) // 2, (size.height - small.height) // 2
    fitted = np.zeros((size.height, size.width, picture.shape[2]), np.uint8)
    fitted[top : top + small.height, left : left + small.width] = resize(picture, small)
    return fitted


def replicate_channels(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One channel as three equal ones: float32 (height, width) to (height, width, 3)."""
    return cast("NDArray[np.float32]", cv2.merge([values, values, values]))
