"""Subtitle stream writer: converts text subtitles to the codec of a recording."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias, cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream as SubtitleStream

from livecam.video.containers import ContainerFormat
from livecam.video.metadata import copy_track_tags, tells_location

SubtitlePacket: TypeAlias = "Packet[SubtitleStream]"


class SubtitleStreamWriter:
    """One subtitle stream of an output file. Create it before the first packet is muxed."""

    def __init__(
        self,
        output: OutputContainer,
        container: ContainerFormat,
        source: SubtitleStream,
        start_seconds: float,
        *,
        keep_location: bool,
    ) -> None:
        """Add a stream like `source` to `output`.

        Args:
            output: the file.
            container: its format, which has a subtitle codec.
            source: the stream whose packets `convert` receives; text, not images.
            start_seconds: time of the source that becomes 0 in the file.
            keep_location: keep lines with coordinates, which drones write into subtitles.

        Raises:
            av.FFmpegError, OSError, ValueError: the stream can't be added.
        """
        self._start_seconds = start_seconds
        self._keep_location = keep_location
        self._decoder = source.codec_context
        self._decoder.open(strict=False)  # gives the styles, which the encoder needs
        self._stream = cast(SubtitleStream, output.add_stream(container.subtitle_codec or ""))
        # That of the video: FFmpeg's MP4 muxer compares the ticks of both to find where a line ends.
        self._stream.time_base = container.time_base
        self._stream.codec_context.subtitle_header = self._decoder.subtitle_header
        # A line without an end stays until the next one. FFmpeg writes ends into MP4, but none into MOV.
        self._writes_ends = container.muxer == "mov"
        self._last_start = 0  # in steps of the source's time base
        self._last_end: tuple[int, Fraction] | None = None
        copy_track_tags(source, self._stream)

    def convert(self, packet: SubtitlePacket) -> list[SubtitlePacket]:
        """Return the packets to mux for one packet of the source; none if it is damaged or left out."""
        if packet.pts is None or not packet.size or not packet.time_base:
            return []
        try:
            subtitle = self._decoder.decode2(packet)
            if subtitle is None or not len(subtitle) or self._is_left_out(packet):
                return []
            encoded = cast(SubtitlePacket, self._stream.codec_context.encode_subtitle(subtitle))
        except (av.FFmpegError, OSError):
            return []
        encoded.stream, encoded.time_base = self._stream, packet.time_base
        # Lines of a damaged file may be out of order; a muxer refuses that.
        start = max(self._last_start, packet.pts - round(self._start_seconds / packet.time_base))
        encoded.pts = encoded.dts = self._last_start = start
        encoded.duration = packet.duration or 0
        ends = self._end_line(encoded.pts)
        if self._writes_ends:
            self._last_end = encoded.pts + encoded.duration, packet.time_base
        return [*ends, encoded]

    def flush(self) -> list[SubtitlePacket]:
        """Return the packet that ends the last line, if the muxer writes none."""
        return self._end_line(None)

    def _end_line(self, next_start: int | None) -> list[SubtitlePacket]:
        """Return an empty line between the end of the last line and the next one, if they do not touch."""
        last_end, self._last_end = self._last_end, None
        if last_end is None or (next_start is not None and next_start <= last_end[0]):
            return []
        empty = cast(SubtitlePacket, Packet(bytes(2)))  # a length of 0
        empty.stream, empty.time_base = self._stream, last_end[1]
        empty.pts = empty.dts = last_end[0]
        empty.duration = 0 if next_start is None else next_start - last_end[0]
        return [empty]

    def _is_left_out(self, packet: SubtitlePacket) -> bool:
        return not self._keep_location and tells_location(bytes(packet).decode("utf-8", "replace"))


def can_convert(source: SubtitleStream) -> bool:
    """Return whether a subtitle stream is text; PyAV before 17 can't encode any."""
    context = source.codec_context
    return bool(context and context.codec.text_sub and hasattr(context, "encode_subtitle"))
