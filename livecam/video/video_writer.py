"""A video file being written: PyAV's muxer and encoder behind write, mux and finish."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.video.audio import AudioStreamWriter
from livecam.video.colorspace import BT709, LIMITED, YuvConverter, default_matrix, pad_to_even
from livecam.video.containers import ContainerFormat

_KEY_SECONDS = 1
_MAX_REPEAT_SECONDS = 10


class VideoWriter:
    """Pictures and sound into one file. All methods but `abort` may raise av.FFmpegError or OSError."""

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
        self._container = container
        self._constant = container.time_base is None
        self.tick = container.time_base or 1 / rate
        """Seconds of one step of time stamps."""
        self.output = av.open(
            str(path), "w", format=container.muxer, container_options=dict(container.muxer_options)
        )
        pixel_format = container.alpha_pixel_format if transparent else container.pixel_format
        # A file that can't say which matrix it holds gets the one that players guess.
        matrix = default_matrix(size) if self._constant else BT709
        self._packer = YuvConverter(pixel_format or container.pixel_format, matrix)
        self._stream = self._add_stream(size, rate, self._packer.pixel_format, threads)
        if transparent:
            self._stream.metadata["alpha_mode"] = "1"
        self._last: av.VideoFrame | None = None
        self._last_tick = -1
        self._last_key: int | None = None

    def _add_stream(self, size: Size, rate: Fraction, pixel_format: str, threads: int) -> VideoStream:
        options = dict(self._container.codec_options)
        stream = cast(VideoStream, self.output.add_stream(self._container.codec, rate=rate, options=options))
        odd = 2 if self._container.even else 1
        stream.width, stream.height = size.width + size.width % odd, size.height + size.height % odd
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.time_base, context.thread_count = self.tick, threads
        # Live frames may come slowly: `write` asks for a key frame each second, this is only the cap.
        context.gop_size = max(1, round(rate * 2 * _KEY_SECONDS))
        context.color_range = LIMITED
        if not self._constant:
            context.colorspace = context.color_primaries = context.color_trc = BT709
        return stream

    def add_audio_stream(self, source: AudioStream, start_seconds: float) -> AudioStreamWriter | None:
        """Take up an audio stream, before the first frame; None when such a file carries no sound."""
        if not self._container.audio_codec:
            return None
        return AudioStreamWriter(self.output, self._container, source, start_seconds)

    def write(self, picture: NDArray[np.uint8], tick: int) -> None:
        """Add a frame or cutout shown from `time_base` on; ticks rise strictly."""
        packed = self._packer.to_video_frame(pad_to_even(picture) if self._container.even else picture)
        if self._constant and self._last:
            # A file without time stamps keeps time by repeating; after a long pause (laptop asleep) not.
            limit = round(_MAX_REPEAT_SECONDS / self.tick)
            for missing in range(max(self._last_tick + 1, tick - limit), tick):
                self._encode(self._last, missing)
        self._encode(packed, tick)
        self._last, self._last_tick = packed, tick

    def _encode(self, packed: av.VideoFrame, tick: int) -> None:
        packed.pts, packed.time_base = tick, self.tick
        packed.pict_type = av.video.frame.PictureType.NONE
        if self._last_key is None or (tick - self._last_key) * self.tick >= _KEY_SECONDS:
            packed.pict_type, self._last_key = av.video.frame.PictureType.I, tick
        self.output.mux(self._stream.encode(packed))

    def close(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        self.output.mux(self._stream.encode(None))
        self.output.close()

    def abort(self) -> None:
        """Let go of the file, ended in order if that is possible; quiet."""
        with suppress(av.FFmpegError, OSError):
            self.output.close()


def playable_seconds(path: Path) -> float:
    """Where the pictures of a video file end, which may be cut off; 0.0 when nothing plays."""
    end = 0.0
    try:
        with av.open(str(path)) as film:
            for packet in film.demux(film.streams.video[0]):
                if packet.pts is not None and not packet.is_corrupt:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except (av.FFmpegError, OSError, IndexError):
        pass
    return end
