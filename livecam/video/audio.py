"""One audio stream on its way into a recording: copied where the file takes it, else encoded anew."""

from __future__ import annotations

from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from livecam.video.containers import ContainerFormat

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


class AudioStreamWriter:
    """One audio stream, written into a file that is about to begin."""

    def __init__(
        self, output: OutputContainer, container: ContainerFormat, source: AudioStream, start_seconds: float
    ) -> None:
        """Add a stream like `source` to `output`; what is at `start_seconds` there comes to lie at 0."""
        self._start_seconds = start_seconds
        self._copied = _can_copy(container, source)
        self._resampler: AudioResampler | None = None
        self._input_format: tuple[str, str, int] | None = None
        if self._copied:
            self._stream: AudioStream = output.add_stream_from_template(source)
        else:
            rate = container.audio_rate or min(source.sample_rate or 48000, 48000)
            self._stream = cast(AudioStream, output.add_stream(container.audio_codec or "aac", rate=rate))
            self._stream.codec_context.layout = _LAYOUTS.get(source.channels, "stereo")
            self._stream.codec_context.bit_rate = 96000 * max(1, (self._stream.channels + 1) // 2) + 32000
        for word in ("language", "title"):
            if word in source.metadata:
                self._stream.metadata[word] = source.metadata[word]

    def convert(self, packet: Packet[AudioStream]) -> list[Packet[AudioStream]]:
        """The packets to write for one of the source's; damaged ones are left out."""
        if not self._copied:
            try:
                frames = packet.decode()
            except av.FFmpegError:
                return []
            return [written for frame in frames for written in self._encode(frame)]
        if packet.pts is None or packet.dts is None:
            return []
        shift = round(self._start_seconds / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._stream
        return [packet]

    def flush(self) -> list[Packet[AudioStream]]:
        """What the encoder still holds."""
        if self._copied or not self._resampler:
            return []
        rest = [written for frame in self._resampler.resample(None) for written in self._stream.encode(frame)]
        return rest + self._stream.encode(None)

    def _encode(self, frame: AudioFrame) -> list[Packet[AudioStream]]:
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._start_seconds / frame.time_base)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if not self._resampler or kind != self._input_format:
            # A broadcast may change from stereo to 5.1 on its way; a resampler takes one kind only.
            context, self._input_format = self._stream.codec_context, kind
            self._resampler = AudioResampler(context.format, context.layout, context.sample_rate)
        return [written for each in self._resampler.resample(frame) for written in self._stream.encode(each)]


def _can_copy(container: ContainerFormat, source: AudioStream) -> bool:
    # AAC out of MPEG-TS carries its setup in every packet, and none for the head of the file.
    name = source.codec_context.codec.canonical_name if source.codec_context else ""
    return name in container.passthrough_audio_codecs and not (
        name == "aac" and not source.codec_context.extradata
    )
