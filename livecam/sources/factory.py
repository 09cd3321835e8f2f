"""Sources by their words: a camera's number, device file or name, a video, a picture, or ``demo``."""

import difflib
import stat
import sys
from pathlib import Path

from livecam.core.clock import Clock
from livecam.core.errors import ImageError, UsageError
from livecam.core.fileio import closest_existing_name
from livecam.core.geometry import Size
from livecam.core.media_types import is_image, is_video
from livecam.devices.discovery import DEMO_HINT, VideoDevice, list_cameras
from livecam.sources.base import Source
from livecam.sources.webcam import WebcamSource

__all__ = ["Source", "VideoDevice", "WebcamSource", "list_cameras", "open_source"]

DEFAULT_SIZE = Size(1280, 720)


def open_source(words: str, *, size: Size | None = DEFAULT_SIZE, fps: float = 30.0, clock: Clock) -> Source:
    """The source that `words` mean, not yet entered.

    Args:
        words: ``0``, ``/dev/video2``, a part of a camera's name, a file (it wins over a name), or ``demo``.
        size: asked of a camera, given by the demo; a picture is made to fit in it; a video keeps its own.
        fps: frames a second, likewise.
        clock: paces what isn't paced by a device.

    Raises:
        UsageError: nothing, or several cameras, are meant.
        ImageError: the file is a picture and can't be read.
        VideoError: the file is a video and can't be read.
    """
    words = words.strip()
    if words.lower() == "demo":
        from livecam.sources.demo import DemoSource

        return DemoSource(size, fps, clock=clock)
    if words.isascii() and words.isdigit():
        return WebcamSource(int(words), size, fps, clock=clock)
    path = Path(words).expanduser()
    # A device file that is missing is a camera too: opening it says which cameras there are.
    if words.startswith("/dev/") or _is_device(path):
        return WebcamSource(words, size, fps, clock=clock)
    if words and path.exists():
        return _open_file(path, size, fps, clock)
    return WebcamSource(resolve_camera(words, list_cameras()).path, size, fps, clock=clock)


def resolve_camera(words: str, cameras: list[VideoDevice]) -> VideoDevice:
    """The camera with `words` in its name, in large or small letters; one of just that name goes first.

    Raises:
        UsageError: none, or several.
    """
    wanted = words.casefold()
    hits = [camera for camera in cameras if wanted and wanted in camera.name.casefold()]
    exact = [camera for camera in hits if camera.name.casefold() == wanted]
    if len(exact or hits) == 1:
        return (exact or hits)[0]
    if hits:
        names = ", ".join(map(str, exact or hits))
        raise UsageError(f"camera {words!r} fits several: {names}; give the device file instead")
    raise UsageError(f"{words!r} is no camera and no file: {_suggestion(words, cameras)}")


def _open_file(path: Path, size: Size | None, fps: float, clock: Clock) -> Source:
    if not path.is_file():
        raise UsageError(f"{path} is not a file: give a video, a picture, a camera's number or demo")
    from livecam.imaging.image_io import is_animated_gif, read_image
    from livecam.sources.image import ImageSource

    if not (is_video(path) or is_animated_gif(path)):
        try:
            return ImageSource(read_image(path).image, size, fps, clock=clock)
        except ImageError:
            if is_image(path):
                raise
    from livecam.video.video_reader import VideoReader

    return VideoReader(path, loop=True, realtime=True, clock=clock)


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _suggestion(words: str, cameras: list[VideoDevice]) -> str:
    """What could have been meant."""
    names = {camera.name.casefold(): camera.name for camera in cameras} | {"demo": "demo"}
    near = difflib.get_close_matches(words.casefold(), names, n=1)
    meant = names[near[0]] if near else closest_existing_name(Path(words).expanduser())
    if meant:
        return f"did you mean {meant!r}?"
    if cameras:
        return f"there are {', '.join(map(str, cameras))}; {DEMO_HINT}"
    if not sys.platform.startswith("linux"):
        return "cameras have no names here, give a number such as --camera 0, a file, or demo"
    return f"this machine has no camera; {DEMO_HINT}"
