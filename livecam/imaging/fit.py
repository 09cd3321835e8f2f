"""How an image of one aspect ratio fills a frame of another."""

import numpy as np

from livecam.core.geometry import FitMode as FitMode
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import downscale, gaussian_blur, resize

# The height in pixels at which the blurred border is computed; the blur removes finer detail anyway.
_BORDER_HEIGHT = 90


def fit_image(image: Frame, size: Size, fit: FitMode) -> Frame:
    """Return an image as a new frame of `size`."""
    if fit is FitMode.STRETCH:
        return resize(image, size)
    if fit is FitMode.COVER:
        return resize(_center_crop(image, size), size)
    return _letterbox_blurred(image, size)


def _center_crop(image: Frame, size: Size) -> Frame:
    """Return a view of the largest centered part with the aspect ratio of `size`."""
    height, width = image.shape[:2]
    crop_width = max(1, min(width, round(height * size.width / size.height)))
    crop_height = max(1, min(height, round(width * size.height / size.width)))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return image[top : top + crop_height, left : left + crop_width]


def _letterbox_blurred(image: Frame, size: Size) -> Frame:
    height, width = image.shape[:2]
    scale = min(size.width / width, size.height / height)
    inner = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    if inner == size:
        return resize(image, size)
    frame = _blurred_border(image, size)
    left, top = (size.width - inner.width) // 2, (size.height - inner.height) // 2
    frame[top : top + inner.height, left : left + inner.width] = resize(image, inner)
    return frame


def _blurred_border(image: Frame, size: Size) -> Frame:
    small = Size(max(1, round(_BORDER_HEIGHT * size.width / size.height)), _BORDER_HEIGHT)
    blurred = gaussian_blur(downscale(_center_crop(image, size), small), sigma=_BORDER_HEIGHT / 12)
    return resize((blurred * 0.45).astype(np.uint8), size)
