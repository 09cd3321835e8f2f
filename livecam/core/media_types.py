"""Suffixes of images and videos, and names of procedural backgrounds. Loads no NumPy.

Every part of livecam that decides by a file's name whether it is an image or a video asks here. A GIF is
both: `imaging.image_io.is_animated_gif` reads the file to tell the two kinds apart.
"""

import mimetypes
import os
from pathlib import PurePath

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".jp2", ".ppm", ".pgm",
)  # fmt: skip
"""Still images that `imaging.image_io.read_image` decodes, in lower case, the most frequent first."""

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".ogv", ".wmv",
    ".flv", ".3gp", ".y4m", ".apng",
)  # fmt: skip
"""Videos that `video.video_reader.VideoReader` decodes, in lower case, with those that livecam records."""

PROCEDURAL_NAMES = ("beach", "bokeh", "dusk", "paper", "studio", "waves")
"""The names of `backgrounds.procedural`, in alphabetical order, as the help lists them."""


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
