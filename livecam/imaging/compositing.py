"""Frame, backdrop and matte into one."""

from collections.abc import Iterator
from itertools import groupby
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, RgbaFrame
from livecam.imaging import buffers as memory
from livecam.imaging.ops import downscale, downscale_matte, gaussian_blur_float, resize_float

# Rows and columns of what is looked at as one: smaller ones would cost more than the blending that they save.
_CELL = (48, 32)
_Box = tuple[slice, slice]
_Light = NDArray[np.float32]


def alpha_composite(frame: Frame, backdrop: Frame, matte: Matte, light_wrap: float = 0.0) -> Frame:
    """The frame where the matte is 1, the backdrop where it is 0, byte for byte; a blend between.

    `light_wrap` in [0, 1] lets the backdrop's light fall on the subject's edges.
    """
    if light_wrap:
        frame = apply_light_wrap(frame, backdrop, matte, light_wrap)
    shown: Frame = memory.pooled_empty(backdrop.shape, np.uint8)
    np.copyto(shown, backdrop)
    scratch = memory.pooled_empty((3, _CELL[0] * frame.shape[1] * 3), np.float32)
    # The rest is the backdrop already.
    for box, whole in _nonzero_cells(matte):
        if whole:
            shown[box] = frame[box]
        else:
            _blend(frame[box], backdrop[box], matte[box], shown[box], scratch)
    return shown


def _blend(frame: Frame, backdrop: Frame, share: Matte, out: Frame, scratch: NDArray[np.float32]) -> None:
    """Write `backdrop + share × (frame - backdrop)` into `out`, rounded; exact where the share is 0 or 1."""
    near, far, shares = (row[: frame.size].reshape(frame.shape) for row in scratch)
    np.copyto(near, frame)
    np.copyto(far, backdrop)
    cv2.cvtColor(share, cv2.COLOR_GRAY2RGB, dst=shares)
    near -= far
    near *= shares
    near += far
    cv2.convertScaleAbs(near, dst=out)


def _nonzero_cells(matte: Matte) -> Iterator[tuple[_Box, bool]]:
    """Boxes of the matte in which anything is kept, and whether all is; the other pixels are all 0."""
    height, width = matte.shape
    lefts = range(0, width, _CELL[1])
    for top in range(0, height, _CELL[0]):
        rows = slice(top, top + _CELL[0])
        strip = matte[rows]
        some = np.maximum.reduceat(strip.max(axis=0), lefts) > 0.0
        every = np.minimum.reduceat(strip.min(axis=0), lefts) >= 1.0
        left = 0
        for kind, run in groupby(zip(some.tolist(), every.tolist(), strict=True)):
            right = left + _CELL[1] * sum(1 for _ in run)
            if kind[0]:
                yield (rows, slice(left, right)), kind[1]
            left = right


def apply_light_wrap(frame: Frame, backdrop: Frame, matte: Matte, strength: float) -> Frame:
    """Brighten the subject's edges with the blurred backdrop, as light from behind does (by "screen")."""
    size = Size.of(frame)
    small = Size(max(1, size.width // 8), max(1, size.height // 8))
    reach = max(1.0, small.height / 45)
    glow = gaussian_blur_float(downscale(backdrop, small).astype(np.float32), reach)
    open_sky = gaussian_blur_float(np.float32(1.0) - downscale_matte(matte, small), reach)
    light = resize_float(glow * (open_sky * np.float32(strength / 255))[..., None], size)
    return np.asarray(np.rint(frame + (255 - frame) * light), np.uint8)


def extract_foreground(frame: Frame, matte: Matte) -> RgbaFrame:
    """The subject alone, RGBA with straight alpha; where alpha is 0 nothing of the frame is left.

    Soft pixels get the subject's colours instead of their mixture with the room, so that no room shines
    through a soft edge.
    """
    share = matte[..., None]
    picture = frame.astype(np.float32)
    reach = 2 * max(3, frame.shape[0] // 40) + 1
    # The fourth power: solid pixels tell a colour, mixed ones hardly do.
    inside = _weighted_mean_color(picture, matte**4, reach)
    outside = _weighted_mean_color(picture, (1.0 - matte) ** 4, reach)
    colours = estimate_foreground_color(picture, share, inside, outside)
    alpha = np.rint(matte * 255).astype(np.uint8)
    solid = (alpha == 255)[..., None]
    colours = np.where(solid, picture, np.clip(np.rint(colours), 0, 255)).astype(np.uint8)
    colours[alpha == 0] = 0
    return np.dstack([colours, alpha])


def estimate_foreground_color(picture: _Light, share: _Light, inside: _Light, outside: _Light) -> _Light:
    """The subject's colours in a picture that holds `alpha` of them: its solid ones near by, corrected.

    Blur fusion: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021. All are float32 (height,
    width, 3), but `alpha` (height, width, 1); `inside` and `outside` are the mean colours around each pixel
    of the subject and of the room.
    """
    colours: _Light = inside + share * (picture - share * inside - (np.float32(1.0) - share) * outside)
    return colours


def _weighted_mean_color(picture: NDArray[np.float32], weight: Matte, reach: int) -> NDArray[np.float32]:
    total = cv2.blur(weight, (reach, reach))[..., None]
    colour = cv2.blur(picture * weight[..., None], (reach, reach))
    return cast("NDArray[np.float32]", colour / np.maximum(total, np.float32(1e-4)))
