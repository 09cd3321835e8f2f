"""Audio stream writer: copies an audio stream into a recording, or encodes it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream as AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet

from livecam.video.containers import ContainerFormat
from livecam.video.metadata import copy_track_tags

logger = logging.getLogger("livecam.video")

AudioPacket: TypeAlias = "Packet[AudioStream]"

# Times within a stream jitter; up to this a player shows no lost lip sync.
_MAX_DRIFT_SECONDS = 0.04
_MAX_PACKET_SECONDS = 1.0
# Those that both AAC and Opus encode, by number of channels.
_LAYOUTS = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1", 8: "7.1"}


class AudioStreamWriter:
    """One audio stream of an output file. Create it before the first packet is muxed."""

    def __init__(
        self,
        output: OutputContainer,
        container: ContainerFormat,
        source: AudioStream,
        start_seconds: float,
        *,
        has_gaps: bool = False,
    ) -> None:
        """Add a stream like `source` to `output`.

        Args:
            output: the file.
            container: its format.
            source: the stream whose packets `convert` receives.
            start_seconds: time of the source that becomes 0 in the file.
            has_gaps: packets are missing in the source, see `find_gaps`.

        Raises:
            av.FFmpegError, OSError, ValueError: the stream can't be added.
        """
        self._start_seconds = start_seconds
        name = source.codec_context.codec.canonical_name if source.codec_context else ""
        # MOV stores no time for each packet of PCM, so that a gap would vanish. Encoding PCM again loses
        # nothing.
        is_pcm = name.startswith("pcm_") and name in container.passthrough_audio_codecs
        # In MP4 and MOV a gap is a packet of long duration, which editors and some players do not keep.
        fills_gaps = has_gaps and not container.keeps_audio_gaps
        self._is_copied = not (is_pcm or fills_gaps) and _can_copy(container, source)
        self._next_dts: int | None = None
        self._resampler: AudioResampler | None = None
        self._input_format: tuple[str, str, int] | None = None
        self._clock = _SampleClock()
        if self._is_copied:
            self._stream: AudioStream = output.add_stream_from_template(source)
        elif is_pcm:
            self._stream = cast(AudioStream, output.add_stream(name, rate=source.sample_rate))
            self._stream.codec_context.layout = source.layout.name
        else:
            codec = container.audio_codec or "aac"
            rate = container.audio_rate or _supported_rate(codec, min(source.sample_rate or 48000, 48000))
            self._stream = cast(AudioStream, output.add_stream(codec, rate=rate))
            self._stream.codec_context.layout = _supported_layout(source)
            self._stream.codec_context.bit_rate = 96000 * max(1, (self._stream.channels + 1) // 2) + 32000
        copy_track_tags(source, self._stream)

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
        # A muxer refuses times that do not rise, as in a damaged recording; ffmpeg moves them likewise.
        packet.dts = (
            max(packet.dts - shift, self._next_dts) if self._next_dts is not None else packet.dts - shift
        )
        packet.pts = max(packet.pts - shift, packet.dts)
        self._next_dts = packet.dts + 1
        packet.stream = self._stream
        return [packet]

    def flush(self) -> list[AudioPacket]:
        """Return the packets still buffered in the encoder."""
        if self._is_copied or not self._resampler:
            return []
        return self._drain_resampler() + self._stream.encode(None)

    def _encode(self, frame: AudioFrame) -> list[AudioPacket]:
        seconds: float | None = None
        if frame.pts is not None and frame.time_base:
            seconds = float(frame.pts * frame.time_base) - self._start_seconds
        input_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        packets: list[AudioPacket] = []
        if not self._resampler or input_format != self._input_format:
            # A broadcast may change from stereo to 5.1 within a stream; a resampler accepts one format only.
            packets = self._drain_resampler()
            context, self._input_format = self._stream.codec_context, input_format
            self._resampler = AudioResampler(context.format, context.layout, context.sample_rate)
            self._clock.set_rate(frame.sample_rate)
        for each in self._clock.schedule(frame, seconds):
            packets += self._encode_all(self._resampler.resample(each))
        return packets

    def _drain_resampler(self) -> list[AudioPacket]:
        return self._encode_all(self._resampler.resample(None)) if self._resampler else []

    def _encode_all(self, frames: Sequence[AudioFrame]) -> list[AudioPacket]:
        return [packet for frame in frames for packet in self._stream.encode(frame)]


def find_gaps(packets: Iterable[AudioPacket]) -> set[int]:
    """Return the indexes of the audio streams in whose packets more than 40 ms are missing."""
    found: set[int] = set()
    ends: dict[int, float] = {}
    for packet in packets:
        if packet.pts is None or not packet.time_base or not packet.size:
            continue
        index, seconds = packet.stream.index, float(packet.pts * packet.time_base)
        if seconds - ends.get(index, seconds) > _MAX_DRIFT_SECONDS:
            found.add(index)
        ends[index] = seconds + _packet_seconds(packet)
    return found


def _packet_seconds(packet: AudioPacket) -> float:
    """Return the duration of the samples of a packet; that of MP4 reaches to the next packet."""
    context = packet.stream.codec_context
    declared = float((packet.duration or 0) * (packet.time_base or 0))
    # A packet of Opus has up to 120 ms, which its frame size does not tell.
    if not context.frame_size or not context.sample_rate or context.codec.canonical_name == "opus":
        return declared
    return min(declared or _MAX_PACKET_SECONDS, 2 * context.frame_size / context.sample_rate)


class _SampleClock:
    """Puts the frames of a stream one after the other: silence in gaps, none of the samples twice."""

    def __init__(self) -> None:
        self._rate = 0
        self._next: int | None = None  # number of the next sample from the start of the recording

    def set_rate(self, rate: int) -> None:
        if self._next is not None and self._rate:
            self._next = round(self._next * rate / self._rate)
        self._rate = rate

    def schedule(self, frame: AudioFrame, seconds: float | None) -> Iterator[AudioFrame]:
        """Set the time of a frame; yield the silence before it, and the frame unless its time has gone."""
        position = self._next if seconds is None else round(seconds * self._rate)
        if self._next is None or position is None:
            self._next = position or 0
        gap = (position or 0) - self._next
        if gap < -_MAX_DRIFT_SECONDS * self._rate:
            return
        if gap > _MAX_DRIFT_SECONDS * self._rate:
            while gap > 0:
                silence = _silent_frame(frame, min(gap, self._rate))
                gap -= silence.samples
                yield self._place(silence)
        yield self._place(frame)

    def _place(self, frame: AudioFrame) -> AudioFrame:
        start = self._next or 0
        frame.pts, frame.time_base = start, Fraction(1, self._rate)
        self._next = start + frame.samples
        return frame


def _silent_frame(like: AudioFrame, samples: int) -> AudioFrame:
    frame = AudioFrame(like.format.name, like.layout.name, samples)
    frame.sample_rate = like.sample_rate
    # Silence of unsigned samples is the middle of their range.
    value = b"\x80" if like.format.name.startswith("u8") else b"\0"
    for plane in frame.planes:
        plane.update(value * plane.buffer_size)
    return frame


def _supported_layout(source: AudioStream) -> str:
    layout = _LAYOUTS.get(source.channels)
    if layout is None:
        logger.warning("the audio's %d channels (%s) become stereo", source.channels, source.layout.name)
    return layout or "stereo"


def _supported_rate(codec: str, rate: int) -> int:
    """Return the lowest sample rate of an encoder that is not below `rate`, else its highest, in hertz."""
    rates = sorted(Codec(codec, "w").audio_rates or [rate])
    return next((each for each in rates if each >= rate), rates[-1])


def _can_copy(container: ContainerFormat, source: AudioStream) -> bool:
    # AAC from MPEG-TS has its configuration in every packet, and none that the file header could store.
    name = source.codec_context.codec.canonical_name if source.codec_context else ""
    return name in container.passthrough_audio_codecs and not (
        name == "aac" and not source.codec_context.extradata
    )
