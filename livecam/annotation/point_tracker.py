"""Places in a picture, followed from frame to frame: a chair stays the chair while it is pushed about.

Corners around the place are followed by pyramidal Lucas-Kanade, forth and back (Kalal et al.,
"Forward-Backward Error", ICPR 2010), and their median shift is the place's. Where nothing has corners, or
they are lost, what the place looked like at first is searched for nearby; once it is gone, everywhere, and
with more care.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Point
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import downscale, to_gray

LONGEST = 480
"""The longest side, in pixels, at which places are followed; small enough to look at every frame."""
_MATCH, _SURELY_ALIKE = 0.6, 0.75
"""Normalised correlation with the first look: to be found again nearby, and anywhere."""
_REJECT = 0.25
"""Below it something else stands at the place, whatever the corners say."""
_UNIQUENESS_MARGIN, _APART = 0.1, 8
"""What is found anywhere must be this much liker than every other place, so many pixels away or more."""
_PLAIN = 3.0
"""A look with less contrast (standard deviation, levels of 255) can't be told from another."""
_BACK_ERROR = 0.7
_SPREAD = 2.5
_FEW = 3
_MANY = 8
_REACH = 28
_WINDOW = (17, 17)

Grey = NDArray[np.uint8]
Corners = NDArray[np.float32]


class TrackedPoint(NamedTuple):
    """A place to follow, and how far around it the same thing reaches, in the frame's pixels."""

    point: Point
    radius: float = 24.0


class PointTracker:
    """Follows places through frames of one size, each in order."""

    def __init__(self, frame: Frame, anchors: Sequence[TrackedPoint]) -> None:
        """Begin at `picture`, in whose pixels the anchors are."""
        self.size = Size.of(frame)
        self._scale = min(1.0, LONGEST / max(self.size))
        self._last = self._small(frame)
        self._marks = [self._mark(anchor) for anchor in anchors]

    def follow(self, frame: Frame) -> None:
        """Look at the next frame of the clip."""
        now = self._small(frame)
        for mark in self._marks:
            mark.move(self._last, now)
        self._last = now

    def places(self) -> list[Point | None]:
        """Where each anchor is in the last frame, in the frame's own pixels; None while it is lost."""
        return [self._large(mark.place) if mark.found else None for mark in self._marks]

    def put(self, number: int, place: Point) -> None:
        """Say where an anchor is in the last frame, in the frame's own pixels: it is found again."""
        self._marks[number].put(self._last, self._little(place))

    def _mark(self, anchor: TrackedPoint) -> "_Track":
        return _Track(self._last, self._little(anchor.point), max(5.0, anchor.radius * self._scale))

    def _little(self, point: Point) -> tuple[float, float]:
        x, y = ((side + 0.5) * self._scale - 0.5 for side in point)
        return x, y

    def _large(self, place: tuple[float, float]) -> Point:
        x, y = ((side + 0.5) / self._scale - 0.5 for side in place)
        return Point(min(max(x, 0.0), self.size.width - 1.0), min(max(y, 0.0), self.size.height - 1.0))

    def _small(self, frame: Frame) -> Grey:
        width, height = self.size
        size = Size(max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        return to_gray(downscale(frame, size) if size != self.size else frame)


class _Track:
    """One place in the small pictures."""

    def __init__(self, picture: Grey, place: tuple[float, float], radius: float) -> None:
        self.place, self.found = place, True
        self._radius = radius
        self._look = _patch(picture, place, int(np.clip(radius, 6, 16)))
        self._corners = self._corners_in(picture)

    def put(self, picture: Grey, place: tuple[float, float]) -> None:
        self.place, self.found = place, True
        self._corners = self._corners_in(picture)

    def move(self, before: Grey, now: Grey) -> None:
        if not self.found:
            self._search(now, None, _SURELY_ALIKE)
            return
        flowed = self._flow(before, now)
        if not flowed or self._likeness(now) < _REJECT:
            self._search(now, _REACH, _MATCH)
        elif len(self._corners) < _MANY and self._likeness(now) >= _MATCH:
            self._corners = self._corners_in(now)

    def _flow(self, before: Grey, now: Grey) -> bool:
        if len(self._corners) < _FEW:
            return False
        there, seen = _lucas_kanade(before, now, self._corners)
        back, seen_back = _lucas_kanade(now, before, there)
        kept = seen & seen_back & (np.linalg.norm(back - self._corners, axis=1) < _BACK_ERROR)
        if kept.sum() < _FEW:
            return False
        shifts = (there - self._corners)[kept]
        shift = np.median(shifts, axis=0)
        near = np.linalg.norm(shifts - shift, axis=1) < _SPREAD
        # Half of them going elsewhere is not a thing that moves, but two.
        if near.sum() < max(_FEW, len(shifts) / 2):
            return False
        x, y = self.place[0] + float(shift[0]), self.place[1] + float(shift[1])
        if not (-0.5 <= x <= now.shape[1] - 0.5 and -0.5 <= y <= now.shape[0] - 0.5):
            return False
        self.place, self._corners = (x, y), there[kept][near]
        return True

    def _search(self, now: Grey, reach: int | None, alike: float) -> None:
        """Take the likest place within `reach` of the last (None: anywhere), if it is alike enough."""
        found = _find(now, self._look, self.place, reach)
        self.found = found is not None and found[0] >= alike
        if self.found and found is not None:
            self.place = found[1]
            self._corners = self._corners_in(now)

    def _likeness(self, now: Grey) -> float:
        found = _find(now, self._look, self.place, 3)
        # At the picture's border there is not enough of it left to compare: the corners are believed.
        return found[0] if found else 1.0

    def _corners_in(self, picture: Grey) -> Corners:
        disc = np.zeros(picture.shape, np.uint8)
        cv2.circle(disc, (round(self.place[0]), round(self.place[1])), round(self._radius), 255, -1)
        corners = cv2.goodFeaturesToTrack(picture, 24, 0.02, 3, mask=disc)
        return np.zeros((0, 2), np.float32) if corners is None else np.asarray(corners[:, 0], np.float32)


def _lucas_kanade(before: Grey, now: Grey, corners: Corners) -> tuple[Corners, NDArray[np.bool_]]:
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        before, now, corners[:, None], cast(Corners, None), winSize=_WINDOW, maxLevel=3
    )
    return np.asarray(there[:, 0], np.float32), np.asarray(status[:, 0] == 1)


def _patch(picture: Grey, place: tuple[float, float], half: int) -> Grey:
    """What a place looks like: a square around it, shifted into the picture where it hangs over."""
    height, width = picture.shape
    side_x, side_y = min(2 * half + 1, width), min(2 * half + 1, height)
    left = int(np.clip(round(place[0]) - half, 0, width - side_x))
    top = int(np.clip(round(place[1]) - half, 0, height - side_y))
    return np.array(picture[top : top + side_y, left : left + side_x])


def _find(
    picture: Grey, template: Grey, place: tuple[float, float], reach: int | None
) -> tuple[float, tuple[float, float]] | None:
    """The likest place and how alike it is, -1 to 1; None where the look doesn't fit in, or is plain.

    `reach` None looks anywhere, with more care: a look that several places share is nowhere.
    """
    high, wide = template.shape
    if template.std() < (_PLAIN if reach is not None else 2 * _PLAIN):
        return None
    half_x, half_y = wide // 2, high // 2
    left = top = 0
    part = picture
    if reach is not None:
        x, y = round(place[0]), round(place[1])
        left, top = max(0, x - half_x - reach), max(0, y - half_y - reach)
        part = picture[top : y + high - half_y + reach, left : x + wide - half_x + reach]
    if part.shape[0] < high or part.shape[1] < wide:
        return None
    said = cv2.matchTemplate(part, template, cv2.TM_CCOEFF_NORMED)
    scores = np.nan_to_num(np.asarray(said, np.float32), nan=-1.0, posinf=-1.0, neginf=-1.0)
    _, best, _, at = cv2.minMaxLoc(scores)
    if reach is None and _second(scores, at) > best - _UNIQUENESS_MARGIN:
        return None
    return float(best), (float(at[0] + left + half_x), float(at[1] + top + half_y))


def _second(scores: NDArray[np.float32], at: Sequence[int]) -> float:
    """How alike the likest place is that isn't beside `at` (x, y)."""
    others = scores.copy()
    others[max(0, at[1] - _APART) : at[1] + _APART + 1, max(0, at[0] - _APART) : at[0] + _APART + 1] = -1.0
    return float(others.max())
