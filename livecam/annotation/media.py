"""Media items to annotate: clips and images, each with a unique name in the data set."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from livecam.core.errors import UsageError
from livecam.core.fileio import distinct_stem, list_inputs
from livecam.core.media_types import MediaType, detect_media_type, is_image, is_image_file, is_video_file
from livecam.core.paths import expand_user
from livecam.core.types import Frame
from livecam.imaging.image_io import read_image
from livecam.video.probe import is_moving
from livecam.video.video_reader import VideoReader

_MAX_SIDE = 1 << 20
"""More than any image has: images are never scaled down, because prompts are in their own pixels."""


class IndexedFrame(NamedTuple):
    """A frame of a clip with its number, from 0, and its time in seconds; an image has number 0."""

    number: int
    seconds: float
    frame: Frame


@dataclass(frozen=True)
class MediaItem:
    """A clip or an image.

    Attributes:
        stem: its name in the data set; unique, without white space.
        path: the file.
        is_video: whether it is a clip.
    """

    stem: str
    path: Path
    is_video: bool

    def name(self, number: int) -> str:
        """Return the name of frame `number` in the data set."""
        return f"{self.stem}-{number:06d}" if self.is_video else self.stem

    def frames(self) -> Iterator[IndexedFrame]:
        """Yield all frames in order.

        Raises:
            VideoError: the video can't be read, or has no frames.
            ImageError: the image can't be read.
        """
        if not self.is_video:
            yield IndexedFrame(0, 0.0, read_image(self.path, longest=_MAX_SIDE).image)
            return
        with VideoReader(self.path) as clip:
            for image, timestamp, number in clip.frames():
                yield IndexedFrame(number, timestamp, image)


def collect_media(sources: Sequence[str]) -> list[MediaItem]:
    """Return the clips and images that `sources` name, in order; those of a directory sorted by name.

    Raises:
        UsageError: there are none, a path does not exist, or a directory has neither clips nor images.
    """
    paths = [
        path
        for source in sources
        for path in list_inputs(expand_user(source), _is_media, "clip and no image")
    ]
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise UsageError("nothing to label: name clips, images or folders, or use --camera 0")
    found: list[MediaItem] = []
    taken: set[str] = set()
    for path in paths:
        found.append(MediaItem(distinct_stem(_stem(path), path, taken), path, is_clip(path)))
    return found


def is_clip(path: Path) -> bool:
    """Return whether a file is a video or an animated image, by its content."""
    if is_moving(path):
        return True
    # An unknown file that is named explicitly is left to the video decoder.
    return not is_image(path) and detect_media_type(path) is not MediaType.IMAGE


def _is_media(path: Path) -> bool:
    # A broken link counts: it is reported as unreadable later, like every other unreadable file.
    return is_image_file(path) or is_video_file(path)


def _stem(path: Path) -> str:
    """Return a name that is valid in the lists: one word, without a leading "#" or "."."""
    with suppress(ValueError):
        path = path.absolute()
    return re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:80] or "clip"
