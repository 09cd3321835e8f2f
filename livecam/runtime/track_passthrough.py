"""Track passthrough: reads audio, subtitles and metadata of a video beside its frames, and writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import cast

from livecam.sinks.recorder import Recorder
from livecam.video.audio import AudioPacket, AudioStream, AudioStreamWriter, find_gaps
from livecam.video.demux import demux_packets, open_input
from livecam.video.metadata import MediaMetadata, MetadataPolicy, read_metadata, tells_location
from livecam.video.subtitles import SubtitlePacket, SubtitleStream, SubtitleStreamWriter


class TrackPassthrough:
    """Reads all audio and subtitle streams of a video and writes them to a recorder in step with the frames.

    Attributes:
        audio_streams: Audio streams of the video.
        subtitle_streams: Subtitle streams of the video that the policy copies.
        metadata: Tags and chapters that the policy copies.
        kept_audio, kept_subtitles: How many of the streams the recorder accepted.
    """

    kept_audio: int
    kept_subtitles: int

    audio_streams: list[AudioStream]
    subtitle_streams: list[SubtitleStream]
    metadata: MediaMetadata

    def __init__(self, path: Path, start_seconds: float, policy: MetadataPolicy) -> None:
        """Prepare to read `path`.

        Args:
            path: The file.
            start_seconds: Its own start time, which becomes 0.
            policy: What of its metadata is copied; subtitles belong to it.
        """
        self._path = path
        self._start_seconds = start_seconds
        self._policy = policy
        self._pending: AudioPacket | SubtitlePacket | None = None
        self.kept_audio = self.kept_subtitles = 0

    def __enter__(self) -> TrackPassthrough:
        """Open the file.

        Raises:
            VideoError: The file cannot be read.
        """
        self._input = open_input(self._path)
        streams = self._input.streams
        # Where FFmpeg has no decoder, the stream has no codec context and cannot be written.
        self.audio_streams = [stream for stream in streams.audio if stream.codec_context]
        is_copied = self._policy is not MetadataPolicy.NONE
        self.subtitle_streams = list(streams.subtitles) if is_copied else []
        self.metadata = read_metadata(self._input, self._policy, self._start_seconds)
        for stream in (*self.audio_streams, *self.subtitle_streams):
            self._drop_title(stream.metadata)
        self._writers: dict[int, AudioStreamWriter | SubtitleStreamWriter] = {}
        self._packets: Iterator[AudioPacket | SubtitlePacket] = iter(())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()

    def attach(self, recorder: Recorder) -> None:
        """Add every stream and the metadata to `recorder`, before its first frame."""
        recorder.set_metadata(self.metadata)
        gaps = set() if recorder.keeps_audio_gaps or not self.audio_streams else self._find_gaps()
        for stream in self.audio_streams:
            has_gaps = stream.index in gaps
            audio = recorder.add_audio(stream, self._start_seconds, has_gaps=has_gaps)
            if audio:
                self._writers[stream.index] = audio
        self.kept_audio = len(self._writers)
        keep_location = self._policy is MetadataPolicy.ALL
        for track in self.subtitle_streams:
            subtitles = recorder.add_subtitles(track, self._start_seconds, keep_location=keep_location)
            if subtitles:
                self._writers[track.index] = subtitles
        self.kept_subtitles = len(self._writers) - self.kept_audio
        streams = [*self.audio_streams, *self.subtitle_streams]
        selected = (each for each in streams if each.index in self._writers)
        self._packets = cast("Iterator[AudioPacket | SubtitlePacket]", demux_packets(self._input, *selected))

    def _drop_title(self, tags: dict[str, str]) -> None:
        """Remove the title of a track where the policy does not copy it. The language stays."""
        for key in ("title", "name"):  # MP4 stores it as "name"
            is_kept = self._policy is MetadataPolicy.ALL or not tells_location(tags.get(key, ""))
            if self._policy is MetadataPolicy.NONE or not is_kept:
                tags.pop(key, None)

    def _find_gaps(self) -> set[int]:
        """Read the file once, without decoding it: only then is it known whether audio can be copied."""
        with open_input(self._path) as container:
            return find_gaps(demux_packets(container, *container.streams.audio))

    def write_until(self, seconds: float, recorder: Recorder) -> None:
        """Write the packets up to `seconds` after the start of the video."""
        end = self._start_seconds + seconds
        while self._writers:
            packet, self._pending = self._pending, None
            if packet is None:
                packet = next(self._packets, None)
            if packet is None:
                return
            if packet.pts is not None and packet.pts * packet.time_base > end:
                self._pending = packet
                return
            writer = self._writers[packet.stream.index]
            if isinstance(writer, AudioStreamWriter):
                recorder.write_packets(writer.convert(cast(AudioPacket, packet)))
            else:
                recorder.write_packets(writer.convert(cast(SubtitlePacket, packet)))

    def finish(self, recorder: Recorder) -> None:
        """Write the rest of the packets."""
        self.write_until(float("inf"), recorder)
        for writer in self._writers.values():
            recorder.write_packets(writer.flush())
