"""Static background: rendered once for each size, then returned again."""

import threading
from collections.abc import Callable
from functools import partial

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.alpha import flatten_alpha
from livecam.imaging.fit import FitMode, fit_image
from livecam.imaging.image_io import LoadedImage

_CACHED_SIZES = 4  # a camera rarely changes its size, and no run needs more sizes at once


class StaticBackground:
    """Background that does not move. Its frames are cached by size and read-only."""

    is_transparent = False

    def __init__(self, draw: Callable[[Size], Frame]) -> None:
        """Use `draw`, which makes a new frame of a size."""
        self._draw = draw
        self._cache: dict[Size, Frame] = {}
        self._lock = threading.Lock()

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Return the background at the size of `frame`."""
        return self.render_standalone(Size.of(frame), timestamp)

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        """Return the background at `size`, the same read-only array each time."""
        with self._lock:
            cached = self._cache.get(size)
            if cached is None:
                while len(self._cache) >= _CACHED_SIZES:
                    del self._cache[next(iter(self._cache))]
                cached = self._cache[size] = self._draw(size)
                cached.setflags(write=False)
        return cached

    def close(self) -> None:
        """Release the cached frames."""
        with self._lock:
            self._cache.clear()


def image_background(image: LoadedImage, fit: FitMode) -> StaticBackground:
    """Make a background of an image; transparent parts are shown over dark gray."""
    return StaticBackground(partial(fit_image, flatten_alpha(image.image, image.alpha), fit=fit))


def color_background(red: int, green: int, blue: int) -> StaticBackground:
    """Make a background of one color, each channel 0..255."""
    color = np.array([red, green, blue], np.uint8)
    return StaticBackground(lambda size: np.tile(color, (size.height, size.width, 1)))


class TransparentBackground(StaticBackground):
    """No background: the pipeline makes RGBA frames; alone it is black."""

    is_transparent = True

    def __init__(self) -> None:
        super().__init__(lambda size: np.zeros((size.height, size.width, 3), np.uint8))

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Return None: there is nothing behind the foreground."""
        return None
