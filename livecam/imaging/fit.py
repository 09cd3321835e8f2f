"""How a picture of one shape fills a frame of another."""

import numpy as np

from livecam.core.geometry import FitMode as FitMode
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale, gaussian_blur, resize

# What shows through a picture's transparent parts: dark and neutral, so that it tints nobody's hair.
_BEHIND_ALPHA = 40
# The soft rim is drawn at this height; finer would be blurred away again.
_RIM_HEIGHT = 90


def fit_image(picture: Frame, size: Size, fit: FitMode) -> Frame:
    """The picture as a new frame of `size`."""
    if fit is FitMode.STRETCH:
        return resize(picture, size)
    if fit is FitMode.COVER:
        return resize(_center_crop(picture, size), size)
    return _letterbox_blurred(picture, size)


def flatten_alpha(frame: Frame, matte: Matte | None) -> Frame:
    """A picture with alpha laid over dark grey; the frame itself where there is no matte."""
    if matte is None:
        return frame
    share = matte[..., None]
    return np.asarray(frame * share + _BEHIND_ALPHA * (1.0 - share) + 0.5, dtype=np.uint8)


def _center_crop(picture: Frame, size: Size) -> Frame:
    """The largest part of the shape of `size` from the middle, uncopied."""
    height, width = picture.shape[:2]
    wide = max(1, min(width, round(height * size.width / size.height)))
    high = max(1, min(height, round(width * size.height / size.width)))
    left, top = (width - wide) // 2, (height - high) // 2
    return picture[top : top + high, left : left + wide]


def _letterbox_blurred(picture: Frame, size: Size) -> Frame:
    height, width = picture.shape[:2]
    scale = min(size.width / width, size.height / height)
    inner = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    if inner == size:
        return resize(picture, size)
    canvas = _blurred_border(picture, size)
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    canvas[top : top + inner.height, left : left + inner.width] = resize(picture, inner)
    return canvas


def _blurred_border(picture: Frame, size: Size) -> Frame:
    small = Size(max(1, round(_RIM_HEIGHT * size.width / size.height)), _RIM_HEIGHT)
    soft = gaussian_blur(downscale(_center_crop(picture, size), small), sigma=_RIM_HEIGHT / 12)
    return resize((soft * 0.45).astype(np.uint8), size)
