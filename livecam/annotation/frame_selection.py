"""Selection of the frames of a clip to annotate: frames that differ from each other, sharp ones first."""

import time
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
"""Root mean square difference of two signatures, in levels of 255, below which frames show the same."""
_SIGNATURE_SIZE = Size(16, 9)
_SHARPNESS_SIDE = 360  # pixels of the longer side at which sharpness is measured
_BUFFER_SIZE = 512  # signatures kept for one clip, however long it is
_FIRST_CANDIDATES = 8
"""The first selected frame is the sharpest of so many frames at the start of the clip, because a user reads
the coordinates of a prompt off the start."""
_MIN_SHARPNESS = 0.5
"""Fraction of the clip's median sharpness; blurred frames are selected only if no sharp one differs."""
WRITE_SECONDS = 1.0
"""How long a selection may wait until it is written."""


class FrameSignature(NamedTuple):
    """What is kept of a frame.

    Attributes:
        number: frame number in the clip.
        signature: uint8 (9, 16, 3), the downscaled frame.
        sharpness: variance of the Laplacian.
    """

    number: int
    signature: NDArray[np.uint8]
    sharpness: float


def compute_signature(indexed: IndexedFrame) -> FrameSignature:
    """Compute the signature of a frame."""
    small = downscale(indexed.frame, Size.of(indexed.frame).fit_within(_SHARPNESS_SIDE))
    edges = cv2.Laplacian(to_gray(small), cv2.CV_32F)
    return FrameSignature(indexed.number, downscale(small, _SIGNATURE_SIZE), float(edges.var()))


class SignatureBuffer:
    """Signatures of a clip of any length in bounded memory: the sharpest frame of each interval.

    Attributes:
        count: number of frames added.
    """

    def __init__(self, required: Collection[int] = (), capacity: int = _BUFFER_SIZE) -> None:
        """Create an empty buffer.

        Args:
            required: numbers of frames that are selected in any case.
            capacity: signatures to keep; twice as many exist before they are thinned.
        """
        self.count = 0
        self._required, self._capacity, self._interval = frozenset(required), capacity, 1
        self._optional_signatures: list[FrameSignature] = []
        self._required_signatures: list[FrameSignature] = []

    def add(self, indexed: IndexedFrame) -> None:
        """Add the next frame of the clip."""
        self.count += 1
        signature = compute_signature(indexed)
        if signature.number in self._required:
            self._required_signatures.append(signature)
        else:
            self._optional_signatures.append(signature)
        while len(self._optional_signatures) > self._capacity * 2:
            self._interval *= 2
            self._optional_signatures = _sharpest_per_interval(self._optional_signatures, self._interval)

    def select_frames(self, count: int) -> list[int]:
        """Return the numbers of at most `count` frames in order; all required frames are among them."""
        required = [each.number for each in self._required_signatures]
        return select_frames([*self._required_signatures, *self._optional_signatures], count, required)


def select_frames(
    signatures: Sequence[FrameSignature], count: int, required: Collection[int] = ()
) -> list[int]:
    """Select frames by farthest-point sampling: each next frame differs most from all selected ones.

    The first one is the sharpest of the clip's first sharp frames. Blurred frames come after all sharp ones.
    A frame that looks like a selected one is left out, so the result may have fewer than `count` frames.

    Returns:
        Frame numbers in order; more than `count` if more are required.
    """
    if not signatures:
        return []
    ordered = sorted(signatures, key=lambda each: each.number)
    pixels = np.stack([each.signature.reshape(-1) for each in ordered]).astype(np.float32)
    sharpness = np.array([each.sharpness for each in ordered])
    is_sharp = sharpness >= _MIN_SHARPNESS * np.median(sharpness)
    start = np.flatnonzero(is_sharp)[:_FIRST_CANDIDATES]
    first = int(start[np.argmax(sharpness[start])])
    selected = [first, *(i for i, each in enumerate(ordered) if each.number in required and i != first)]
    distance = np.min([_distances(pixels, i) for i in selected], axis=0)
    for group in (is_sharp, ~is_sharp):
        while len(selected) < count:
            candidates = np.where(group, distance, -1.0)
            best = int(np.argmax(candidates))
            if candidates[best] < MIN_DIFFERENCE:
                break
            selected.append(best)
            distance = np.minimum(distance, _distances(pixels, best))
    return sorted(ordered[i].number for i in selected)


def _distances(pixels: NDArray[np.float32], index: int) -> NDArray[np.float32]:
    """Return the root mean square difference of each row to the row at `index`."""
    return np.asarray(np.sqrt(np.mean((pixels - pixels[index]) ** 2, axis=1)), np.float32)


def _sharpest_per_interval(signatures: list[FrameSignature], interval: int) -> list[FrameSignature]:
    groups = groupby(signatures, lambda each: each.number // interval)
    return [max(group, key=lambda each: each.sharpness) for _, group in groups]


@dataclass(frozen=True)
class FramePlan:
    """The frames of a media item to annotate.

    Attributes:
        media: the clip or image.
        selected: frame numbers in order.
        frame_count: number of all frames.
        size: size of the frames.
    """

    media: MediaItem
    selected: tuple[int, ...]
    frame_count: int
    size: Size

    def selected_frames(self) -> Iterator[IndexedFrame]:
        """Yield all frames up to the last selected one: tracking needs the frames between them too.

        Raises:
            VideoError, ImageError: the item can't be read any more.
        """
        for indexed in self.media.frames():
            yield indexed
            if indexed.number >= self.selected[-1]:
                return


class SelectionStore:
    """The selected frames of all media items, in `CHOSEN` of the data set's folder. Used by one thread."""

    def __init__(self, folder: Path) -> None:
        """Read the selections of an earlier run.

        Raises:
            AnnotationError: they can't be read.
        """
        self._folder, self._written = folder, time.monotonic()
        self._entries: dict[str, Any] = read_json(folder / CHOSEN, missing={}, hint=READ_HINT)

    def __contains__(self, item: MediaItem) -> bool:
        return item.stem in self._entries

    def add(self, item: MediaItem, entry: dict[str, Any]) -> None:
        """Store the result of `select_item`; it is on the disk after `WRITE_SECONDS` or `write`.

        Raises:
            AnnotationError: it can't be written.
        """
        self._entries[item.stem] = entry
        # Not each one at once: with thousands of images that would be most of the work.
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def plan(self, item: MediaItem) -> FramePlan:
        """Return the plan of a media item."""
        entry = self._entries[item.stem]
        return FramePlan(item, tuple(entry["chosen"]), int(entry["frames"]), Size(*entry["size"]))

    def write(self, order: Sequence[MediaItem] = ()) -> None:
        """Write the file, with the selections of `order` in this order.

        Raises:
            AnnotationError: it can't be written.
        """
        ordered = {item.stem: self._entries[item.stem] for item in order if item in self}
        self._entries = {stem: each for stem, each in self._entries.items() if stem not in ordered} | ordered
        with translate_os_errors(self._folder):
            write_atomic(self._folder / CHOSEN, json_bytes(self._entries))
        self._written = time.monotonic()


def select_item(
    item: MediaItem,
    count: int,
    required: Collection[int] = (),
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Select the frames of a media item; return them as JSON values for `SelectionStore`.

    Args:
        item: the clip or image.
        count: maximum number of frames.
        required: numbers of frames that are selected in any case.
        progress: receives the number of frames read so far.

    Raises:
        VideoError, ImageError: the item can't be read, or has no frames.
    """
    buffer, size = SignatureBuffer(required), Size(0, 0)
    for indexed in item.frames():
        size = Size.of(indexed.frame)
        buffer.add(indexed)
        progress(buffer.count)
    return {"frames": buffer.count, "size": list(size), "chosen": buffer.select_frames(count)}
