"""Text rendered as a grayscale mask."""

import unicodedata
from contextlib import suppress

from PIL import Image, ImageDraw, ImageFont

_MIN_LETTER_HEIGHT = 7  # pixels; smaller letters cannot be read

# Pillow's own font has no letters beyond ASCII.
_SYSTEM_FONTS = ("DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Arial Unicode.ttf", "Helvetica.ttc")


def render_text_mask(text: str, letter_height: float, max_width: float) -> Image.Image | None:
    """Render one line of text.

    Args:
        text: any Unicode text; characters that no font has are left out.
        letter_height: maximum height of the letters in pixels.
        max_width: maximum width of the result in pixels; longer text gets smaller letters.

    Returns:
        An image of mode L, 255 = ink, cropped to the text; None if the text is empty or would be too small to
        read.
    """
    if not text or letter_height < _MIN_LETTER_HEIGHT:
        return None
    mask = _render_mask(text, letter_height)
    if letter_height * min(1.0, max_width / mask.width) < _MIN_LETTER_HEIGHT:
        return None
    mask.thumbnail((max(1, int(max_width)), max(1, int(letter_height * 4))))
    return mask


def _render_mask(text: str, letter_height: float) -> Image.Image:
    font, text = _font(text, letter_height)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font)
    mask = Image.new("L", (max(1, int(box[2] - box[0]) + 2), max(1, int(box[3] - box[1]) + 2)))
    ImageDraw.Draw(mask).text((1 - box[0], 1 - box[1]), text, 255, font)
    return mask


def _font(text: str, letter_height: float) -> tuple[ImageFont.ImageFont | ImageFont.FreeTypeFont, str]:
    """Return a font, and the part of the text that it has letters for."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    if ascii_text != text:
        for name in _SYSTEM_FONTS:
            with suppress(OSError, ImportError):
                return ImageFont.truetype(name, letter_height), text
    try:
        return ImageFont.load_default(size=letter_height), ascii_text
    except (TypeError, ImportError, OSError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default(), ascii_text
