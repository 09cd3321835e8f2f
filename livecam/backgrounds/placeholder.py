"""The card that is shown when there is nothing else to show: a calm picture, a cup and some words."""

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
# Lines are drawn at several times their size and then averaged, which is all the smoothness they need.
_FINER = 4


@lru_cache(maxsize=8)
def placeholder_frame(size: Size, words: str = "back soon") -> Frame:
    """The card at `size` (from 1x1), read-only; too small a one leaves out the words.

    Nothing of it comes from a source, so it may be shown at any moment.
    """
    card = Image.fromarray(_gradient(size))
    unit = min(size.width, size.height * 16 / 9) / 16  # a ninth of the height of the largest 16:9 inside
    middle = size.height / 2
    lettering = render_text_mask(words[:_MAX_CHARACTERS].strip(), unit * 0.85, size.width * 0.8)
    if lettering is not None:
        card.paste(_INK, _centered(size, lettering, middle + unit * 1.6), lettering)
    cup = _cup(max(6, round(unit * 2.4)))
    card.paste(_INK, _centered(size, cup, middle - unit * (0.7 if lettering else 0.0)), cup)
    frame = np.array(card)
    frame.setflags(write=False)
    return frame


def _gradient(size: Size) -> Frame:
    """A gradient with a little noise, as eight bits of dark would show their steps."""
    down = np.linspace(0.0, 1.0, size.height)[:, None, None]
    light = np.array(_TOP) * (1.0 - down) + np.array(_BOTTOM) * down
    noise = np.random.default_rng(7).random((size.height, size.width, 1))
    return np.asarray(light + noise, dtype=np.uint8)


def _centered(size: Size, ink: Image.Image, middle: float) -> tuple[int, int]:
    return round((size.width - ink.width) / 2), round(middle - ink.height / 2)


def _cup(side: int) -> Image.Image:
    """A steaming cup as a map of ink (mode L), `side` pixels square."""
    wide = side * _FINER
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


_CAPTION_INK = (236, 240, 246)


_SHADE = 0.35  # how much of the picture shines through the strip behind the words


def with_caption(picture: Frame | RgbaFrame, words: str) -> Frame | RgbaFrame:
    """A copy of `picture`, read-only, with `words` on a dark strip in its lower part.

    A picture too small for words comes back without any, and so does a cutout, which is to be laid over
    something else.
    Never raises: that a notice can't be drawn must not cost the picture.
    """
    made: Frame | RgbaFrame = picture.copy()
    if picture.shape[2] == 3:
        with suppress(Exception):
            _write(made, words)
    made.setflags(write=False)
    return made


def _write(picture: Frame, words: str) -> None:
    size = Size.of(picture)
    ink = render_text_mask(words, size.height / 12, size.width * 0.8)
    if ink is None:
        return
    top = round(size.height * 0.8 - ink.height)
    bottom = min(size.height, top + ink.height * 2)
    strip = picture[max(0, top - ink.height) : bottom]
    strip[:] = np.rint(strip * _SHADE).astype(np.uint8)
    page = Image.fromarray(picture)
    page.paste(_CAPTION_INK, (round((size.width - ink.width) / 2), top), ink)
    picture[:] = np.asarray(page)
