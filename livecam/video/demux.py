"""Opens, demuxes and decodes media files with PyAV, and translates its errors."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from livecam.core.errors import VideoError
from livecam.core.media_types import is_heic
from livecam.video.timestamps import DiscontinuityBridge
from livecam.video.webp import is_animated_webp, webp_as_matroska

StreamT = TypeVar("StreamT", bound=Stream)

_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# FFmpeg renders text files as the screen of a terminal with these demuxers.
_TEXT_DEMUXERS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


@contextmanager
def ffmpeg_errors_as_os_errors() -> Iterator[None]:
    """Translate PyAV's errors into OSErrors with their `errno` and `strerror`; callers need no PyAV then."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise OSError(error.errno, error.strerror or str(error)) from error


def open_input(path: Path) -> InputContainer:
    """Open a media file.

    Raises:
        VideoError: there is no such file, or FFmpeg can't read it.
    """
    if not path.exists():
        raise VideoError(f"there is no file {path}", "check the name")
    if not path.is_file():
        raise VideoError(f"{path} is no file", "name a video file")
    if is_heic(path):
        # FFmpeg reads one of its tiles.
        raise VideoError(f"{path} is a HEIC picture, no video", "save it as JPEG")
    try:
        if is_animated_webp(path):
            return av.open(webp_as_matroska(path), "r")
        # Absolute, because FFmpeg reads the "a:" of a relative "a:b.mp4" as a protocol.
        return av.open(str(path.absolute()), "r")
    except VideoError:
        raise
    except PermissionError as error:
        raise VideoError(f"may not read {path}", "change its permissions") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"{path} is no video, or cut off before its index", "try whether it plays"
        ) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the video stream to show: the default one, else the largest; of equals the longest, the first.

    Raises:
        VideoError: it has none; the cover image of a song does not count.
    """
    # FFmpeg presents the cover image of a song as a video stream.
    streams = [each for each in container.streams.video if not each.disposition & _STILLS]
    if not streams or container.format.name in _TEXT_DEMUXERS:
        raise VideoError(f"{path} holds no video", "name a file with frames in it")
    chosen = [each for each in streams if each.disposition & Disposition.default] or streams
    # An AVIF has a still image beside its animation, both marked as default.
    return max(chosen, key=lambda each: (each.width * each.height, each.frames))


def demux_packets(
    container: InputContainer, *streams: StreamT, on_read_error: Callable[[], None] | None = None
) -> "Iterator[Packet[StreamT]]":
    """Yield the packets of some streams in file order; a read error calls `on_read_error` and ends them.

    Restarts and jumps of their times are bridged, see `DiscontinuityBridge`.
    """
    bridge = DiscontinuityBridge(container)
    selected = {stream.index for stream in streams}
    # All streams, because a shift that is found in one of them counts for the others.
    packets = cast("Iterator[Packet[StreamT]]", container.demux())
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.FFmpegError, OSError):
            if on_read_error:
                on_read_error()
            return
        bridge.correct(packet)
        if packet.stream.index in selected:
            yield packet


def declared_end(stream: VideoStream) -> float | None:
    """Return where a video stream ends by the header of its file, in seconds; None if that is an estimate.

    The other formats declare nothing: FFmpeg computes their duration from what the file holds.
    """
    tag = stream.metadata.get("DURATION", "")  # Matroska and WebM, "00:01:02.500000000"
    if re.fullmatch(r"\d+:\d\d:\d\d(\.\d+)?", tag):
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if "mov" not in stream.container.format.name.split(",") or not stream.duration or not stream.time_base:
        return None
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base)


def decode_frames(
    container: InputContainer, stream: VideoStream, on_read_error: Callable[[], None] | None = None
) -> Iterator[av.VideoFrame]:
    """Yield all frames that can be decoded; damaged packets are skipped, a read error ends the frames."""
    decoder = _alpha_decoder(stream)
    for packet in demux_packets(container, stream, on_read_error=on_read_error):
        try:
            frames = decoder.decode(packet) if decoder else packet.decode()
        except (av.FFmpegError, OSError):
            continue
        yield from frames


def _alpha_decoder(stream: VideoStream) -> VideoCodecContext | None:
    """Return a decoder for VP8 or VP9 with alpha, which FFmpeg's own decoders leave out; else None."""
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    # FFmpeg names the tag in lower or upper case, depending on the muxer.
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1" or name not in av.codecs_available:
        return None
    return cast(VideoCodecContext, av.CodecContext.create(name, "r"))
