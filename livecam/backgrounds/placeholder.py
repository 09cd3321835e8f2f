"""The card that is shown when there is nothing else to show: a calm picture, a cup and some words."""

import unicodedata
from contextlib import suppress
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from livecam.core.types import Frame, Size

_TOP, _BOTTOM = (34, 40, 52), (18, 21, 29)
_INK = (214, 219, 228)
_LEAST_LETTER = 7  # pixels; smaller words are only dirt
_MOST_SIGNS = 200
# Pillow's own font has no letter beyond ASCII.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Arial Unicode.ttf", "Helvetica.ttc")
# Lines are drawn at several times their size and then averaged, which is all the smoothness they need.
_FINER = 4


@lru_cache(maxsize=8)
def back_soon(size: Size, words: str = "back soon") -> Frame:
    """The card at `size` (from 1x1), read-only; too small a one leaves out the words.

    Nothing of it comes from a source, so it may be shown at any moment.
    """
    card = Image.fromarray(_ground(size))
    unit = min(size.width, size.height * 16 / 9) / 16  # a ninth of the height of the largest 16:9 inside
    middle = size.height / 2
    lettering = draw_words(words[:_MOST_SIGNS].strip(), unit * 0.85, size.width * 0.8)
    if lettering is not None:
        card.paste(_INK, _at(size, lettering, middle + unit * 1.6), lettering)
    cup = _cup(max(6, round(unit * 2.4)))
    card.paste(_INK, _at(size, cup, middle - unit * (0.7 if lettering else 0.0)), cup)
    frame = np.array(card)
    frame.setflags(write=False)
    return frame


def _ground(size: Size) -> Frame:
    """A gradient with a little noise, as eight bits of dark would show their steps."""
    down = np.linspace(0.0, 1.0, size.height)[:, None, None]
    light = np.array(_TOP) * (1.0 - down) + np.array(_BOTTOM) * down
    noise = np.random.default_rng(7).random((size.height, size.width, 1))
    return np.asarray(light + noise, dtype=np.uint8)


def _at(size: Size, ink: Image.Image, middle: float) -> tuple[int, int]:
    return round((size.width - ink.width) / 2), round(middle - ink.height / 2)


def draw_words(words: str, letter: float, widest: float) -> Image.Image | None:
    """The words as a map of ink (mode L), letters at most `letter` high; None if unreadable."""
    if not words or letter < _LEAST_LETTER:
        return None
    ink = _ink(words, letter)
    if letter * min(1.0, widest / ink.width) < _LEAST_LETTER:
        return None
    ink.thumbnail((max(1, int(widest)), max(1, int(letter * 4))))
    return ink


def _ink(words: str, letter: float) -> Image.Image:
    font, words = _font(words, letter)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), words, font)
    ink = Image.new("L", (max(1, int(box[2] - box[0]) + 2), max(1, int(box[3] - box[1]) + 2)))
    ImageDraw.Draw(ink).text((1 - box[0], 1 - box[1]), words, 255, font)
    return ink


def _font(words: str, letter: float) -> tuple[ImageFont.ImageFont | ImageFont.FreeTypeFont, str]:
    """A font and the words as far as it has their letters."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode("ascii")
    if plain != words:
        for name in _SYSTEM_FONTS:
            with suppress(OSError, ImportError):
                return ImageFont.truetype(name, letter), words
    try:
        return ImageFont.load_default(size=letter), plain
    except (TypeError, ImportError, OSError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default(), plain


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
