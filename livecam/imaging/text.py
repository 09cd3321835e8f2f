"""Text rendered as an ink mask."""

import unicodedata
from contextlib import suppress

from PIL import Image, ImageDraw, ImageFont

_MIN_LETTER_HEIGHT = 7  # pixels; smaller words are only dirt


# Pillow's own font has no letter beyond ASCII.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Arial Unicode.ttf", "Helvetica.ttc")


def render_text_mask(words: str, letter: float, widest: float) -> Image.Image | None:
    """The words as a map of ink (mode L), letters at most `letter` high; None if unreadable."""
    if not words or letter < _MIN_LETTER_HEIGHT:
        return None
    ink = _render_mask(words, letter)
    if letter * min(1.0, widest / ink.width) < _MIN_LETTER_HEIGHT:
        return None
    ink.thumbnail((max(1, int(widest)), max(1, int(letter * 4))))
    return ink


def _render_mask(words: str, letter: float) -> Image.Image:
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
