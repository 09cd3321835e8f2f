"""A backdrop that stands still: drawn once for each size, then handed out as it is."""

import threading
from collections.abc import Callable
from functools import partial

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.fit import FitMode, fit_image, flatten_alpha
from livecam.imaging.image_io import LoadedImage

# A camera changes its size seldom; more than these are never wanted at once.
_CACHED_SIZES = 4


class StaticBackground:
    """What `draw` gives for a size, kept and read-only: another frame costs nothing.

    Like every backdrop it may be asked by two threads, one with frames and one that has none.
    """

    def __init__(self, draw: Callable[[Size], Frame]) -> None:
        self._draw = draw
        self._kept: dict[Size, Frame] = {}
        self._lock = threading.Lock()

    def render(self, frame: Frame, matte: Matte) -> Frame:
        """The same for every frame of a size."""
        return self.render_standalone(Size.of(frame))

    def render_standalone(self, size: Size) -> Frame:
        """The backdrop at `size`."""
        with self._lock:
            kept = self._kept.get(size)
            if kept is None:
                while len(self._kept) >= _CACHED_SIZES:
                    del self._kept[next(iter(self._kept))]
                kept = self._kept[size] = self._draw(size)
                kept.setflags(write=False)
        return kept

    def close(self) -> None:
        """Let go of what was drawn."""
        with self._lock:
            self._kept.clear()


def image_background(picture: LoadedImage, fit: FitMode) -> StaticBackground:
    """A picture as a backdrop; what is transparent in it stands over dark grey."""
    return StaticBackground(partial(fit_image, flatten_alpha(picture.image, picture.alpha), fit=fit))


def color_background(red: int, green: int, blue: int) -> StaticBackground:
    """One colour, each part 0..255."""
    colour = np.array([red, green, blue], np.uint8)
    return StaticBackground(lambda size: np.tile(colour, (size.height, size.width, 1)))


class TransparentBackground(StaticBackground):
    """Nothing behind the subject: the pipeline makes cutouts, and black where a frame is asked for."""

    def __init__(self) -> None:
        super().__init__(lambda size: np.zeros((size.height, size.width, 3), np.uint8))
