"""Recorder sink: MP4, WebM, MOV, Y4M or a folder of PNGs that plays however the recording ends."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import FrameError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, RgbaFrame, check_frame
from livecam.imaging.ops import letterbox
from livecam.video.audio import AudioPacket, AudioStream, AudioStreamWriter
from livecam.video.containers import format_for_path
from livecam.video.metadata import MediaMetadata
from livecam.video.packet_writer import EncodedFrame, PacketWriter
from livecam.video.partial_output import PartialOutput
from livecam.video.png_sequence import PngSequenceWriter
from livecam.video.subtitles import SubtitlePacket, SubtitleStream, SubtitleStreamWriter
from livecam.video.timestamps import FrameTicks
from livecam.video.track_writer import TrackWriter
from livecam.video.video_writer import VideoWriter, playable_seconds

_CAUSES = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "disk quota used up",
    errno.EFBIG: "file too large for its disk",
}


class Recorder:
    """Sink that writes a partial file, which gets its name when the `with` block ends, however it ends.

    Attributes:
        size: Size of the recording.
        frames: Number of frames that were written.
        seconds: Time from the start to the end of the last frame.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: Size,
        fps: float,
        *,
        transparent: bool = False,
        overwrite: bool = False,
        threads: int = 2,
        clock: Clock | None = None,
        copied_from: Path | None = None,
    ) -> None:
        """Check the arguments before anything is written.

        Args:
            path: .mp4, .webm, .mov or .y4m; without a suffix, or ending in /, a folder of PNGs.
            size: Size of the recording; other frames are letterboxed. Odd sides of MP4 and WebM grow by one.
            fps: Expected frames per second; MP4, WebM and MOV keep the real time of each frame.
            transparent: Write RGBA frames (WebM, MOV, PNG).
            overwrite: Replace a recording of that name.
            threads: Threads of the encoder.
            clock: Time of frames that come without one.
            copied_from: Encode nothing: `copy` gets the frames of this recording, and of others like it; MP4,
                WebM or MOV.

        Raises:
            UsageError: The file type is unknown or cannot be transparent, or the name exists already.
        """
        if not (math.isfinite(fps) and fps > 0):
            raise UsageError(f"can't record at {fps} frames a second; choose a rate above 0, for example 30")
        self._container = format_for_path(path, transparent)
        self._path = Path(path)
        self._partial = PartialOutput(self._path, folder=self._container is None, overwrite=overwrite)
        self._rate = max(Fraction(fps).limit_denominator(1001), Fraction(1, 1001))
        self._clock = clock or SystemClock()
        self._transparent = transparent
        self._threads = threads
        self._copied_from = copied_from
        self._writer: VideoWriter | PacketWriter | PngSequenceWriter | None = None
        self._start_time: float | None = None
        self._ticks = FrameTicks(Fraction(1))
        self._failure = ""
        self.size = size
        self.frames = 0
        self.seconds = 0.0

    def __enter__(self) -> Recorder:
        """Open the partial file.

        Raises:
            UsageError: The name exists by now.
            SinkError: Nothing can be written there.
        """
        path = self._partial.open()
        try:
            self._writer = self._make_writer(path)
        except (OSError, ValueError) as error:
            self._partial.discard()
            raise SinkError(
                f"can't record {self.size} to {self._partial.target}: {error}; try .mp4"
            ) from error
        self._ticks = FrameTicks(self._writer.time_base)
        return self

    def _make_writer(self, path: Path) -> VideoWriter | PacketWriter | PngSequenceWriter:
        if self._container is None:
            return PngSequenceWriter(path, self._rate)
        if self._copied_from is not None:
            return PacketWriter(path, self._container, self._copied_from, self._rate)
        return VideoWriter(
            path, self._container, self.size, self._rate, transparent=self._transparent, threads=self._threads
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except SinkError:
            # A KeyboardInterrupt must reach the caller, even if the disk is full as well.
            if kind is None or issubclass(kind, Exception):
                raise

    @property
    def path(self) -> Path:
        """The name that the recording will have."""
        return self._path

    @property
    def written_path(self) -> Path:
        """The partial file or folder that is written; the recording has its own name once it is closed."""
        return self._partial.path

    @property
    def time_base(self) -> Fraction:
        """Seconds of one timestamp step, of an opened recording."""
        return self._open_writer().time_base

    @property
    def keeps_audio_gaps(self) -> bool:
        """Whether audio packets keep their times, so that a gap needs no silence."""
        return self._container is None or not self._container.audio_codec or self._container.keeps_audio_gaps

    def add_audio(
        self, source: AudioStream, start_seconds: float, *, has_gaps: bool = False
    ) -> AudioStreamWriter | None:
        """Add an audio stream, before the first frame; None if such a file has no audio.

        Raises:
            SinkError: The stream cannot be written.
        """
        if not isinstance(self._writer, TrackWriter):
            return None
        try:
            return self._writer.add_audio_stream(source, start_seconds, has_gaps=has_gaps)
        except (OSError, ValueError) as error:
            raise SinkError(f"can't record the clip's audio: {error}; try another file type") from error

    def add_subtitles(
        self, source: SubtitleStream, start_seconds: float, *, keep_location: bool
    ) -> SubtitleStreamWriter | None:
        """Add a subtitle stream, before the first frame; None if such a file can't hold it."""
        if not isinstance(self._writer, TrackWriter):
            return None
        try:
            return self._writer.add_subtitle_stream(source, start_seconds, keep_location=keep_location)
        except (OSError, ValueError):
            return None  # the caller names subtitles that are left out

    def set_metadata(self, metadata: MediaMetadata) -> None:
        """Set tags and chapters, before the first frame; the file leaves out what it can't hold."""
        if isinstance(self._writer, TrackWriter):
            self._writer.set_metadata(metadata)

    def write_packets(self, packets: Sequence[AudioPacket] | Sequence[SubtitlePacket]) -> None:
        """Write packets of an AudioStreamWriter or a SubtitleStreamWriter.

        Raises:
            SinkError: As for `send`.
        """
        writer = self._open_writer()
        try:
            if isinstance(writer, TrackWriter):
                writer.write_packets(packets)
        except OSError as error:
            self._fail(error)

    def send(self, frame: Frame | RgbaFrame, seconds: float | None = None) -> None:
        """Write a frame (an RGBA frame if transparent), shown from now on, or from `seconds` on.

        Raises:
            FrameError: `frame` is not a frame.
            SinkError: Nothing more can be written; the part that was written is kept under its name.
        """
        writer = self._open_writer()
        if isinstance(writer, PacketWriter):
            raise SinkError("this recording is made of encoded frames", "open another")
        fitted = letterbox(self._check(frame), self.size)
        tick = self._ticks.next(self._since_start(seconds))
        try:
            writer.write(np.ascontiguousarray(fitted), tick)
        except OSError as error:
            self._fail(error)
        self._count_frame(tick, writer.time_base)

    def copy(self, frame: EncodedFrame) -> None:
        """Write a frame of a recording like `copied_from` as it is.

        Raises:
            SinkError: As for `send`.
        """
        writer = self._open_writer()
        if not isinstance(writer, PacketWriter):
            raise SinkError("this recording encodes its frames", "open another")
        try:
            writer.copy(frame)
        except OSError as error:
            self._fail(error)
        self._ticks.last = frame.tick
        self._count_frame(frame.tick, writer.time_base)

    def _count_frame(self, tick: int, time_base: Fraction) -> None:
        self.frames += 1
        self.seconds = float(tick * time_base + 1 / self._rate)

    def hold_until(self, seconds: float) -> None:
        """Show the last frame until `seconds`; without it a player chooses when it ends. Needs a frame.

        A folder of PNGs has no durations. A Y4M repeats the frame, for 10 s at most.
        """
        if isinstance(self._writer, TrackWriter) and self.frames:
            end = max(self._ticks.last + 1, round(seconds / float(self._writer.time_base)))
            self._writer.hold_until(end)
            self.seconds = float(end * self._writer.time_base)

    def _check(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not self._transparent:
            return check_frame(frame)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 4 or 0 in frame.shape:
            raise FrameError(f"a cutout is uint8 RGBA (height, width, 4), not {frame.dtype} {frame.shape}")
        return frame

    def _since_start(self, seconds: float | None) -> float:
        if seconds is not None:
            return seconds
        now = self._clock.now()
        if self._start_time is None:
            self._start_time = now
        return now - self._start_time

    def _open_writer(self) -> VideoWriter | PacketWriter | PngSequenceWriter:
        if self._writer is None:
            raise SinkError(self._failure or "the recording is closed; open another")
        return self._writer

    def close(self) -> None:
        """Finish the file and give it its name; leave nothing if there was no frame. May be called again.

        Raises:
            SinkError: The end could not be written; the part before it is kept.
        """
        if self._writer is None:
            return
        try:
            if self.frames:
                self._writer.close()
        except OSError as error:
            self._fail(error)
        finally:
            # Also if a second Ctrl-C comes while the encoder is flushed.
            self._finalize()

    def _finalize(self) -> None:
        if self._writer is None:
            return
        self._writer.abort()
        self._writer = None
        if self.frames:
            self._partial.commit()
        else:
            self._partial.discard()

    def _fail(self, error: Exception) -> NoReturn:
        number = getattr(error, "errno", None) or 0
        cause = _CAUSES.get(number, f"can't go on writing ({getattr(error, 'strerror', '') or error})")
        hint = "free some space, or record elsewhere" if number in _CAUSES else "try another file type"
        target = self._partial.target
        writer, self._writer = self._writer, None
        if writer:
            writer.abort()
        kept = self._playable_seconds()
        if kept > 0:
            self._failure = f"{cause}: {target} kept the first {kept:.1f} s; {hint}"
            self._partial.commit()
        else:
            self._failure = f"{cause}: nothing of {target} could be kept; {hint}"
            self._partial.discard()
        raise SinkError(self._failure) from error

    def _playable_seconds(self) -> float:
        if self._container is None:
            return float(self.frames / self._rate)
        return playable_seconds(self._partial.path)
