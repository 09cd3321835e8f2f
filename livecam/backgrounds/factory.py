"""Words to backdrop: a picture, video or folder, a colour, a scene, blur, or nothing at all."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from PIL import ImageColor

from livecam.backgrounds.base import Backdrop
from livecam.backgrounds.blur import Blur
from livecam.backgrounds.procedural import SCENES
from livecam.backgrounds.slideshow import Slides
from livecam.backgrounds.static import Drawn, Transparent, of_colour, of_picture
from livecam.backgrounds.video import Moving
from livecam.core.clock import Clock, ManualClock
from livecam.core.errors import UsageError
from livecam.core.fileio import missing, nearest_name
from livecam.imaging.fit import Fit as Fit
from livecam.imaging.image_io import moves, read_picture
from livecam.video.video_reader import Clip

_VIDEO = re.compile(r"\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|m?ts|m2ts|ogv|wmv|flv|3gp|apng)", re.IGNORECASE)


def choose(words: str, *, fit: Fit = Fit.COVER, clock: Clock, slide_seconds: float = 10.0) -> Backdrop:
    """The backdrop that the words name, opened and ready.

    A name of ours wins over a file or folder called the same; `./dusk` means the file.

    Args:
        words: a picture, video, GIF or folder of pictures; `#00b140`, `#0b4` or a CSS colour name; `blur` or
            `blur:25`; `transparent`; or the name of a scene.
        fit: how pictures and videos fill the frame.
        clock: tells videos and slides the time.
        slide_seconds: how long each picture of a folder is shown.

    Raises:
        UsageError: the words name nothing, with the nearest name there is.
        PictureError: the picture can't be read.
        ClipError: the video can't be read.
    """
    words = words.strip()
    path = _path(words)
    make = _named(words.casefold())
    if make is not None:
        return make()
    if words and _exists(path):
        return _of_path(path, fit, clock, slide_seconds)
    like_a_path = re.search(r"[/\\]", words) or path.suffix
    raise UsageError(missing(path) if like_a_path else _unknown(words, path))


def _named(words: str) -> Callable[[], Backdrop] | None:
    """What makes the backdrop of this name; None where there is no such."""
    if words == "transparent":
        return Transparent
    if words == "blur":
        return Blur
    if words.startswith("blur:"):
        return lambda: Blur(_strength(words[len("blur:") :]))
    if words in SCENES:
        return partial(Drawn, SCENES[words])
    if re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", words) or words in ImageColor.colormap:
        return lambda: of_colour(*ImageColor.getrgb(words)[:3])
    return None


def _strength(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            f"blur strength {text!r} is no number; give 1 to 100, for example blur:25"
        ) from error


def _of_path(path: Path, fit: Fit, clock: Clock, slide_seconds: float) -> Backdrop:
    if path.is_dir():
        return Slides(path, fit=fit, clock=clock, seconds=slide_seconds)
    if _VIDEO.fullmatch(path.suffix) or moves(path):
        # A paced clip converts for speed; on a clock of its own it gives frames as fast as they are wanted.
        return Moving(Clip(path, paced=True, clock=ManualClock()), fit=fit, clock=clock)
    return of_picture(read_picture(path), fit)


def _path(words: str) -> Path:
    try:
        return Path(words).expanduser()
    except RuntimeError:  # nobody's home
        return Path(words)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _unknown(words: str, path: Path) -> str:
    ours = ["blur", "transparent", *SCENES, *ImageColor.colormap]
    near = next(iter(get_close_matches(words.casefold(), ours, n=1)), None) or nearest_name(path)
    hint = f"did you mean {near}? " if near else ""
    return (
        f"no backdrop {words[:80]!r}; {hint}Give a picture, video or folder, a colour (#00b140, teal), "
        f"blur, blur:1 to blur:100, transparent, or one of {', '.join(SCENES)}"
    )
