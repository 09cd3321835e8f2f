"""Creates sources from ``--camera``: camera number, device file or name, video, image or ``demo``."""

from pathlib import Path

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import ImageError, UsageError
from livecam.core.geometry import Size
from livecam.core.media_types import MediaType, detect_media_type, is_image
from livecam.core.paths import expand_user
from livecam.devices.discovery import is_device_spec, list_cameras, resolve_camera
from livecam.sources.base import Source
from livecam.sources.webcam import WebcamSource

DEFAULT_SIZE = Size(1280, 720)


def open_source(
    spec: str, *, size: Size | None = DEFAULT_SIZE, fps: float = 30.0, clock: Clock | None = None
) -> Source:
    """Create the source that `spec` names; the caller enters it.

    Args:
        spec: ``0``, ``/dev/video2``, a part of a camera's name, a file (it wins over a name), or ``demo``.
        size: requested from a camera, used by the demo; an image is fitted into it; a video keeps its own.
        fps: frames per second, likewise.
        clock: paces what no device paces; None: the clock of the system.

    Raises:
        UsageError: `spec` fits nothing, or several cameras.
        ImageError: the file is an image and can't be read.
        VideoError: the file is a video and can't be read.
    """
    spec, clock = spec.strip(), clock or SystemClock()
    if spec.lower() == "demo":
        from livecam.sources.demo import DemoSource

        return DemoSource(size, fps, clock=clock)
    path = expand_user(spec)
    if spec and not is_device_spec(spec) and path.exists():
        return _open_file(path, size, fps, clock)
    return WebcamSource(resolve_camera(spec, list_cameras), size, fps, clock=clock)


def _open_file(path: Path, size: Size | None, fps: float, clock: Clock) -> Source:
    if not path.is_file():
        raise UsageError(f"{path} is not a file: give a video, an image, a camera's number or demo")
    from livecam.imaging.alpha import flatten_alpha
    from livecam.imaging.image_io import read_image
    from livecam.sources.image import ImageSource
    from livecam.video.probe import is_moving

    if not is_moving(path):
        try:
            loaded = read_image(path)
            # The colors under transparent parts may show what was cut out.
            return ImageSource(flatten_alpha(loaded.image, loaded.alpha), size, fps, clock=clock)
        except ImageError:
            if is_image(path) or detect_media_type(path) is MediaType.IMAGE:
                raise
    from livecam.video.video_reader import VideoReader

    return VideoReader(path, loop=True, realtime=True, clock=clock)
