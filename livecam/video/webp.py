"""Animated WebP: converted in memory to a video that FFmpeg decodes, without loss."""

import functools
import io
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from livecam.core.errors import VideoError

_TICK = Fraction(1, 1000)
_MAX_BYTES = 512 << 20
_ANIMATION_FLAG = 0x02
# Browsers show a frame that asks for 10 ms or less for 100 ms.
_MAX_UNSHOWN_MILLISECONDS = 10
_DEFAULT_MILLISECONDS = 100


def is_animated_webp(path: Path) -> bool:
    """Return whether a file is a WebP with the flag of an animation. FFmpeg 8.1 decodes none.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        start = file.read(21)
    return (
        len(start) == 21 and start[:4] + start[8:16] == b"RIFFWEBPVP8X" and bool(start[20] & _ANIMATION_FLAG)
    )


def webp_as_matroska(path: Path) -> io.BytesIO:
    """Return an animated WebP as a Matroska file in memory, with the time of each frame.

    Raises:
        VideoError: the file is damaged, or larger than 512 MiB as a video.
        OSError: the file can't be read.
    """
    status = path.stat()
    return io.BytesIO(_convert(path, status.st_mtime_ns, status.st_size))


@functools.lru_cache(maxsize=1)
def _convert(path: Path, changed_ns: int, size: int) -> bytes:
    """Convert a file. A background opens it for each loop, so that the last result is kept."""
    content = io.BytesIO()
    try:
        with Image.open(path, formats=("WEBP",)) as image:
            _write(image, content, path)
    except VideoError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on damage
        raise VideoError(
            f"{path} is damaged, or no WebP that can be read", "save it as a GIF or MP4"
        ) from error
    return content.getvalue()


def _write(image: Image.Image, content: io.BytesIO, path: Path) -> None:
    with av.open(content, "w", format="matroska") as output:
        image.load()  # Pillow knows the duration of a frame that is loaded
        rate = 1 / (_milliseconds(image) * _TICK)
        stream = cast(VideoStream, output.add_stream("ffv1", rate=rate))
        orientation = image.getexif()
        upright = ImageOps.exif_transpose(image)
        stream.width, stream.height, stream.pix_fmt = upright.width, upright.height, "bgra"
        stream.codec_context.time_base = _TICK
        milliseconds = 0
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            shown = image.convert("RGBA")
            # The orientation belongs to the file; Pillow lists it with the first frame only.
            shown.getexif().update(orientation)
            pixels = np.asarray(ImageOps.exif_transpose(shown))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="bgra")
            frame.pts, frame.time_base = milliseconds, _TICK
            duration = _milliseconds(image)
            for packet in stream.encode(frame):
                packet.duration = round(duration * _TICK / packet.time_base)
                output.mux(packet)
            milliseconds += duration
            if content.tell() > _MAX_BYTES:
                raise VideoError(f"{path} is too long for an animated image", "save it as MP4 or WebM")
        output.mux(stream.encode(None))


def _milliseconds(image: Image.Image) -> int:
    """Return the duration of the current frame."""
    duration = int(image.info.get("duration") or 0)
    return duration if duration > _MAX_UNSHOWN_MILLISECONDS else _DEFAULT_MILLISECONDS
