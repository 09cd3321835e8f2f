"""Split into training and test frames by clip: neighboring frames in both would inflate the test figures."""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

_TEST_FRACTION = 0.2
_MAX_TEST_FRACTION = 1 / 3
_GAP_SECONDS, _GAP_FRACTION = 1.0, 0.1
"""Gap between the training and the test part of one clip: seconds, but at most this fraction of the clip."""


class FrameRef(NamedTuple):
    """Origin of an annotated frame.

    Attributes:
        name: its name in the data set.
        stem: stem of its clip or image.
        number: frame number in the clip.
        seconds: time in the clip.
    """

    name: str
    stem: str
    number: int
    seconds: float


class Split(NamedTuple):
    """Names for ``trainval.txt`` and ``test.txt``; `note` says what is special about the split, or ""."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    note: str = ""


def split_by_clip(frames: Sequence[FrameRef]) -> Split:
    """Assign each clip and each image as a whole, by a hash of its stem: about a fifth is test.

    If one side would be empty, it gets the clip with the nearest hash. Of a single clip, the last fifth is
    test, and frames within a second before it (less in a short clip) are in neither list.
    """
    stems = sorted({frame.stem for frame in frames}, key=_stable_hash01)
    if len(stems) < 2:
        return _split_one_clip(sorted(frames, key=lambda frame: frame.number))
    count = min(max(1, sum(_stable_hash01(stem) < _TEST_FRACTION for stem in stems)), len(stems) - 1)
    test_stems = set(stems[:count])
    return Split(
        tuple(frame.name for frame in frames if frame.stem not in test_stems),
        tuple(frame.name for frame in frames if frame.stem in test_stems),
    )


def _stable_hash01(stem: str) -> float:
    """Return a number in [0, 1) that depends on the stem only, in every version and process."""
    return int.from_bytes(hashlib.sha256(stem.encode()).digest()[:6], "big") / 2**48


def _split_one_clip(frames: Sequence[FrameRef]) -> Split:
    names = tuple(frame.name for frame in frames)
    if len(names) < 2:
        note = "there is one frame only: it is both for training and for testing" if names else ""
        return Split(names, names, note)
    start, duration = frames[0].seconds, frames[-1].seconds - frames[0].seconds
    late = sum(frame.seconds - start >= (1 - _TEST_FRACTION) * duration for frame in frames)
    # The last fifth of the time, but at least a fifth and at most a third of the frames.
    count = max(math.ceil(len(names) * _TEST_FRACTION), min(late, int(len(names) * _MAX_TEST_FRACTION)))
    gap_start = frames[-count].seconds - min(_GAP_SECONDS, _GAP_FRACTION * duration)
    train = tuple(frame.name for frame in frames[:-count] if frame.seconds < gap_start) or names[:1]
    unused = len(names) - count - len(train)
    note = f"one clip only: its last {count} frames are for testing"
    return Split(train, names[-count:], note + (f", {unused} before them for neither" if unused else ""))
