"""Media types of files by content and by name, and names of procedural backgrounds. Loads no NumPy.

`video.probe.is_moving` decides for one file whether it is read as an image or as a video. In a folder,
`is_image_file` and `is_video_file` look into the files whose name says nothing.
"""

import enum
import mimetypes
import os
import re
from contextlib import suppress
from pathlib import Path, PurePath

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".ppm", ".pgm",
    ".heic", ".heif", ".hif",
)  # fmt: skip
"""Still images that `imaging.image_io.read_image` decodes, in lower case, the most frequent first."""

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".ogv", ".wmv",
    ".flv", ".3gp", ".y4m", ".apng", ".mxf", ".nut", ".vob", ".asf",
)  # fmt: skip
"""Videos that `video.video_reader.VideoReader` decodes, in lower case, with those that livecam records."""

PROCEDURAL_NAMES = ("beach", "bokeh", "dusk", "paper", "studio", "waves")
"""The names of `backgrounds.procedural`, in alphabetical order, as the help lists them."""


_SIGNATURE_BYTES = 4096
_IMAGE_SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|BM.{4}\0\0\0\0|II\*\0|MM\0\*|GIF8[79]a"
    rb"|....ftyp(avi[fs]|mif1|msf1|heif|he[iv][cxms])|\0\0\0\x0cjP  |\xff\x4f\xff\x51|P[56]\s",
    re.DOTALL,
)
_BRAND_BYTES = 48
_HEIC_SIGNATURE = re.compile(rb"....ftyp(mif1|heif|hei[cxms])", re.DOTALL)
_VIDEO_SIGNATURES = re.compile(
    rb"\x1a\x45\xdf\xa3"  # Matroska, WebM
    rb"|RIFF....AVI |OggS|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\x06\x0e\x2b\x34\x02\x05\x01\x01"
    rb"|nut/multimedia container|YUV4MPEG2 |DKIF\0\0|\0\0\x01[\xba\xb3]"
    rb"|....(ftyp(?!M4A)|moov|mdat|wide|pnot)"  # MP4, MOV
    rb"|G.{187}G.{187}G|.{4}G.{191}G.{191}G",  # MPEG-TS, and M2TS of discs
    re.DOTALL,
)


class MediaType(enum.Enum):
    """What a file holds: one or more images, or a video."""

    IMAGE = "image"
    VIDEO = "video"


def detect_media_type(path: str | os.PathLike[str]) -> MediaType | None:
    """Return what a file holds by its first bytes; None if they are unknown or can't be read."""
    # Reading a named pipe or a device would wait, or take data from its reader.
    with suppress(OSError, ValueError):
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                start = file.read(_SIGNATURE_BYTES)
            if _IMAGE_SIGNATURES.match(start):
                return MediaType.IMAGE
            if _VIDEO_SIGNATURES.match(start):
                return MediaType.VIDEO
    return None


def is_heic(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a HEIC (HEIF) image by its first bytes; an AVIF is none."""
    with suppress(OSError, ValueError):
        with Path(path).open("rb") as file:
            start = file.read(_BRAND_BYTES)
        return _HEIC_SIGNATURE.match(start) is not None and b"avif" not in start
    return False


def is_image_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a file of a folder is an image: by its name, or by its content if that is unknown."""
    if is_image(path) or is_video(path):
        return is_image(path)
    return detect_media_type(path) is MediaType.IMAGE


def is_video_file(path: str | os.PathLike[str]) -> bool:
    """Return whether a file of a folder is a video: by its name, or by its content if the name is unknown."""
    if is_image(path) or is_video(path):
        return is_video(path)
    # Matroska, Ogg and ASF hold songs as well.
    is_audio = (mimetypes.guess_type(PurePath(path).name)[0] or "").startswith("audio/")
    return not is_audio and detect_media_type(path) is MediaType.VIDEO


def is_image(path: str | os.PathLike[str]) -> bool:
    """Return whether the name of a file is that of a still image; a GIF counts as one."""
    return PurePath(path).suffix.lower() in IMAGE_SUFFIXES


def is_video(path: str | os.PathLike[str]) -> bool:
    """Return whether the name of a file is that of a video.

    The system's table of media types adds suffixes that livecam does not list itself.
    """
    suffix = PurePath(path).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return True
    kind = mimetypes.guess_type(f"name{suffix}")[0] or ""
    return suffix not in IMAGE_SUFFIXES and kind.startswith("video/")
