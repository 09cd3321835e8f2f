"""Packet writer: joins recordings into one file without encoding their frames again."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.packet import Packet
from av.video.stream import VideoStream

from livecam.video.containers import ContainerFormat
from livecam.video.demux import demux_packets, ffmpeg_errors_as_os_errors, open_input, video_stream
from livecam.video.track_writer import TrackWriter


class EncodedFrame(NamedTuple):
    """An encoded frame.

    Attributes:
        packet: its packet.
        tick: when it is shown, in steps of the recording's time base.
        is_key: it is decoded without those before.
        headers: what the decoder needs beside the packets; equal for recordings with the same settings.
    """

    packet: Packet[VideoStream]
    tick: int
    is_key: bool
    headers: bytes


def read_encoded_frames(path: Path, time_base: Fraction, first_tick: int) -> Iterator[EncodedFrame]:
    """Yield the encoded frames of a recording that livecam wrote, which has no frame out of order.

    Args:
        path: the recording.
        time_base: seconds of one timestamp step of the result.
        first_tick: timestamp of its first frame in the result.

    Raises:
        VideoError: it can't be read.
    """
    with open_input(path) as container:
        stream = video_stream(container, path)
        headers = bytes(stream.codec_context.extradata or b"")
        for packet in demux_packets(container, stream):
            if packet.pts is not None and packet.size:
                tick = first_tick + round(packet.pts * packet.time_base / time_base)
                yield EncodedFrame(packet, tick, packet.is_keyframe, headers)


class PacketWriter(TrackWriter):
    """Writer of one video file that copies encoded frames."""

    def __init__(self, path: Path, container: ContainerFormat, like: Path, rate: Fraction) -> None:
        """Create the file.

        Args:
            path: the file to write.
            container: its format, which has a time base.
            like: a recording of that format with the same settings as those that are copied.
            rate: expected frames per second.

        Raises:
            OSError, ValueError: the file can't be opened, or `like` can't be read.
        """
        super().__init__(path, container, container.time_base or 1 / rate)
        with open_input(like) as source, ffmpeg_errors_as_os_errors():
            template = video_stream(source, like)
            self._headers = bytes(template.codec_context.extradata or b"")
            self._stream = self._output.add_stream_from_template(template)
            self._stream.codec_context.framerate = rate
            self._stream.time_base = self.time_base
            tag = template.codec_context.codec_tag
            if tag.isprintable():  # WebM has none
                # Without it, ProRes 4444 would become ProRes 422 HQ.
                self._stream.codec_context.codec_tag = tag
            # FFmpeg names the tag in lower or upper case, depending on the muxer.
            tags = {key.lower(): value for key, value in template.metadata.items()}
            if "alpha_mode" in tags:
                self._stream.metadata["alpha_mode"] = tags["alpha_mode"]

    def copy(self, frame: EncodedFrame) -> None:
        """Write an encoded frame; its timestamp is above that of the frame before.

        Raises:
            OSError: it can't be written, or it was encoded with other settings.
        """
        if frame.headers != self._headers:
            raise OSError("it was encoded with other settings, or by another version of its encoder")
        packet, step = frame.packet, self.time_base
        held, self._held_packet = self._held_packet, packet
        if held is not None:
            with ffmpeg_errors_as_os_errors():
                self._output.mux(held)
        duration = round((packet.duration or 0) * packet.time_base / step)
        packet.stream, packet.time_base = self._stream, step
        packet.pts = packet.dts = frame.tick
        packet.duration = duration

    def close(self) -> None:
        """Write the last frame and the end of the file."""
        with ffmpeg_errors_as_os_errors():
            self._mux_held_packet()
            self._output.close()
