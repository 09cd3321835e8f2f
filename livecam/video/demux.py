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
from livecam.video.timestamps import DiscontinuityBridge, GifDelays
from livecam.video.webp import is_animated_webp, webp_as_matroska

StreamT = TypeVar("StreamT", bound=Stream)

_STILLS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# FFmpeg renders text files as the screen of a terminal with these demuxers.
_MAX_FRAME_HEADER = 64  # bytes, of Y4M
# NUT ends with an index, which begins so.
_NUT_INDEX = b"NX\xdd\x67\x2f\x23\xe6\x4e"
_TRANSPORT_PACKETS = (188, 192)  # bytes
_TRANSPORT_SYNC = 0x47
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

    Restarts and jumps of their times are bridged, see `DiscontinuityBridge`. A last packet that is cut off
    counts as a read error.
    """
    bridge = DiscontinuityBridge(container)
    delays = GifDelays() if container.format.name == "gif" else None
    selected = {stream.index for stream in streams}
    # All streams, because a shift that is found in one of them counts for the others.
    packets = cast("Iterator[Packet[StreamT]]", container.demux())
    last: Packet[StreamT] | None = None
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            if on_read_error and last is not None and _is_cut_off(container, last):
                on_read_error()
            return
        except (av.FFmpegError, OSError):
            if on_read_error:
                on_read_error()
            return
        if packet.size:  # PyAV ends each stream with an empty one
            last = packet
        bridge.correct(packet)
        if delays:
            delays.correct(packet)
        if packet.stream.index in selected:
            yield packet


def _is_cut_off(container: InputContainer, last: "Packet[StreamT]") -> bool:
    """Return whether the file ends within a packet that follows the last one, or within that one."""
    format_name, end = container.format.name, (last.pos or 0) + last.size
    # FFmpeg marks no packet of these two as incomplete.
    if format_name == "yuv4mpegpipe":
        return container.size - end > _MAX_FRAME_HEADER
    if format_name == "nut":
        with Path(container.name).open("rb") as file:
            file.seek(end)
            return _NUT_INDEX not in file.read()
    return last.is_corrupt


def declared_end(stream: VideoStream) -> float | None:
    """Return where a video stream ends by the header of its file, in seconds; None if that is an estimate.

    The other formats declare nothing: FFmpeg computes their duration from what the file holds.
    """
    formats = set(stream.container.format.name.split(","))
    tag = stream.metadata.get("DURATION", "")  # Matroska and WebM, "00:01:02.500000000"
    if re.fullmatch(r"\d+:\d\d:\d\d(\.\d+)?", tag):
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if "avi" in formats and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)
    container = cast(InputContainer, stream.container)
    if "flv" in formats and container.duration:
        return float(container.duration / av.time_base)
    if not formats & {"mov", "mxf"} or not stream.duration or not stream.time_base:
        return None
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base)


def ends_within_packet(path: Path, format_name: str) -> bool:
    """Return whether a transport stream ends in the middle of a packet, as one that was cut off does.

    Its packets have 188 bytes, on discs 192; it may begin in the middle of one.
    """
    if format_name != "mpegts":
        return False
    with path.open("rb") as file:
        start = file.read(5 * max(_TRANSPORT_PACKETS))
    size = path.stat().st_size
    for length in _TRANSPORT_PACKETS:
        for first in range(length):
            if set(start[first::length][:4]) == {_TRANSPORT_SYNC}:
                # A disc's packet begins 4 bytes before the sync byte.
                return (size - first + (length - _TRANSPORT_PACKETS[0])) % length != 0
    return False


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
