"""Mattes that are known already, in a video or a folder of pictures, frame for frame beside the source."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from livecam.annotation.media import MediaItem, collect_media, is_clip
from livecam.core.errors import AnnotationError, UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import to_gray

_BLACK, _WHITE = 3, 252
"""A video codec's nearly black and nearly white are black and white."""


class GroundTruthMattes:
    """True mattes for one clip, or for pictures, in a video or in pictures."""

    def __init__(self, path: Path, materials: Sequence[MediaItem]) -> None:
        """See that `path` can hold the mattes of `materials`.

        Raises:
            UsageError: it can't: several clips, no mattes, or another number of pictures.
        """
        self.path = path
        self._clip: MediaItem | None = None
        self._pictures: list[MediaItem] = []
        moving = [material for material in materials if material.is_video]
        if len(materials) > 1 and moving:
            raise UsageError("--mattes belongs to one clip or to pictures; label one clip at a time")
        if path.is_file() and is_clip(path):
            (self._clip,) = collect_media([str(path)])
        else:
            self._pictures = [each for each in collect_media([str(path)]) if not each.is_video]
            if not self._pictures:
                raise UsageError(f"{path} holds no pictures; name a video or a folder of mattes")
        if not moving:
            self._match(materials)

    def mattes(self, material: MediaItem, count: int) -> Iterator[Matte]:
        """The matte of every frame of a material, in order, each float32 (height, width).

        Args:
            material: which one.
            count: how many frames it has.

        Raises:
            AnnotationError: there are more, or fewer, mattes than frames.
            VideoError, ImageError: one can't be read.
        """
        if not material.is_video:
            yield from (_matte(frame) for frame in self._frames([self._of[material.stem]]))
            return
        number = 0
        for frame in self._frames(self._pictures):
            number += 1
            if number <= count:
                yield _matte(frame)
        if number != count:
            raise AnnotationError(
                f"{self.path} holds {number} mattes, {material.path} {count} frames; one for each is needed"
            )

    def check_count(self, material: MediaItem, count: int) -> None:
        """Count the mattes of a clip before any is used.

        Raises:
            AnnotationError: there are more, or fewer, than frames.
        """
        if material.is_video:
            for _ in self.mattes(material, count):
                pass

    def _frames(self, pictures: Sequence[MediaItem]) -> Iterator[Frame]:
        for material in [self._clip] if self._clip else pictures:
            for moment in material.frames():
                yield moment.frame

    def _match(self, materials: Sequence[MediaItem]) -> None:
        """Pictures by their names, or else in order where there are as many."""
        if self._clip:
            if len(materials) == 1:
                self._of = {materials[0].stem: self._clip}
                return
            raise UsageError(f"{self.path} is a video; for pictures name a folder of mattes")
        named = {each.path.stem: each for each in self._pictures}
        if all(material.path.stem in named for material in materials):
            self._of = {material.stem: named[material.path.stem] for material in materials}
        elif len(self._pictures) == len(materials):
            self._of = {m.stem: each for m, each in zip(materials, self._pictures, strict=True)}
        else:
            lacking = next(m.path.name for m in materials if m.path.stem not in named)
            raise UsageError(
                f"{self.path} holds {len(self._pictures)} mattes for {len(materials)} pictures, and none "
                f"named like {lacking}; give one for each, of the same name"
            )


def check_size(matte: Matte, frame: Frame, path: Path) -> None:
    """See that a matte is as large as its frame.

    Raises:
        AnnotationError: it is not.
    """
    if Size.of(matte) != Size.of(frame):
        raise AnnotationError(
            f"the mattes of {path} are {Size.of(matte)}, the frames {Size.of(frame)}; make them the same size"
        )


def _matte(frame: Frame) -> Matte:
    levels = to_gray(frame)
    share = (levels.astype(np.float32) - _BLACK) / np.float32(_WHITE - _BLACK)
    return np.asarray(np.clip(share, 0.0, 1.0), np.float32)
