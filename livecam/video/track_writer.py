"""Track writer: one output file, with the audio, subtitles and metadata that go beside its frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from livecam.video.audio import AudioPacket, AudioStreamWriter
from livecam.video.containers import ContainerFormat
from livecam.video.demux import ffmpeg_errors_as_os_errors
from livecam.video.metadata import MediaMetadata, write_metadata
from livecam.video.subtitles import SubtitlePacket, SubtitleStream, SubtitleStreamWriter, can_convert

# A muxer waits for a packet of each stream before it writes: so long, in microseconds, for the next subtitle,
# so that a truncated file keeps its last seconds.
_MAX_INTERLEAVE = "200000"


class TrackWriter:
    """Writer of one video file; its subclasses add the frames. Used by one thread.

    All methods but `abort` may raise OSError.

    Attributes:
        time_base: seconds of one timestamp step.
    """

    def __init__(self, path: Path, container: ContainerFormat, time_base: Fraction) -> None:
        """Create the file.

        Raises:
            OSError, ValueError: the file can't be opened.
        """
        self._container = container
        self.time_base = time_base
        with ffmpeg_errors_as_os_errors():
            self._output = av.open(
                str(path),
                "w",
                format=container.muxer,
                container_options={"max_interleave_delta": _MAX_INTERLEAVE, **container.muxer_options},
            )
        # The last packet waits here, because its duration is known at the end.
        self._held_packet: Packet[VideoStream] | None = None
        self._end: int | None = None

    def add_audio_stream(
        self, source: AudioStream, start_seconds: float, *, has_gaps: bool = False
    ) -> AudioStreamWriter | None:
        """Add an audio stream like `source` before the first frame; None if the format has no audio."""
        if not self._container.audio_codec:
            return None
        with ffmpeg_errors_as_os_errors():
            return AudioStreamWriter(self._output, self._container, source, start_seconds, has_gaps=has_gaps)

    def add_subtitle_stream(
        self, source: SubtitleStream, start_seconds: float, *, keep_location: bool
    ) -> SubtitleStreamWriter | None:
        """Add a subtitle stream before the first frame; None if the format can't store it."""
        if not self._container.subtitle_codec or not can_convert(source):
            return None
        with ffmpeg_errors_as_os_errors():
            return SubtitleStreamWriter(
                self._output, self._container, source, start_seconds, keep_location=keep_location
            )

    def set_metadata(self, metadata: MediaMetadata) -> None:
        """Set tags and chapters before the first frame; the format leaves out what it can't store."""
        write_metadata(self._output, metadata)

    def write_packets(self, packets: Sequence[AudioPacket] | Sequence[SubtitlePacket]) -> None:
        """Mux packets that an AudioStreamWriter or a SubtitleStreamWriter of this file returned."""
        if packets:
            with ffmpeg_errors_as_os_errors():
                self._output.mux(cast("Sequence[Packet[Stream]]", packets))

    def hold_until(self, timestamp: int) -> None:
        """Show the last frame until `timestamp`, in steps of `time_base`. Call it after the last frame."""
        self._end = timestamp

    def _mux_held_packet(self) -> None:
        held, self._held_packet = self._held_packet, None
        if held is None:
            return
        if self._end is not None and held.pts is not None and self._container.time_base is not None:
            duration = round((self._end * self.time_base - held.pts * held.time_base) / held.time_base)
            held.duration = max(held.duration or 0, duration)
        self._output.mux(held)

    def abort(self) -> None:
        """Close the file, properly ended if possible; raises nothing."""
        with suppress(av.FFmpegError, OSError):
            self._mux_held_packet()
        with suppress(av.FFmpegError, OSError):
            self._output.close()
