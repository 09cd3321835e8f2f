"""A clip through the pipeline into a new file: every frame at its own time, all sound, never a raw pixel."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from livecam.core.clock import ManualClock
from livecam.core.errors import FrameError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame
from livecam.runtime.audio_passthrough import AudioPassthrough
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader


class OfflinePipeline(Protocol):
    """What `speak` needs of a pipeline."""

    @property
    def transparent(self) -> bool:
        """Whether it gives cutouts."""

    def replace(self, frame: Frame) -> Frame | RgbaFrame:
        """The frame with another background."""

    def render_standalone(self, size: Size) -> Frame | RgbaFrame:
        """What is shown when a frame failed; nothing of any source."""

    def reset(self) -> None:
        """Forget earlier frames."""


@dataclass(frozen=True)
class Progress:
    """How far a conversion is; None where the clip doesn't say how long it is."""

    frames: int
    total: int | None
    seconds_done: float
    seconds_total: float | None


@dataclass(frozen=True, eq=False)
class ConversionResult:
    """What became of a clip.

    Attributes:
        frames: written.
        failed_frames: of these, those that show the backdrop alone because the pipeline failed.
        seconds: length of the pictures.
        audio_streams: carried over.
        dropped_audio_streams: left out, as such a file carries no sound.
        first_error: why the first failed frame failed.
    """

    frames: int
    failed_frames: int
    seconds: float
    audio_streams: int
    dropped_audio_streams: int
    first_error: Exception | None


def convert_video(
    clip_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    pipeline: OfflinePipeline,
    *,
    overwrite: bool = False,
    clock: ManualClock,
    progress: Callable[[Progress], None] | None = None,
) -> ConversionResult:
    """Replace the background of every frame of a clip, as fast as the machine goes.

    Args:
        clip_path: any video file.
        out_path: what a Recorder writes.
        pipeline: a frame it fails at becomes its `render_standalone`.
        overwrite: replace an existing file.
        clock: set to each frame's time before the pipeline sees it.
        progress: called after every frame.

    Raises:
        UsageError: the output can't be such a file, exists, or is the clip itself.
        VideoError: the clip can't be read.
        SinkError: the output can't be written on; whatever ends a conversion, what was written by then plays.
    """
    _refuse_same_file(Path(clip_path), Path(out_path))
    with VideoReader(clip_path) as clip, AudioPassthrough(clip.path, clip.start_seconds) as sound:
        transparent = pipeline.transparent
        with Recorder(
            out_path, clip.size, clip.fps, transparent=transparent, overwrite=overwrite, clock=clock
        ) as recorder:
            carried = sound.attach(recorder)
            shutter = _FailClosedReplacer(pipeline, clip.size, transparent)
            pipeline.reset()
            for image, timestamp, _ in clip.frames():
                clock.seconds = timestamp
                sound.write_until(timestamp, recorder)
                recorder.send(shutter.replace(image), timestamp)
                if progress:
                    progress(Progress(recorder.frames, clip.frame_count, timestamp, clip.duration_seconds))
            sound.finish(recorder)
    return ConversionResult(
        frames=recorder.frames,
        failed_frames=shutter.failed_frames,
        seconds=recorder.seconds,
        audio_streams=carried,
        dropped_audio_streams=len(sound.streams) - carried,
        first_error=shutter.first_error,
    )


class _FailClosedReplacer:
    """Closes on every frame that the pipeline fails at."""

    def __init__(self, pipeline: OfflinePipeline, size: Size, transparent: bool) -> None:
        self._pipeline = pipeline
        self._size = size
        self._shape = (size.height, size.width, 4 if transparent else 3)
        self.failed_frames = 0
        self.first_error: Exception | None = None

    def replace(self, frame: Frame) -> Frame | RgbaFrame:
        try:
            return self._check(self._pipeline.replace(frame))
        except Exception as error:
            self.failed_frames += 1
            self.first_error = self.first_error or error
        try:
            return self._check(self._pipeline.render_standalone(self._size))
        except Exception:
            # Black, or nothing at all in a cutout: the one picture that needs nobody's help.
            return np.zeros(self._shape, np.uint8)

    def _check(self, picture: Frame | RgbaFrame) -> Frame | RgbaFrame:
        if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape != self._shape:
            found = getattr(picture, "shape", type(picture).__name__)
            raise FrameError(
                f"the pipeline gave {found} instead of uint8 {self._shape}; report this as a bug"
            )
        return picture


def _refuse_same_file(clip_path: Path, out_path: Path) -> None:
    if clip_path.exists() and out_path.exists() and clip_path.samefile(out_path):
        raise UsageError(f"{out_path} is the clip itself; choose another name for the result")
