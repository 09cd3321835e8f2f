"""Recording of the camera as a source: some seconds of it, as a clip in the data set's directory."""

from collections.abc import Callable
from pathlib import Path

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import CameraError
from livecam.core.fileio import atomic_path, translate_os_errors
from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from livecam.sources.base import Source
from livecam.sources.factory import DEFAULT_SIZE, open_source

_MIN_FRAMES = 2


def record_camera(
    camera: str,
    seconds: float,
    path: Path,
    *,
    clock: Clock | None = None,
    source: Source | None = None,
    progress: Callable[[float], None] = lambda seconds: None,
    size: Size | None = None,
) -> Path:
    """Record the camera to a video file. An existing file is returned unchanged.

    The file appears when the recording is complete: an interrupted one is made again by the next call.

    Args:
        camera: value of ``--camera``: ``0``, part of a name, ``demo``.
        seconds: length of the recording.
        path: an ``.mp4`` file.
        clock: the time source.
        source: read instead of the camera of that name.
        progress: receives the seconds recorded so far.
        size: requested size of the camera; 1280x720 if None.

    Raises:
        UsageError: there is no such camera.
        CameraError: the camera is busy, disconnected or sends no frames.
        SinkError: the recording can't be written.
    """
    if path.exists():
        return path
    clock = clock or SystemClock()
    with translate_os_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    source = source or open_source(camera, size=size or DEFAULT_SIZE, clock=clock)
    with (
        translate_os_errors(path.parent),
        atomic_path(path) as partial,
        source,
        Recorder(partial, source.size, source.fps, overwrite=True, clock=clock) as recorder,
    ):
        start: float | None = None
        for frame in source:
            now = clock.now()
            start = now if start is None else start
            if now - start >= seconds:
                break
            recorder.send(frame, now - start)
            progress(now - start)
        if recorder.frames < _MIN_FRAMES:
            raise CameraError(f"camera {camera} gave no frames; try `livecam --camera {camera} --preview`")
    return path
