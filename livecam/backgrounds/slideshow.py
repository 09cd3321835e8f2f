"""A folder of pictures behind the subject, one after the other with a short cross-fade."""

import re
import threading
from pathlib import Path

from livecam.backgrounds.static import StaticBackground, image_background
from livecam.core.clock import Clock
from livecam.core.errors import ImageError, UsageError
from livecam.core.geometry import Size
from livecam.core.media_types import is_image
from livecam.core.types import Frame, Matte
from livecam.imaging.fit import FitMode
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import cross_fade

_FADE_SECONDS = 0.7


class SlideshowBackground:
    """Shows each picture for `seconds`; a thread reads the next one in good time, so that no frame waits.

    A picture that comes into the folder takes its turn, one that is gone or broken is left out.
    """

    def __init__(self, folder: Path, *, fit: FitMode, clock: Clock, seconds: float = 10.0) -> None:
        """Read the first picture.

        Args:
            folder: where the pictures are; folders within are not looked at.
            fit: how each fills the frame.
            clock: tells when to change.
            seconds: how long each is shown, its fade included.

        Raises:
            UsageError: no picture is in the folder, or `seconds` is not above 0.
            ImageError: none of them can be read.
        """
        if not seconds > 0.0:
            raise UsageError(f"slides of {seconds:g} seconds can't be; give a number above 0, for example 10")
        if not list_images(folder):
            raise UsageError(f"there is no picture in {folder}; put JPEG or PNG files there")
        self._folder = folder
        self._fit = fit
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds = seconds
        self._fade = min(_FADE_SECONDS, seconds / 2.0)
        self._path, self._shown = _next_slide(folder, None, fit)
        self._before: StaticBackground | None = None
        self._since: float | None = None
        self._errand: _SlideLoader | None = None

    def render(self, frame: Frame, matte: Matte) -> Frame:
        """The slide for now at the size of `picture`; raises as `render_standalone`."""
        return self.render_standalone(Size.of(frame))

    def render_standalone(self, size: Size) -> Frame:
        """The slide for now at `size`.

        Raises:
            ImageError: the next was due and no picture in the folder can be read any more.
        """
        with self._lock:
            return self._at(self._clock.now(), size)

    def close(self) -> None:
        """Let go of the pictures."""
        self._before = self._errand = None
        self._shown.close()

    def _at(self, now: float, size: Size) -> Frame:
        if self._since is None:
            self._since = now
        if self._errand is None:
            self._errand = _SlideLoader(self._folder, self._path, self._fit, size)
        if now - self._since >= self._seconds and self._errand.done.is_set():
            self._change(self._errand, now)
        share = (now - self._since) / self._fade
        if self._before is None or share >= 1.0:
            self._before = None
            return self._shown.render_standalone(size)
        faded = cross_fade(self._before.render_standalone(size), self._shown.render_standalone(size), share)
        faded.setflags(write=False)
        return faded

    def _change(self, errand: "_SlideLoader", now: float) -> None:
        self._errand, self._since = None, now
        path, slide = errand.result()
        if path != self._path:
            self._before, self._path, self._shown = self._shown, path, slide


def list_images(folder: Path) -> list[Path]:
    """The pictures in a folder by name, as people sort: 2 comes before 10.

    Raises:
        ImageError: the folder can't be read.
    """
    try:
        found = [path for path in folder.iterdir() if is_image(path)]
    except OSError as error:
        raise ImageError(f"can't look into {folder}; is it still there, and may you read it?") from error
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_sort_key)


def natural_sort_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key that orders numbers in file names by value."""
    # ASCII digits only: others fit \\d but not int().
    parts = re.split("([0-9]+)", path.name.casefold())
    return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)], path.name


def _next_slide(folder: Path, after: Path | None, fit: FitMode) -> tuple[Path, StaticBackground]:
    """The first picture after `after`, around the end, that can be read."""
    paths = list_images(folder)
    later = [path for path in paths if after is not None and natural_sort_key(path) > natural_sort_key(after)]
    failure: ImageError | None = None
    for path in later + [path for path in paths if path not in later]:
        try:
            return path, image_background(read_image(path), fit)
        except ImageError as error:
            failure = failure or error
    raise ImageError(f"no picture in {folder} can be read any more; put some back") from failure


class _SlideLoader:
    """Reads the next slide, and fits it, in a thread of its own; nobody ever waits for it."""

    def __init__(self, folder: Path, after: Path, fit: FitMode, size: Size) -> None:
        self.done = threading.Event()
        self._found: tuple[Path, StaticBackground] | None = None
        self._error: Exception | None = None
        self._order = (folder, after, fit, size)
        threading.Thread(target=self._run, name="livecam-slides", daemon=True).start()

    def result(self) -> tuple[Path, StaticBackground]:
        """What was found; an error of the thread is raised here."""
        if self._found is None:
            raise self._error or ImageError("the next slide is not read yet; wait for it")
        return self._found

    def _run(self) -> None:
        folder, after, fit, size = self._order
        try:
            path, slide = _next_slide(folder, after, fit)
            slide.render_standalone(size)
            self._found = path, slide
        except Exception as error:
            self._error = error
        finally:
            self.done.set()
