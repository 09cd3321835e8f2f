"""Words to backdrop: a picture, video or folder, a colour, a scene, blur, or nothing at all."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from PIL import ImageColor

from livecam.backgrounds.base import Background
from livecam.backgrounds.blur import BlurredBackground
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.backgrounds.slideshow import SlideshowBackground
from livecam.backgrounds.static import (
    StaticBackground,
    TransparentBackground,
    color_background,
    image_background,
)
from livecam.backgrounds.video import VideoBackground
from livecam.core.clock import Clock
from livecam.core.errors import UsageError
from livecam.core.fileio import closest_existing_name, not_found_message
from livecam.core.media_types import is_video
from livecam.imaging.fit import FitMode as FitMode
from livecam.imaging.image_io import is_animated_gif, read_image
from livecam.video.video_reader import VideoReader


def create_background(
    words: str, *, fit: FitMode = FitMode.COVER, clock: Clock, slide_seconds: float = 10.0
) -> Background:
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
        ImageError: the picture can't be read.
        VideoError: the video can't be read.
    """
    words = words.strip()
    path = _path(words)
    make = _named(words.casefold())
    if make is not None:
        return make()
    if words and _exists(path):
        return _of_path(path, fit, clock, slide_seconds)
    like_a_path = re.search(r"[/\\]", words) or path.suffix
    raise UsageError(not_found_message(path) if like_a_path else _unknown(words, path))


def _named(words: str) -> Callable[[], Background] | None:
    """What makes the backdrop of this name; None where there is no such."""
    if words == "transparent":
        return TransparentBackground
    if words == "blur":
        return BlurredBackground
    if words.startswith("blur:"):
        return lambda: BlurredBackground(_strength(words[len("blur:") :]))
    if words in PROCEDURAL_BACKGROUNDS:
        return partial(StaticBackground, PROCEDURAL_BACKGROUNDS[words])
    if re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", words) or words in ImageColor.colormap:
        return lambda: color_background(*ImageColor.getrgb(words)[:3])
    return None


def _strength(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            f"blur strength {text!r} is no number; give 1 to 100, for example blur:25"
        ) from error


def _of_path(path: Path, fit: FitMode, clock: Clock, slide_seconds: float) -> Background:
    if path.is_dir():
        return SlideshowBackground(path, fit=fit, clock=clock, seconds=slide_seconds)
    if is_video(path) or is_animated_gif(path):
        return VideoBackground(VideoReader(path, realtime=True), fit=fit, clock=clock)
    return image_background(read_image(path), fit)


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
    ours = ["blur", "transparent", *PROCEDURAL_BACKGROUNDS, *ImageColor.colormap]
    near = next(iter(get_close_matches(words.casefold(), ours, n=1)), None) or closest_existing_name(path)
    hint = f"did you mean {near}? " if near else ""
    return (
        f"no backdrop {words[:80]!r}; {hint}Give a picture, video or folder, a colour (#00b140, teal), "
        f"blur, blur:1 to blur:100, transparent, or one of {', '.join(PROCEDURAL_BACKGROUNDS)}"
    )
