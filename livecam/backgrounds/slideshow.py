"""Slideshow background: the images of a folder in turn, cross-faded."""

import logging
import re
import threading
from pathlib import Path
from typing import NamedTuple

from livecam.backgrounds.prefetch import Prefetcher
from livecam.backgrounds.static import StaticBackground, image_background
from livecam.core.background_thread import SlotClosed
from livecam.core.clock import Clock
from livecam.core.errors import ImageError, UsageError
from livecam.core.geometry import Size
from livecam.core.media_types import is_image_file
from livecam.core.types import Frame, Matte
from livecam.imaging.fit import FitMode
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import cross_fade

logger = logging.getLogger("livecam.backgrounds")

_FADE_SECONDS = 0.7
_SHUTDOWN_SECONDS = 0.5  # how long `close` waits for the thread that may be reading an image


class _Slide(NamedTuple):
    """Image of the slideshow and the file that it was read from."""

    path: Path
    background: StaticBackground


class SlideshowBackground:
    """Background that shows each image of a folder for some seconds.

    A thread reads the next image in time, so that no frame waits for the disk. An image that is added to the
    folder is shown in its turn; one that was deleted or is damaged is left out.
    """

    is_transparent = False

    def __init__(self, folder: Path, *, fit: FitMode, clock: Clock, seconds: float = 10.0) -> None:
        """Read the first image.

        Args:
            folder: Contains the images; folders inside it are ignored.
            fit: How each image fills the frame.
            clock: Time of frames that come without a timestamp.
            seconds: How long each image is shown, its cross-fade included.

        Raises:
            UsageError: There is no image in the folder, or `seconds` is not above 0.
            ImageError: None of the images can be read.
        """
        if not seconds > 0.0:
            raise UsageError(f"slides of {seconds:g} seconds can't be; give a number above 0, for example 10")
        if not list_images(folder):
            raise UsageError(f"there is no image in {folder}; put JPEG or PNG files there")
        self._folder = folder
        self._fit = fit
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds = seconds
        self._fade_seconds = min(_FADE_SECONDS, seconds / 2.0)
        self._reported: set[Path] = set()  # images that can't be read
        self._shown = _read_next(folder, None, fit, self._reported)
        self._previous: StaticBackground | None = None
        self._shown_since: float | None = None
        self._prefetch_size: Size | None = None  # of the request that was made and not taken yet
        self._prefetcher = Prefetcher(self._prepare_next)

    def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
        """Render the current image at the size of `frame`. Raises as `render_standalone` does."""
        return self.render_standalone(Size.of(frame), timestamp)

    def render_standalone(self, size: Size, timestamp: float | None = None) -> Frame:
        """Render the current image, or a cross-fade of two, at `size`; the result is read-only.

        Raises:
            ImageError: The next image was due and none in the folder can be read any more.
        """
        with self._lock:
            return self._render_at(self._clock.now() if timestamp is None else timestamp, size)

    def close(self) -> None:
        """Release the images and end the thread. May be called again."""
        with self._lock:
            self._prefetcher.stop(_SHUTDOWN_SECONDS)
            self._previous = None
            self._shown.background.close()

    def _render_at(self, now: float, size: Size) -> Frame:
        if self._shown_since is None:
            self._shown_since = now
        if self._prefetch_size is None:
            self._prefetch_size = size
            self._prefetcher.request()
        if now - self._shown_since >= self._seconds:
            self._change_if_ready(now)
        progress = (now - self._shown_since) / self._fade_seconds
        if self._previous is None or progress >= 1.0:
            self._previous = None
            return self._shown.background.render_standalone(size)
        faded = cross_fade(
            self._previous.render_standalone(size), self._shown.background.render_standalone(size), progress
        )
        faded.setflags(write=False)
        return faded

    def _change_if_ready(self, now: float) -> None:
        try:
            following = self._prefetcher.get(0.0)
        except SlotClosed:  # the slideshow is closed; its current image stays
            return
        except Exception:
            self._prefetch_size, self._shown_since = None, now
            raise
        if following is None:
            return
        self._prefetch_size, self._shown_since = None, now
        if following.path != self._shown.path:
            self._previous, self._shown = self._shown.background, following

    def _prepare_next(self) -> _Slide:
        """Read the next image and fit it to the size in use. Runs on the prefetcher's thread."""
        slide = _read_next(self._folder, self._shown.path, self._fit, self._reported)
        if self._prefetch_size is not None:
            slide.background.render_standalone(self._prefetch_size)
        return slide


def list_images(folder: Path) -> list[Path]:
    """List the images of a folder in natural order: 2 comes before 10.

    Raises:
        ImageError: The folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if is_image_file(path)]
    except OSError as error:
        raise ImageError(f"can't look into {folder}; is it still there, and may you read it?") from error
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_sort_key)


def natural_sort_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key that orders numbers in file names by value."""
    # ASCII digits only: \d also matches digits that int() refuses.
    parts = re.split("([0-9]+)", path.name.casefold())
    return [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)], path.name


def _read_next(folder: Path, after: Path | None, fit: FitMode, reported: set[Path]) -> _Slide:
    """Read the first readable image that follows `after`; after the last one comes the first.

    One that can't be read is logged and added to `reported`, unless it is there.
    """
    paths = list_images(folder)
    later = [path for path in paths if after is not None and natural_sort_key(path) > natural_sort_key(after)]
    failure: ImageError | None = None
    for path in later + [path for path in paths if path not in later]:
        try:
            return _Slide(path, image_background(read_image(path), fit))
        except ImageError as error:
            failure = failure or error
            if path not in reported:
                reported.add(path)
                logger.warning("left out of the slides: %s", error)
    raise ImageError(f"no image in {folder} can be read any more; put some back") from failure
