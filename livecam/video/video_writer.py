"""Video writer: encodes frames and muxes them with audio into one file."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.video.codec_threads import limited
from livecam.video.colorspace import BT709, LIMITED_RANGE, YuvConverter, default_matrix, pad_to_even
from livecam.video.containers import ContainerFormat
from livecam.video.demux import ffmpeg_errors_as_os_errors
from livecam.video.timestamps import KEY_FRAME_SECONDS, KeyFrameSchedule
from livecam.video.track_writer import TrackWriter

_MAX_REPEAT_SECONDS = 10


class VideoWriter(TrackWriter):
    """Writer of one video file that encodes its frames."""

    def __init__(
        self,
        path: Path,
        container: ContainerFormat,
        size: Size,
        rate: Fraction,
        *,
        transparent: bool,
        threads: int,
    ) -> None:
        """Create the file.

        Args:
            path: the file to write.
            container: its format.
            size: size of the frames.
            rate: expected frames per second.
            transparent: write RGBA frames; the format must have an alpha pixel format.
            threads: number of encoder threads.

        Raises:
            OSError, ValueError: the file or its encoder can't be opened.
        """
        self._has_constant_rate = container.time_base is None
        super().__init__(path, container, container.time_base or 1 / rate)
        with ffmpeg_errors_as_os_errors():
            pixel_format = container.alpha_pixel_format if transparent else container.pixel_format
            # A format that can't store its color matrix gets the one that players assume.
            matrix = default_matrix(size) if self._has_constant_rate else BT709
            self._converter = YuvConverter(pixel_format or container.pixel_format, matrix)
            self._stream = self._add_stream(size, rate, self._converter.pixel_format, threads)
            name = container.bitstream_filter
            self._filter = BitStreamFilterContext(name, self._stream) if name else None
        if transparent:
            self._stream.metadata["alpha_mode"] = "1"
        self._last_frame: av.VideoFrame | None = None
        self._last_timestamp = -1
        self._key_frames = KeyFrameSchedule(self.time_base)
        # Only the last packet is held: while the encoder buffers frames, a later packet is certain.
        self._buffered_frames = 0

    def _add_stream(self, size: Size, rate: Fraction, pixel_format: str, threads: int) -> VideoStream:
        options = dict(self._container.codec_options)
        stream = cast(VideoStream, self._output.add_stream(self._container.codec, rate=rate, options=options))
        divisor = 2 if self._container.even else 1
        stream.width, stream.height = size.width + size.width % divisor, size.height + size.height % divisor
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base, context.thread_count = self.time_base, limited(threads)
        # `write` requests a key frame every second, also at a low live rate; this is only the upper limit.
        context.gop_size = max(1, round(rate * 2 * KEY_FRAME_SECONDS))
        context.color_range = LIMITED_RANGE
        if not self._has_constant_rate:
            context.colorspace = context.color_primaries = context.color_trc = BT709
        return stream

    def write(self, image: NDArray[np.uint8], timestamp: int) -> None:
        """Encode a frame.

        Args:
            image: uint8 RGB, or RGBA of a transparent file, shape (height, width, 3 or 4).
            timestamp: when the frame is shown, in steps of `time_base`; strictly increasing.
        """
        with ffmpeg_errors_as_os_errors():
            padded = pad_to_even(image) if self._container.even else image
            frame = self._converter.to_video_frame(padded)
            self._repeat_last_frame(timestamp)
            self._encode(frame, timestamp)
        self._last_frame, self._last_timestamp = frame, timestamp

    def _repeat_last_frame(self, end: int) -> None:
        """Write the last frame again up to `end`, exclusive, in a format without timestamps."""
        if self._has_constant_rate and self._last_frame:
            # Not so after a long pause (suspended laptop).
            limit = round(_MAX_REPEAT_SECONDS / self.time_base)
            for missing in range(max(self._last_timestamp + 1, end - limit), end):
                self._encode(self._last_frame, missing)

    def _encode(self, frame: av.VideoFrame, timestamp: int) -> None:
        frame.pts, frame.time_base = timestamp, self.time_base
        types = av.video.frame.PictureType
        frame.pict_type = types.I if self._key_frames.is_due(timestamp) else types.NONE
        self._buffered_frames += 1
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: Sequence[Packet[VideoStream]]) -> None:
        for packet in packets:
            held, self._held_packet = self._held_packet, self._filtered(packet)
            if held:
                self._output.mux(held)
        self._buffered_frames -= len(packets)
        if self._buffered_frames > 0:
            self._mux_held_packet()

    def _filtered(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        if self._filter is None:
            return packet
        time_base = packet.time_base  # the filter empties its input
        # These filters give one packet for each.
        (filtered,) = cast("list[Packet[VideoStream]]", self._filter.filter(packet))
        filtered.stream, filtered.time_base = self._stream, time_base
        return filtered

    def close(self) -> None:
        """Write what the encoder still buffers and the end of the file."""
        with ffmpeg_errors_as_os_errors():
            if self._end is not None:
                self._repeat_last_frame(self._end)
            self._mux(self._stream.encode(None))
            self._mux_held_packet()
            self._output.close()


def playable_seconds(path: Path) -> float:
    """Return where the frames of a video file end, which may be truncated; 0.0 if nothing plays."""
    end = 0.0
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is not None and not packet.is_corrupt:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except (av.FFmpegError, OSError, IndexError):
        pass
    return end
