"""Train and test by clip, not by frame: neighbours of training frames praise what was learnt by heart."""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

_TEST_SHARE = 0.2
_MOST_TEST = 1 / 3
_GAP_SECONDS, _GAP_SHARE = 1.0, 0.1
"""Between the training and the testing part of one clip, in seconds, but no more of it than this share."""


class FrameRef(NamedTuple):
    """Where a labelled frame comes from: the stem of its clip or picture, its number and time there."""

    name: str
    stem: str
    number: int
    seconds: float


class Split(NamedTuple):
    """Names for ``trainval.txt`` and ``test.txt``; `note` says what was special, or nothing."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    note: str = ""


def split_by_clip(places: Sequence[FrameRef]) -> Split:
    """Each clip, and each picture, goes to one side as a whole, by its stem alone: about a fifth to test.

    Were one side empty, the clip nearest to it goes there. Of a single clip the last fifth is test, and what
    lies within a second before it (in a short clip less) is used for neither.
    """
    stems = sorted({place.stem for place in places}, key=_stable_hash01)
    if len(stems) < 2:
        return _split_one(sorted(places, key=lambda place: place.number))
    count = min(max(1, sum(_stable_hash01(stem) < _TEST_SHARE for stem in stems)), len(stems) - 1)
    testing = set(stems[:count])
    return Split(
        tuple(place.name for place in places if place.stem not in testing),
        tuple(place.name for place in places if place.stem in testing),
    )


def _stable_hash01(stem: str) -> float:
    """A number in [0, 1) that is a stem's own for ever."""
    return int.from_bytes(hashlib.sha256(stem.encode()).digest()[:6], "big") / 2**48


def _split_one(places: Sequence[FrameRef]) -> Split:
    names = tuple(place.name for place in places)
    if len(names) < 2:
        note = "there is one frame only: it is both for training and for testing" if names else ""
        return Split(names, names, note)
    first, span = places[0].seconds, places[-1].seconds - places[0].seconds
    late = sum(place.seconds - first >= (1 - _TEST_SHARE) * span for place in places)
    # The last fifth of the time and of the frames: where most happens at the end, not all of it.
    count = max(math.ceil(len(names) * _TEST_SHARE), min(late, int(len(names) * _MOST_TEST)))
    begin = places[-count].seconds - min(_GAP_SECONDS, _GAP_SHARE * span)
    train = tuple(place.name for place in places[:-count] if place.seconds < begin) or names[:1]
    unused = len(names) - count - len(train)
    note = f"one clip only: its last {count} frames are for testing"
    return Split(train, names[-count:], note + (f", {unused} before them for neither" if unused else ""))
