"""Factory of backgrounds: image, video, folder, color, procedural drawing, blur, or transparent."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from PIL import ImageColor

from livecam.backgrounds.base import Background
from livecam.backgrounds.blur import BlurredBackground
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS, draw_cached
from livecam.backgrounds.slideshow import SlideshowBackground
from livecam.backgrounds.static import (
    StaticBackground,
    TransparentBackground,
    color_background,
    image_background,
)
from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import UsageError
from livecam.core.fileio import closest_existing_name, not_found_message
from livecam.core.paths import expand_user
from livecam.imaging.fit import FitMode as FitMode
from livecam.imaging.image_io import read_image
from livecam.video.probe import is_moving


def create_background(
    spec: str, *, fit: FitMode = FitMode.COVER, clock: Clock | None = None, slide_seconds: float = 10.0
) -> Background:
    """Create and open the background that `spec` names.

    A name of livecam wins over a file or folder of the same name; `./dusk` means the file.

    Args:
        spec: An image, video, GIF or folder of images; `#00b140`, `#0b4` or a CSS color name; `blur` or
            `blur:25`; `transparent`; or the name of a procedural background.
        fit: How images and videos fill the frame.
        clock: Time of frames that come without a timestamp, for videos and slideshows; the system's if None.
        slide_seconds: How long each image of a folder is shown.

    Raises:
        UsageError: `spec` names nothing; the message has the closest name.
        ImageError: The image cannot be read.
        VideoError: The video cannot be read.
    """
    spec = spec.strip()
    path = expand_user(spec)
    create = _find_by_name(spec.casefold())
    if create is not None:
        return create()
    if spec and _exists(path):
        return _open_path(path, fit, clock or SystemClock(), slide_seconds)
    looks_like_path = re.search(r"[/\\]", spec) or path.suffix
    raise UsageError(not_found_message(path) if looks_like_path else _unknown_message(spec, path))


def is_still(spec: str) -> bool:
    """Return whether the background that `spec` names does not move: no video and no slides.

    A frame then shows the same background, whatever was shown before.
    """
    path = expand_user(spec.strip())
    if _find_by_name(spec.strip().casefold()) is not None or not _exists(path):
        return True
    return not path.is_dir() and not is_moving(path)


def _find_by_name(name: str) -> Callable[[], Background] | None:
    """Return what creates the background of this name; None if there is no such name."""
    if name == "transparent":
        return TransparentBackground
    if name == "blur":
        return BlurredBackground
    if name.startswith("blur:"):
        return lambda: BlurredBackground(_parse_strength(name[len("blur:") :]))
    if name in PROCEDURAL_BACKGROUNDS:
        return partial(StaticBackground, partial(draw_cached, name))
    if re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", name) or name in ImageColor.colormap:
        return lambda: color_background(*ImageColor.getrgb(name)[:3])
    return None


def _parse_strength(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            f"blur strength {text!r} is no number; give 1 to 100, for example blur:25"
        ) from error


def _open_path(path: Path, fit: FitMode, clock: Clock, slide_seconds: float) -> Background:
    if path.is_dir():
        return SlideshowBackground(path, fit=fit, clock=clock, seconds=slide_seconds)
    if is_moving(path):
        # Imported here, because PyAV costs 80 ms that a run without a video does not need.
        from livecam.backgrounds.video import VideoBackground
        from livecam.video.video_reader import VideoReader

        # In real-time mode the reader converts colors fast.
        return VideoBackground(VideoReader(path, realtime=True), fit=fit, clock=clock)
    return image_background(read_image(path), fit)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _unknown_message(spec: str, path: Path) -> str:
    names = ["blur", "transparent", *PROCEDURAL_BACKGROUNDS, *ImageColor.colormap]
    close = next(iter(get_close_matches(spec.casefold(), names, n=1)), None) or closest_existing_name(path)
    hint = f"did you mean {close}? " if close else ""
    return (
        f"no background {spec[:80]!r}; {hint}Give an image, video or folder, a color (#00b140, teal), "
        f"blur, blur:1 to blur:100, transparent, or one of {', '.join(PROCEDURAL_BACKGROUNDS)}"
    )
