"""Conversion of a video file: times, audio and metadata are kept, no raw frame is written."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livecam.core.errors import FrameError, UsageError, VideoError
from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame, VideoFrame
from livecam.runtime.base import FrameProcessor
from livecam.runtime.track_passthrough import TrackPassthrough
from livecam.sinks.recorder import Recorder
from livecam.video.metadata import MetadataPolicy, list_missing
from livecam.video.video_reader import VideoReader


@dataclass(frozen=True)
class Progress:
    """Progress of a conversion; None where the video does not say how long it is."""

    frames: int
    total: int | None
    seconds_done: float
    seconds_total: float | None


@dataclass(frozen=True, eq=False)
class ConversionResult:
    """Result of a conversion.

    Attributes:
        frames: Frames that were written.
        failed_frames: Those of them that show the background alone, because the pipeline failed.
        seconds: Duration of the written frames.
        audio_streams: Audio streams that were kept.
        dropped_audio_streams: Audio streams that were left out, because such a file has no audio.
        subtitle_streams: Subtitle streams that were kept.
        dropped_subtitle_streams: Subtitle streams that were left out, because such a file can't hold them.
        lost_metadata: Names of the tags, and "chapters", that such a file can't hold.
        location_dropped: Whether the place where the input was made was left out.
        first_error: Error of the first failed frame.
        broken_off_at: Where the input breaks off, in seconds; None if it is complete.
    """

    frames: int
    failed_frames: int
    seconds: float
    audio_streams: int
    dropped_audio_streams: int
    first_error: Exception | None
    subtitle_streams: int = 0
    dropped_subtitle_streams: int = 0
    lost_metadata: tuple[str, ...] = ()
    location_dropped: bool = False
    broken_off_at: float | None = None


def convert_video(
    input_path: str | os.PathLike[str],
    output_path: str | os.PathLike[str],
    pipeline: FrameProcessor,
    *,
    overwrite: bool = False,
    metadata: MetadataPolicy = MetadataPolicy.WITHOUT_LOCATION,
    progress: Callable[[Progress], None] | None = None,
) -> ConversionResult:
    """Replace the background of every frame of a video, as fast as the machine can.

    Args:
        input_path: Any video file.
        output_path: Any file that a Recorder writes.
        pipeline: Gets the timestamp of each frame. A frame at which it fails becomes its `render_standalone`.
        overwrite: Replace an existing file.
        metadata: What is kept of title, dates, other tags, chapters and subtitles.
        progress: Called after every frame.

    Raises:
        UsageError: The output has an unknown type, exists, or is the input itself.
        VideoError: The input cannot be read. The part that was written until then plays, and is named.
        SinkError: The output cannot be written. The part that was written until then plays.
    """
    refuse_same_file(Path(input_path), Path(output_path))
    with (
        VideoReader(input_path) as video,
        TrackPassthrough(video.path, video.start_seconds, metadata) as tracks,
    ):
        transparent = pipeline.transparent
        with Recorder(
            output_path, video.size, video.fps, transparent=transparent, overwrite=overwrite
        ) as recorder:
            tracks.attach(recorder)
            replacer = FailClosedReplacer(pipeline, video.size, transparent)
            pipeline.reset()
            for image, timestamp, _ in _name_part(video.frames(), recorder, Path(output_path)):
                tracks.write_until(timestamp, recorder)
                recorder.send(replacer.replace(image, timestamp), timestamp)
                if progress:
                    progress(Progress(recorder.frames, video.frame_count, timestamp, video.duration_seconds))
            if video.end_seconds is not None:
                recorder.hold_until(video.end_seconds)
            tracks.finish(recorder)
    return conversion_result(
        recorder,
        tracks,
        Path(output_path),
        failed_frames=replacer.failed_frames,
        first_error=replacer.first_error,
        broken_off_at=video.broken_off_at,
    )


def conversion_result(
    recorder: Recorder,
    tracks: TrackPassthrough,
    output_path: Path,
    *,
    failed_frames: int,
    first_error: Exception | None,
    broken_off_at: float | None,
) -> ConversionResult:
    """Return the result of a conversion whose recorder is closed; the file is read again."""
    return ConversionResult(
        frames=recorder.frames,
        failed_frames=failed_frames,
        seconds=recorder.seconds,
        audio_streams=tracks.kept_audio,
        dropped_audio_streams=len(tracks.audio_streams) - tracks.kept_audio,
        subtitle_streams=tracks.kept_subtitles,
        dropped_subtitle_streams=len(tracks.subtitle_streams) - tracks.kept_subtitles,
        lost_metadata=list_missing(tracks.metadata, output_path) if recorder.frames else (),
        location_dropped=tracks.metadata.location_dropped,
        first_error=first_error,
        broken_off_at=broken_off_at,
    )


def _name_part(frames: Iterator[VideoFrame], recorder: Recorder, output_path: Path) -> Iterator[VideoFrame]:
    """Yield the frames; if reading fails, add to the error where the part that was written is."""
    try:
        yield from frames
    except VideoError as error:
        if not recorder.frames:
            raise
        kept = f"{output_path} keeps the first {recorder.seconds:.1f} s"
        raise VideoError(f"{error.problem}; {kept}", error.hint) from error


class FailClosedReplacer:
    """Calls the pipeline and falls back to the background alone if it raises or returns an invalid array.

    Attributes:
        failed_frames: Frames that show the background alone.
        first_error: Error of the first of them.
    """

    first_error: Exception | None

    def __init__(self, pipeline: FrameProcessor, size: Size, transparent: bool) -> None:
        self._pipeline = pipeline
        self._size = size
        self._shape = (size.height, size.width, 4 if transparent else 3)
        self.failed_frames = 0
        self.first_error = None

    def replace(self, frame: Frame, timestamp: float) -> Frame | RgbaFrame:
        """Return the frame with its background replaced, or the background alone. Never raises."""
        try:
            return self._check(self._pipeline.replace(frame, timestamp))
        except Exception as error:
            self.failed_frames += 1
            self.first_error = self.first_error or error
        try:
            return self._check(self._pipeline.render_standalone(self._size, timestamp))
        except Exception:
            # Black, or fully transparent: the one frame that depends on no other code.
            return np.zeros(self._shape, np.uint8)

    def _check(self, image: Frame | RgbaFrame) -> Frame | RgbaFrame:
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != self._shape:
            found = getattr(image, "shape", type(image).__name__)
            raise FrameError(
                f"the pipeline gave {found} instead of uint8 {self._shape}; report this as a bug"
            )
        return image


def refuse_same_file(input_path: Path, output_path: Path) -> None:
    """Raise a UsageError if a clip would be written over itself."""
    if input_path.exists() and output_path.exists() and input_path.samefile(output_path):
        raise UsageError(f"{output_path} is the clip itself; choose another name for the result")
