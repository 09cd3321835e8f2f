"""What is to be labelled: clips and pictures, and folders of either, each with a name of its own."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from livecam.core.errors import UsageError
from livecam.core.fileio import not_found_message, os_error_reason
from livecam.core.media_types import is_image, is_video
from livecam.core.types import Frame
from livecam.imaging.image_io import is_animated_gif, read_image
from livecam.video.video_reader import VideoReader

_WHOLE = 1 << 20
"""Longer than any picture: points are given in its own pixels, so it is read at its own size."""


class IndexedFrame(NamedTuple):
    """A frame of a clip with its number, from 0, and its time; or a picture, whose number is 0."""

    number: int
    seconds: float
    frame: Frame


@dataclass(frozen=True)
class MediaItem:
    """A clip or a picture. `stem` names it in the data set: no other has it, and it holds no white space."""

    stem: str
    path: Path
    is_video: bool

    def name(self, number: int) -> str:
        """What frame `number` is called in the data set."""
        return f"{self.stem}-{number:06d}" if self.is_video else self.stem

    def frames(self) -> Iterator[IndexedFrame]:
        """Every frame in order, one at a time.

        Raises:
            VideoError: the video can't be read, or nothing in it is a picture.
            ImageError: the picture can't be read.
        """
        if not self.is_video:
            yield IndexedFrame(0, 0.0, read_image(self.path, longest=_WHOLE).image)
            return
        with VideoReader(self.path) as clip:
            for image, timestamp, number in clip.frames():
                yield IndexedFrame(number, timestamp, image)


def collect_media(sources: Sequence[str]) -> list[MediaItem]:
    """The clips and pictures that `sources` name, in that order; those of a folder by their names.

    Raises:
        UsageError: there is none, a name leads nowhere, or a folder holds neither clips nor pictures.
    """
    paths = [path for words in sources for path in _expand(Path(words).expanduser())]
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise UsageError("nothing to label: name clips, pictures or folders, or use --camera 0")
    found: list[MediaItem] = []
    taken: set[str] = set()
    for path in paths:
        stem = _stem(path)
        if stem.casefold() in taken:
            stem += "-" + hashlib.sha1(str(path.absolute()).encode(), usedforsecurity=False).hexdigest()[:6]
        taken.add(stem.casefold())
        found.append(MediaItem(stem, path, is_clip(path)))
    return found


def is_clip(path: Path) -> bool:
    """Whether a file is a video, by its name, and a GIF by what is in it."""
    if path.suffix.lower() == ".gif":
        return is_animated_gif(path)
    # A file with an unknown suffix that is named explicitly is left to the video decoder.
    return not is_image(path)


def _expand(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            if not path.exists():
                raise UsageError(not_found_message(path))
            return [path]
        found = sorted(each for each in path.iterdir() if _is_material(each))
    except OSError as error:
        raise UsageError(f"{path} can't be opened ({os_error_reason(error)}); check the path") from error
    if not found:
        raise UsageError(f"{path} holds no clip and no picture; name another folder")
    return found


def _is_material(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    known = is_image(path) or is_video(path)
    # A broken link counts: that it can't be read is told then, like every other unreadable file.
    return known and not path.is_dir()


def _stem(path: Path) -> str:
    """What lists can hold: one word, not a comment, hidden nowhere."""
    with suppress(ValueError):
        path = path.absolute()
    return re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:80] or "clip"
