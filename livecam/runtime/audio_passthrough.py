"""A clip's sound, read beside its pictures and handed to a recorder in step with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import cast

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from livecam.sinks.recorder import Recorder
from livecam.video.audio import AudioStreamWriter
from livecam.video.demux import open_input


class AudioPassthrough:
    """All audio of a clip, read beside its pictures and handed to a recorder in step with them."""

    def __init__(self, path: Path, start_seconds: float) -> None:
        """Prepare to read `path`; `start_seconds` is the clip's own start, which becomes 0."""
        self._path = path
        self._start_seconds = start_seconds
        self._ahead: Packet[AudioStream] | None = None

    def __enter__(self) -> AudioPassthrough:
        """Open the file.

        Raises:
            VideoError: it can't be read.
        """
        self._input = open_input(self._path)
        # Where FFmpeg knows no decoder there is no context, and no way to hand the stream on.
        self.streams = [each for each in self._input.streams.audio if each.codec_context]
        self._voices: dict[int, AudioStreamWriter] = {}
        self._packets: Iterator[Packet[AudioStream]] = iter(())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()

    def attach(self, recorder: Recorder) -> int:
        """Announce every stream to `recorder`, before its first frame; how many it takes."""
        for stream in self.streams:
            voice = recorder.add_audio(stream, self._start_seconds)
            if voice:
                self._voices[stream.index] = voice
        self._packets = self._demux([each for each in self.streams if each.index in self._voices])
        return len(self._voices)

    def write_until(self, seconds: float, recorder: Recorder) -> None:
        """Write the sound up to `seconds` after the clip's start."""
        until = self._start_seconds + seconds
        while self._voices:
            packet, self._ahead = self._ahead, None
            if packet is None:
                packet = next(self._packets, None)
            if packet is None:
                return
            if packet.pts is not None and packet.pts * packet.time_base > until:
                self._ahead = packet
                return
            recorder.write_audio(self._voices[packet.stream.index].convert(packet))

    def finish(self, recorder: Recorder) -> None:
        """Write all the sound that is left."""
        self.write_until(float("inf"), recorder)
        for voice in self._voices.values():
            recorder.write_audio(voice.flush())

    def _demux(self, streams: list[AudioStream]) -> Iterator[Packet[AudioStream]]:
        packets = cast("Iterator[Packet[AudioStream]]", self._input.demux(*streams))
        while True:
            try:
                yield next(packets)
            except (StopIteration, av.FFmpegError):
                # A clip that is cut off ends where it is cut off.
                return
