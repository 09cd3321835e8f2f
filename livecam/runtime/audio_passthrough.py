"""Audio passthrough: reads the audio of a video beside its frames and writes it to a recorder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from livecam.sinks.recorder import Recorder
from livecam.video.audio import AudioPacket, AudioStreamWriter
from livecam.video.demux import demux_packets, open_input


class AudioPassthrough:
    """Reads all audio streams of a video and writes them to a recorder in step with the frames."""

    def __init__(self, path: Path, start_seconds: float) -> None:
        """Prepare to read `path`; `start_seconds` is the file's own start time, which becomes 0."""
        self._path = path
        self._start_seconds = start_seconds
        self._pending: AudioPacket | None = None

    def __enter__(self) -> AudioPassthrough:
        """Open the file.

        Raises:
            VideoError: The file cannot be read.
        """
        self._input = open_input(self._path)
        # Where FFmpeg has no decoder, the stream has no codec context and cannot be written.
        self.streams = [stream for stream in self._input.streams.audio if stream.codec_context]
        self._writers: dict[int, AudioStreamWriter] = {}
        self._packets: Iterator[AudioPacket] = iter(())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()

    def attach(self, recorder: Recorder) -> int:
        """Add every stream to `recorder`, before its first frame; return how many it accepts."""
        for stream in self.streams:
            writer = recorder.add_audio(stream, self._start_seconds)
            if writer:
                self._writers[stream.index] = writer
        self._packets = demux_packets(
            self._input, *(stream for stream in self.streams if stream.index in self._writers)
        )
        return len(self._writers)

    def write_until(self, seconds: float, recorder: Recorder) -> None:
        """Write the audio up to `seconds` after the start of the video."""
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
            recorder.write_audio(self._writers[packet.stream.index].convert(packet))

    def finish(self, recorder: Recorder) -> None:
        """Write the rest of the audio."""
        self.write_until(float("inf"), recorder)
        for writer in self._writers.values():
            recorder.write_audio(writer.flush())
