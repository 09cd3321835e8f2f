"""Audio stream writer: copies an audio stream into a recording, or encodes it again."""

from __future__ import annotations

from typing import TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream as AudioStream
from av.container import OutputContainer
from av.packet import Packet

from livecam.video.containers import ContainerFormat

AudioPacket: TypeAlias = "Packet[AudioStream]"

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}  # by number of channels; other numbers become stereo


class AudioStreamWriter:
    """One audio stream of an output file. Create it before the first packet is muxed."""

    def __init__(
        self, output: OutputContainer, container: ContainerFormat, source: AudioStream, start_seconds: float
    ) -> None:
        """Add a stream like `source` to `output`.

        Args:
            output: the file.
            container: its format.
            source: the stream whose packets `convert` receives.
            start_seconds: time of the source that becomes 0 in the file.

        Raises:
            av.FFmpegError, OSError, ValueError: the stream can't be added.
        """
        self._start_seconds = start_seconds
        self._is_copied = _can_copy(container, source)
        self._resampler: AudioResampler | None = None
        self._input_format: tuple[str, str, int] | None = None
        if self._is_copied:
            self._stream: AudioStream = output.add_stream_from_template(source)
        else:
            rate = container.audio_rate or min(source.sample_rate or 48000, 48000)
            self._stream = cast(AudioStream, output.add_stream(container.audio_codec or "aac", rate=rate))
            self._stream.codec_context.layout = _LAYOUTS.get(source.channels, "stereo")
            self._stream.codec_context.bit_rate = 96000 * max(1, (self._stream.channels + 1) // 2) + 32000
        for key in ("language", "title"):
            if key in source.metadata:
                self._stream.metadata[key] = source.metadata[key]

    def convert(self, packet: AudioPacket) -> list[AudioPacket]:
        """Return the packets to mux for one packet of the source; none if it is damaged."""
        if not self._is_copied:
            try:
                frames = packet.decode()
            except av.FFmpegError:
                return []
            return [encoded for frame in frames for encoded in self._encode(frame)]
        if packet.pts is None or packet.dts is None:
            return []
        shift = round(self._start_seconds / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._stream
        return [packet]

    def flush(self) -> list[AudioPacket]:
        """Return the packets still buffered in the encoder."""
        if self._is_copied or not self._resampler:
            return []
        frames = self._resampler.resample(None)
        packets = [encoded for frame in frames for encoded in self._stream.encode(frame)]
        return packets + self._stream.encode(None)

    def _encode(self, frame: AudioFrame) -> list[AudioPacket]:
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._start_seconds / frame.time_base)
        input_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if not self._resampler or input_format != self._input_format:
            # A broadcast may change from stereo to 5.1 within a stream; a resampler accepts one format only.
            context, self._input_format = self._stream.codec_context, input_format
            self._resampler = AudioResampler(context.format, context.layout, context.sample_rate)
        return [packet for each in self._resampler.resample(frame) for packet in self._stream.encode(each)]


def _can_copy(container: ContainerFormat, source: AudioStream) -> bool:
    # AAC from MPEG-TS has its configuration in every packet, and none that the file header could store.
    name = source.codec_context.codec.canonical_name if source.codec_context else ""
    return name in container.passthrough_audio_codecs and not (
        name == "aac" and not source.codec_context.extradata
    )
