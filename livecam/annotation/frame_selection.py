"""Which frames of a clip are worth a label: those that differ, and the sharp ones first."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.media import IndexedFrame, MediaItem
from livecam.annotation.store import CHOSEN, READ_HINT
from livecam.core.fileio import json_bytes, read_json, translate_os_errors, write_atomic
from livecam.core.geometry import Size
from livecam.imaging.ops import downscale, to_gray

MIN_DIFFERENCE = 1.0
"""Frames that differ by less (root mean square of their small signatures, levels of 255) show the same."""
_SIGNATURE = Size(16, 9)
_LOOK = 360
"""The longest side, in pixels, at which sharpness is measured."""
_MOST = 512
"""Frames that are remembered of a clip, however long it is."""
_EARLY = 8
"""The first chosen frame is the sharpest of so many, so that points can be read off the clip's beginning."""
_SHARP = 0.5
"""Of the clip's median sharpness; what has less is taken only where nothing sharp is left that differs."""


class FrameSignature(NamedTuple):
    """What is remembered of a frame: uint8 (9, 16, 3), and the variance of its Laplacian."""

    number: int
    signature: NDArray[np.uint8]
    sharpness: float


def compute_signature(moment: IndexedFrame) -> FrameSignature:
    """Look at a frame."""
    small = downscale(moment.frame, Size.of(moment.frame).fit_within(_LOOK))
    edges = cv2.Laplacian(to_gray(small), cv2.CV_32F)
    return FrameSignature(moment.number, downscale(small, _SIGNATURE), float(edges.var()))


class SignatureBuffer:
    """Glances at a clip of any length in bounded memory: the sharpest of each stretch."""

    def __init__(self, wanted: Collection[int] = (), most: int = _MOST) -> None:
        """`wanted`: numbers of frames that are kept whatever else."""
        self.count = 0
        """How many frames were looked at."""
        self._wanted, self._most, self._stretch = frozenset(wanted), most, 1
        self._kept: list[FrameSignature] = []
        self._sure: list[FrameSignature] = []

    def add(self, moment: IndexedFrame) -> None:
        """Look at the next frame."""
        self.count += 1
        seen = compute_signature(moment)
        (self._sure if seen.number in self._wanted else self._kept).append(seen)
        while len(self._kept) > self._most * 2:
            self._stretch *= 2
            self._kept = _thin(self._kept, self._stretch)

    def select_frames(self, most: int) -> list[int]:
        """The numbers of at most `most` frames, in the clip's order; and of all wanted ones, however many."""
        return select_frames([*self._sure, *self._kept], most, [seen.number for seen in self._sure])


def select_frames(glances: Sequence[FrameSignature], most: int, wanted: Collection[int] = ()) -> list[int]:
    """Farthest first: each next frame is the one that differs most from all chosen so far.

    The first is the sharpest of the clip's first few sharp ones. Sharp frames are used up before blurred
    ones, and what looks like a chosen frame already is left out, so that there may be fewer than `most`.
    """
    if not glances:
        return []
    seen = sorted(glances, key=lambda each: each.number)
    light = np.stack([each.signature.reshape(-1) for each in seen]).astype(np.float32)
    sharpness = np.array([each.sharpness for each in seen])
    sharp = sharpness >= _SHARP * np.median(sharpness)
    early = np.flatnonzero(sharp)[:_EARLY]
    first = int(early[np.argmax(sharpness[early])])
    chosen = [first, *(i for i, each in enumerate(seen) if each.number in wanted and i != first)]
    far = np.min([_distances(light, i) for i in chosen], axis=0)
    for group in (sharp, ~sharp):
        while len(chosen) < most:
            left = np.where(group, far, -1.0)
            best = int(np.argmax(left))
            if left[best] < MIN_DIFFERENCE:
                break
            chosen.append(best)
            far = np.minimum(far, _distances(light, best))
    return sorted(seen[i].number for i in chosen)


def _distances(light: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    return np.asarray(np.sqrt(np.mean((light - light[place]) ** 2, axis=1)), np.float32)


def _thin(glances: list[FrameSignature], stretch: int) -> list[FrameSignature]:
    stretches = groupby(glances, lambda each: each.number // stretch)
    return [max(group, key=lambda each: each.sharpness) for _, group in stretches]


Watch = Callable[[int], None]


@dataclass(frozen=True)
class FramePlan:
    """What is done with a material: the numbers of the frames to label, of so many of one size."""

    media: MediaItem
    selected: tuple[int, ...]
    frame_count: int
    size: Size

    def selected_frames(self) -> Iterator[IndexedFrame]:
        """The frames up to the last chosen one.

        Raises:
            VideoError, ImageError: it can't be read any more.
        """
        for moment in self.media.frames():
            yield moment
            if moment.number >= self.selected[-1]:
                return


def plan_frames(
    material: MediaItem, folder: Path, most: int, wanted: Collection[int], watch: Watch = lambda number: None
) -> FramePlan:
    """Look through a clip, or read back what was decided when that was done before.

    Args:
        material: the clip or picture.
        folder: the data set.
        most: frames to label.
        wanted: numbers of frames that are labelled in any case.
        watch: hears how many frames were looked at.

    Raises:
        VideoError, ImageError: it can't be read, or has no frames.
        AnnotationError: the data set can't be read or written.
    """
    path = folder / CHOSEN
    kept: dict[str, Any] = read_json(path, missing={}, hint=READ_HINT)
    if material.stem not in kept:
        kept[material.stem] = _look(material, most, wanted, watch)
        with translate_os_errors(folder):
            write_atomic(path, json_bytes(kept))
    plain = kept[material.stem]
    return FramePlan(material, tuple(plain["chosen"]), int(plain["frames"]), Size(*plain["size"]))


def _look(material: MediaItem, most: int, wanted: Collection[int], watch: Watch) -> dict[str, Any]:
    glances, size = SignatureBuffer(wanted), Size(0, 0)
    for moment in material.frames():
        size = Size.of(moment.frame)
        glances.add(moment)
        watch(glances.count)
    return {"frames": glances.count, "size": list(size), "chosen": glances.select_frames(most)}
