"""A media file as PyAV opens and decodes it, with its failures in our words."""

from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from livecam.core.errors import VideoError

# FFmpeg would show a text file as a terminal of the eighties.
_NO_VIDEO = frozenset({"tty", "bin", "xbin", "adf", "idf"})
_ATTACHED_PICTURE = 0x400


def open_input(path: Path) -> InputContainer:
    """Open a media file.

    Raises:
        VideoError: there is no such file, or FFmpeg makes nothing of it.
    """
    if not path.exists():
        raise VideoError(f"there is no file {path}; check the name")
    if not path.is_file():
        raise VideoError(f"{path} is no file; name a video file")
    try:
        # Absolute, as FFmpeg would read the "a:" of a relative "a:b.mp4" as a protocol.
        return av.open(str(path.absolute()), "r")
    except PermissionError as error:
        raise VideoError(f"may not read {path}; change its permissions") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path} is no video, or cut off before its index; try whether it plays") from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The pictures of an open file.

    Raises:
        VideoError: it holds none that move.
    """
    # The cover of a song is a video stream to FFmpeg.
    streams = [each for each in container.streams.video if not each.disposition & _ATTACHED_PICTURE]
    if not streams or container.format.name in _NO_VIDEO:
        raise VideoError(f"{path} holds no video; name a file with pictures in it")
    return streams[0]


def decode_frames(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
    """Whatever can be decoded: damaged packets are left out, and where reading ends the clip ends."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):
            return
        try:
            pictures = packet.decode()
        except (av.FFmpegError, OSError):
            continue
        yield from pictures
