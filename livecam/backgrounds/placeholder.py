"""Placeholder frame, shown when there is nothing else to show: a dark gradient, a cup and a text."""

from contextlib import suppress
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame
from livecam.imaging.text import render_text_mask

_TOP, _BOTTOM = (34, 40, 52), (18, 21, 29)
_INK = (214, 219, 228)
_MAX_CHARACTERS = 200
_OVERSAMPLING = 4  # lines are drawn at four times their size and averaged, as anti-aliasing
_CAPTION_INK = (236, 240, 246)
_STRIP_BRIGHTNESS = 0.35  # of the image below the strip behind a caption


@lru_cache(maxsize=8)
def placeholder_frame(size: Size, text: str = "back soon") -> Frame:
    """Render the placeholder at `size` (from 1x1), read-only; a small one has no text.

    It contains no source pixel, so it may be shown at any time.
    """
    page = Image.fromarray(_gradient(size))
    unit = min(size.width, size.height * 16 / 9) / 16  # a ninth of the height of the largest 16:9 inside
    middle = size.height / 2
    text_mask = render_text_mask(text[:_MAX_CHARACTERS].strip(), unit * 0.85, size.width * 0.8)
    if text_mask is not None:
        page.paste(_INK, _centered(size, text_mask, middle + unit * 1.6), text_mask)
    cup = _cup(max(6, round(unit * 2.4)))
    page.paste(_INK, _centered(size, cup, middle - unit * (0.7 if text_mask else 0.0)), cup)
    frame = np.array(page)
    frame.setflags(write=False)
    return frame


def _gradient(size: Size) -> Frame:
    """Render a gradient with noise of one step, because dark 8-bit gradients show bands."""
    noise = np.random.default_rng(7).random((size.height, size.width), dtype=np.float32)
    frame: Frame = np.empty((size.height, size.width, 3), np.uint8)
    # One channel at a time: all at once, in float64, take 30 MB for a frame of 1280x720.
    for channel, (top, bottom) in enumerate(zip(_TOP, _BOTTOM, strict=True)):
        frame[..., channel] = np.linspace(top, bottom, size.height, dtype=np.float32)[:, None] + noise
    return frame


def _centered(size: Size, ink: Image.Image, middle: float) -> tuple[int, int]:
    return round((size.width - ink.width) / 2), round(middle - ink.height / 2)


def _cup(side: int) -> Image.Image:
    """Render a steaming cup as a mask (mode L), `side` pixels square."""
    wide = side * _OVERSAMPLING
    ink = Image.new("L", (wide, wide))
    pen = ImageDraw.Draw(ink)
    line = max(1, wide // 24)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * wide, top * wide, right * wide, bottom * wide

    pen.ellipse(box(0.62, 0.46, 0.92, 0.76), outline=255, width=wide // 16)
    pen.rounded_rectangle(box(0.14, 0.38, 0.74, 0.86), wide * 0.16, 255, corners=(False, False, True, True))
    pen.rounded_rectangle(box(0.06, 0.92, 0.82, 0.975), wide * 0.027, 255)
    for middle in (0.28, 0.44, 0.60):
        rise = np.linspace(0.0, 1.0, 24)
        across, up = middle + 0.028 * np.sin(rise * 2 * np.pi), 0.30 - 0.24 * rise
        pen.line([(x * wide, y * wide) for x, y in zip(across, up, strict=True)], 255, line, joint="curve")
    return ink.resize((side, side), Image.Resampling.BOX)


def with_caption(image: Frame | RgbaFrame, text: str) -> Frame | RgbaFrame:
    """Return a read-only copy of `image` with `text` on a dark strip in its lower part. Never raises.

    An image that is too small for text gets none, and neither does an RGBA frame, which is laid over
    something else. An error while drawing is ignored: it must not cost the image.
    """
    captioned: Frame | RgbaFrame = image.copy()
    if image.shape[2] == 3:
        with suppress(Exception):
            _draw_caption(captioned, text)
    captioned.setflags(write=False)
    return captioned


def _draw_caption(image: Frame, text: str) -> None:
    """Draw the caption into `image`, in place."""
    size = Size.of(image)
    ink = render_text_mask(text, size.height / 12, size.width * 0.8)
    if ink is None:
        return
    top = round(size.height * 0.8 - ink.height)
    bottom = min(size.height, top + ink.height * 2)
    strip = image[max(0, top - ink.height) : bottom]
    strip[:] = np.rint(strip * _STRIP_BRIGHTNESS).astype(np.uint8)
    page = Image.fromarray(image)
    page.paste(_CAPTION_INK, (round((size.width - ink.width) / 2), top), ink)
    image[:] = np.asarray(page)
