"""Frame, backdrop and matte into one."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.frames import Cutout, Frame, Matte, Size
from livecam.images import resize_light, shrink, shrink_matte, soften_light

_STRIP = 96


def composite(frame: Frame, backdrop: Frame, matte: Matte, light_wrap: float = 0.0) -> Frame:
    """The frame where the matte is 1, the backdrop where it is 0, byte for byte; a blend between.

    `light_wrap` in [0, 1] lets the backdrop's light fall on the subject's edges.
    """
    if light_wrap:
        frame = wrap_light(frame, backdrop, matte, light_wrap)
    shown = np.array(backdrop)
    # Only where anything is kept: the rest is the backdrop already.
    for top in range(0, frame.shape[0], _STRIP):
        rows = slice(top, top + _STRIP)
        kept = np.flatnonzero(matte[rows].max(axis=0))
        if kept.size:
            box = rows, slice(kept[0], kept[-1] + 1)
            share = matte[box]
            shown[box] = cv2.blendLinear(frame[box], backdrop[box], share, 1.0 - share)
    return shown


def wrap_light(frame: Frame, backdrop: Frame, matte: Matte, strength: float) -> Frame:
    """Brighten the subject's edges with the blurred backdrop, as light from behind does (by "screen")."""
    size = Size.of(frame)
    small = Size(max(1, size.width // 8), max(1, size.height // 8))
    reach = max(1.0, small.height / 45)
    glow = soften_light(shrink(backdrop, small).astype(np.float32), reach)
    open_sky = soften_light(np.float32(1.0) - shrink_matte(matte, small), reach)
    light = resize_light(glow * (open_sky * np.float32(strength / 255))[..., None], size)
    return np.asarray(np.rint(frame + (255 - frame) * light), np.uint8)


def cut_out(frame: Frame, matte: Matte) -> Cutout:
    """The subject alone, RGBA with straight alpha; where alpha is 0 nothing of the frame is left.

    Soft pixels get the subject's colours instead of their mixture with the room (blur fusion, Forte,
    "Approximate Fast Foreground Colour Estimation", ICIP 2021), so that no room shines through a soft edge.
    """
    share = matte[..., None]
    picture = frame.astype(np.float32)
    reach = 2 * max(3, frame.shape[0] // 40) + 1
    # The fourth power: solid pixels tell a colour, mixed ones hardly do.
    inside = _mean_colour(picture, matte**4, reach)
    outside = _mean_colour(picture, (1.0 - matte) ** 4, reach)
    colours = inside + share * (picture - share * inside - (1.0 - share) * outside)
    alpha = np.rint(matte * 255).astype(np.uint8)
    solid = (alpha == 255)[..., None]
    colours = np.where(solid, picture, np.clip(np.rint(colours), 0, 255)).astype(np.uint8)
    colours[alpha == 0] = 0
    return np.dstack([colours, alpha])


def _mean_colour(picture: NDArray[np.float32], weight: Matte, reach: int) -> NDArray[np.float32]:
    total = cv2.blur(weight, (reach, reach))[..., None]
    colour = cv2.blur(picture * weight[..., None], (reach, reach))
    return cast("NDArray[np.float32]", colour / np.maximum(total, np.float32(1e-4)))
