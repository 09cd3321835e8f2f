"""A few words laid over a picture, so that those who watch know why it stands still."""

from contextlib import suppress

import numpy as np
from PIL import Image

from livecam.backgrounds.placeholder import draw_words
from livecam.core.types import Cutout, Frame, Size

_INK = (236, 240, 246)
_SHADE = 0.35  # how much of the picture shines through the strip behind the words


def lay_notice(picture: Frame | Cutout, words: str) -> Frame | Cutout:
    """A copy of `picture`, read-only, with `words` on a dark strip in its lower part.

    A picture too small for words comes back without any, and so does a cutout, which is to be laid over
    something else.
    Never raises: that a notice can't be drawn must not cost the picture.
    """
    made: Frame | Cutout = picture.copy()
    if picture.shape[2] == 3:
        with suppress(Exception):
            _write(made, words)
    made.setflags(write=False)
    return made


def _write(picture: Frame, words: str) -> None:
    size = Size.of(picture)
    ink = draw_words(words, size.height / 12, size.width * 0.8)
    if ink is None:
        return
    top = round(size.height * 0.8 - ink.height)
    bottom = min(size.height, top + ink.height * 2)
    strip = picture[max(0, top - ink.height) : bottom]
    strip[:] = np.rint(strip * _SHADE).astype(np.uint8)
    page = Image.fromarray(picture)
    page.paste(_INK, (round((size.width - ink.width) / 2), top), ink)
    picture[:] = np.asarray(page)
