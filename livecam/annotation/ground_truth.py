"""Known mattes of a source, in a video or a directory of images, frame by frame."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from livecam.annotation.media import MediaItem, collect_media, is_clip
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import to_gray

_BLACK, _WHITE = 3, 252
"""Gray levels that become 0 and 1: a video codec does not keep black and white exactly."""


class GroundTruthMattes:
    """The true mattes of one clip, or of images."""

    def __init__(self, path: Path, media: Sequence[MediaItem]) -> None:
        """Check that `path` can have the mattes of `media`.

        Args:
            path: a video, or a directory of images.
            media: one clip, or any number of images.

        Raises:
            UsageError: there are several clips, no mattes, another number of images, or a matte that fits
                several images.
        """
        self.path = path
        self._clip: MediaItem | None = None
        self._images: list[MediaItem] = []
        has_clip = any(item.is_video for item in media)
        if len(media) > 1 and has_clip:
            raise UsageError("--mattes belongs to one clip or to images; label one clip at a time")
        if path.is_file() and is_clip(path):
            (self._clip,) = collect_media([str(path)])
        else:
            self._images = [each for each in collect_media([str(path)]) if not each.is_video]
            if not self._images:
                raise UsageError(f"{path} holds no images; name a video or a folder of mattes")
        self._by_stem = {} if has_clip else self._match(media)

    def mattes(self, item: MediaItem, count: int) -> Iterator[Matte]:
        """Yield the matte of every frame of a media item in order, float32 (height, width) in [0, 1].

        Args:
            item: the clip or image.
            count: its number of frames.

        Raises:
            AnnotationError: there are more, or fewer, mattes than frames.
            VideoError, ImageError: a matte can't be read.
        """
        if not item.is_video:
            yield from (_to_matte(frame) for frame in self._frames([self._by_stem[item.stem]]))
            return
        number = 0
        for frame in self._frames(self._images):
            number += 1
            if number <= count:
                yield _to_matte(frame)
        if number != count:
            raise AnnotationError(
                f"{self.path} holds {number} mattes, {item.path} {count} frames; one for each is needed"
            )

    def check_count(self, item: MediaItem, count: int) -> None:
        """Count the mattes of a clip before any is used.

        Raises:
            AnnotationError: there are more, or fewer, mattes than frames.
        """
        if item.is_video:
            for _ in self.mattes(item, count):
                pass

    def _frames(self, images: Sequence[MediaItem]) -> Iterator[Frame]:
        for item in [self._clip] if self._clip else images:
            for indexed in item.frames():
                yield indexed.frame

    def _match(self, media: Sequence[MediaItem]) -> dict[str, MediaItem]:
        """Assign the mattes to images by file name (`_matte_stems`); in order, if as many and no name fits.

        Raises:
            UsageError: a matte is missing, or a name stands for several images or mattes.
        """
        if self._clip:
            if len(media) == 1:
                return {media[0].stem: self._clip}
            raise UsageError(f"{self.path} is a video; for images name a folder of mattes")
        by_name = {each.path.stem: each for each in self._images}
        stems = _matte_stems(media, by_name)
        named = {stem for stem in stems if stem in by_name}
        _check_unique(zip(stems, media, strict=True), named, "images", self.path)
        _check_unique(((each.path.stem, each) for each in self._images), named, "mattes", self.path)
        if len(named) == len(media):
            return {item.stem: by_name[stem] for stem, item in zip(stems, media, strict=True)}
        # With some names that fit, the order would give the matte of one image to another.
        if len(self._images) == len(media) and not named:
            return {item.stem: each for item, each in zip(media, self._images, strict=True)}
        missing = next(item.path.name for stem, item in zip(stems, media, strict=True) if stem not in by_name)
        raise UsageError(
            f"{self.path} holds {len(self._images)} mattes for {len(media)} images, and none "
            f"named like {missing}; give one for each, of the same name"
        )


def _matte_stems(media: Sequence[MediaItem], stems: Collection[str]) -> list[str]:
    """Return the stem of the matte of every image: the image's own, or that with what all mattes add.

    Many programs add the same ending to each name: ``a_mask.png``, ``a.matte.png`` or ``a.jpg.png`` for
    ``a.jpg``. If there are no such mattes, the stems of the images are returned.
    """
    own = [item.path.stem for item in media]
    if not own or any(stem in stems for stem in own):
        return own
    endings = sorted({stem.removeprefix(own[0]) for stem in stems if stem.startswith(own[0])})
    longer = [[stem + ending for stem in own] for ending in endings]
    longer.append([item.path.name for item in media])
    fitting = {tuple(names) for names in longer if all(name in stems for name in names)}
    return list(fitting.pop()) if len(fitting) == 1 else own


def _check_unique(
    items: Iterable[tuple[str, MediaItem]], names: Collection[str], kind: str, mattes: Path
) -> None:
    found: dict[str, Path] = {}
    for name, item in items:
        other = found.setdefault(name, item.path)
        if name in names and other != item.path:
            raise UsageError(
                f"two {kind} are named {item.path.stem}, {other} and {item.path}, so the mattes of {mattes} "
                "can't be matched by name; rename one, or label them one after the other"
            )


def check_size(matte: Matte, frame: Frame, path: Path) -> None:
    """Check that a matte has the size of its frame.

    Raises:
        AnnotationError: it has another size.
    """
    if Size.of(matte) != Size.of(frame):
        raise AnnotationError(
            f"the mattes of {path} are {Size.of(matte)}, the frames {Size.of(frame)}; make them the same size"
        )


def _to_matte(frame: Frame) -> Matte:
    gray = to_gray(frame)
    alpha = (gray.astype(np.float32) - _BLACK) / np.float32(_WHITE - _BLACK)
    return np.asarray(np.clip(alpha, 0.0, 1.0), np.float32)
