"""Selection of one person: others in the room are removed from the coarse matte.

The network separates people from the room, not from each other. Parts of the matte that do not touch are told
apart by their place. While another person is behind the chosen one, the last outline of the chosen person is
moved along with the head and body, and a watershed on the frame's colors finds the new one near it; what lies
beyond belongs to the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte
from livecam.imaging.masks import Mask, dilate, erode, parts, remove_thin
from livecam.imaging.ops import downscale, to_gray, transfer
from livecam.matting.body_tracker import BodyTracker

_FOREGROUND = 0.3
"""Alpha from which a pixel belongs to a person."""
_MIN_AREA = 0.0015
"""Fraction of the image below which a part counts as noise."""
_NEVER = -1e9
_MIN_POINTS = 8
"""Fewest tracked points from which the motion of the body is estimated."""


@dataclass(frozen=True)
class PersonSelectionSettings:
    """Settings of the selection. Distances are pixels of the coarse matte, 1/256 of a usual frame's width.

    Attributes:
        centrality: distance from the middle, as a fraction of the width, at which a person counts half.
        reach: how far the chosen person's outline may move in a frame.
        band: how far it may differ from the moved last outline while another person is behind it.
        fringe: how far the chosen person's soft edge reaches.
        part_fraction: a part of the chosen person that comes apart stays if it is at most so large.
        limb_fraction: what grows out of the person beside another and is at most so large may be an arm.
        touch_seconds: after so long without a sure sign of another person an arm is the person's again.
        absent_seconds: after so long without the chosen person another one may be chosen.
        return_fraction: a person who is at least so large, compared with the chosen one, and near the same
            place is taken for the chosen one at once.
        wait_seconds: anyone else is chosen after so long.
    """

    centrality: float = 0.3
    reach: int = 8
    band: int = 3
    fringe: int = 4
    part_fraction: float = 0.2
    limb_fraction: float = 0.12
    touch_seconds: float = 10.0
    absent_seconds: float = 0.7
    return_fraction: float = 0.6
    wait_seconds: float = 2.0


@dataclass
class _Track:
    """What is known of the newest frame: the chosen person, the others, the person's usual outline.

    `gray` is the frame at the size of the masks, None if there was no reason to keep it.
    """

    person: Mask
    others: Mask
    usual: Matte
    gray: NDArray[np.uint8] | None = None


class PersonSelector:
    """Keeps the person who was the largest and most central, and removes all others.

    The chosen person stays, even while a larger one walks past. The result is nowhere above the input. One
    thread at a time may use it.
    """

    def __init__(self, settings: PersonSelectionSettings | None = None) -> None:
        self.settings = settings or PersonSelectionSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the chosen person: the next frame chooses again."""
        self._area, self._place = 0.0, 0.5
        self._last_seen = _NEVER
        self.begin_shot()

    def begin_shot(self) -> None:
        """Forget where the people are, but not how large the chosen person is, and at what place."""
        self._track: _Track | None = None
        self._body = BodyTracker()
        self._is_behind = False
        self._vanished: float | None = None
        self._waiting_since: float | None = None

    def apply(self, coarse: Matte, frame: Frame, now: float) -> Matte:
        """Set everyone but the chosen person to 0.

        Args:
            coarse: float32 (model height, model width) in [0, 1].
            frame: the frame that the matte belongs to, uint8 RGB (height, width, 3).
            now: time of the frame in seconds.

        Returns:
            A new matte that is nowhere above `coarse`, or `coarse` itself where there is no other person.
        """
        foreground = coarse > _FOREGROUND
        if self._track is not None and self._track.person.shape != foreground.shape:
            self.reset()
        if self._track is not None and now - self._last_seen > self.settings.absent_seconds:
            self._track = None
        if self._track is None:
            person = self._choose(foreground, now)
        else:
            person = self._follow(self._track, foreground, frame, now)
        others = foreground & ~person
        if not self._is_behind:
            others = _without_specks(others)
        if person.any() and not others.any():
            return coarse
        allowed = dilate(person, self.settings.fringe) & ~dilate(others, 1)
        # Soft towards the person, so that the cut is no staircase, and nothing of the others.
        weight = cv2.blur(allowed.astype(np.float32), (3, 3))
        weight[~allowed] = 0
        return np.asarray(coarse * weight, np.float32)

    def apply_to_crop(self, coarse: Matte, crop: Crop, frame: Frame, now: float) -> Matte:
        """Set everyone but the chosen person to 0 in a coarse matte that covers a crop of the frame.

        Args:
            coarse: float32 (model height, model width) in [0, 1].
            crop: the part of the frame that `coarse` covers.
            frame: the frame that the matte belongs to, uint8 RGB (height, width, 3).
            now: time of the frame in seconds.

        Returns:
            A new matte that is nowhere above `coarse`, or `coarse` itself where there is no other person.
        """
        whole = Crop.whole(frame)
        if crop == whole:
            return self.apply(coarse, frame, now)
        # The memory of people is that of the whole frame, whatever the crops are.
        before = transfer(coarse, crop, whole)
        after = self.apply(before, frame, now)
        if after is before:
            return coarse
        kept = np.divide(after, before, out=np.zeros_like(before), where=before > 0)
        return np.asarray(coarse * np.clip(transfer(kept, whole, crop), 0.0, 1.0), np.float32)

    def _choose(self, foreground: Mask, now: float) -> Mask:
        """Return the largest and most central person if it is time to choose one, else an empty mask."""
        best, best_score = np.zeros_like(foreground), 0.0
        for part in _parts(foreground):
            score = np.count_nonzero(part) / (1 + (abs(_center(part) - 0.5) / self.settings.centrality) ** 2)
            if score > best_score:
                best, best_score = part, score
        if not best_score:
            self._waiting_since = None
            return best
        is_back = best.mean() >= self.settings.return_fraction * self._area
        if self._area and not (is_back and abs(_center(best) - self._place) < 0.25):
            self._waiting_since = now if self._waiting_since is None else self._waiting_since
            if now - self._waiting_since < self.settings.wait_seconds:
                return np.zeros_like(best)
        self._waiting_since, self._is_behind, self._vanished = None, False, None
        self._track = _Track(best, foreground & ~best, best.astype(np.float32))
        self._body.reset()
        self._remember(best, now)
        return best

    def _follow(self, track: _Track, foreground: Mask, frame: Frame, now: float) -> Mask:
        """Return the chosen person in the next frame and update the track."""
        is_watching = self._is_behind or bool(track.others.any())
        small = downscale(frame, Size.of(foreground))
        usual = _move(track, to_gray(small)) if is_watching else track.usual
        found = list(_parts(foreground))
        main = max((np.count_nonzero(part & track.person) for part in found), default=0)
        reach = dilate(track.person, self.settings.reach)
        person, is_touched = np.zeros_like(foreground), False
        for part in found:
            overlap = np.count_nonzero(part & track.person)
            if not (part & reach).any():
                keep = part if self._is_hand(part, track.person) else None
            elif overlap < main and np.count_nonzero(part) > self.settings.part_fraction * track.person.sum():
                keep = None
            elif is_watching and (self._is_behind or (part & track.others).any()):
                is_touched = True
                keep = self._in_front(part, usual > 0.5, small)
            else:
                keep = self._without_entering(part, track.person)
            person = person if keep is None else person | keep
        others = _without_specks(foreground & ~person)
        if is_touched:
            self._body.begin(person, small, now)
        else:
            person = self._body.apply(person, small, now)
        if self._may_be_limb(others, person, is_touched, now):
            person, others = person | others, np.zeros_like(others)
            self._body.begin(person, small, now)
        if person.any():
            # The watershed corrects the moved outline little by little; alone, the person is the outline.
            # While the other is not seen, what the outline takes in could be a strip of the other.
            rate = np.float32((0.2 if others.any() else 0.05) if is_touched else 1.0)
            usual = usual + rate * (person.astype(np.float32) - usual)
            gray = to_gray(small) if others.any() or self._is_behind else None
            self._track = _Track(person, others, usual, gray)
            self._remember(person, now)
        return person

    def _in_front(self, part: Mask, usual: Mask, frame: Frame) -> Mask:
        """Return the chosen person's pixels of a part with another person behind.

        Args:
            part: mask of a component of the foreground.
            usual: the person's last outline, moved to this frame.
            frame: uint8 RGB of the size of the masks.
        """
        beyond = _without_specks(part & ~dilate(usual, self.settings.band))
        core = part & erode(usual, self.settings.band)
        # Within the band the watershed may only take away: a strip of the other beside the outline stays out.
        person = _split(part, core, beyond, frame) if beyond.any() and core.any() else part
        return person & dilate(usual, 1)

    def _without_entering(self, part: Mask, person: Mask) -> Mask:
        """Remove a person who comes in at the side and touches the chosen one in the same frame."""
        grown = part & ~dilate(person, self.settings.reach)
        if not grown[:, [0, -1]].any():
            return part
        for each in _parts(remove_thin(grown, 1)):
            if each[:, [0, -1]].any():
                part = part & ~dilate(each, self.settings.reach)
        return part | (part & person)

    def _may_be_limb(self, others: Mask, person: Mask, is_touched: bool, now: float) -> bool:
        """Update whether another person is behind; return whether `others` are the chosen one's own arm.

        After another person has vanished behind the chosen one, all that grows beside the outline is removed.
        If nothing larger than an arm has come out for `touch_seconds`, the other has gone in some other way.
        """
        self._is_behind |= is_touched
        if not self._is_behind:
            return False
        if others.any() and not (others & dilate(person, 2)).any():
            self._is_behind, self._vanished = False, None
            return False
        if np.count_nonzero(others) > self.settings.limb_fraction * np.count_nonzero(person):
            self._vanished = None
        elif not others.any() and self._vanished is None:
            self._vanished = now
        if self._vanished is None or now - self._vanished < self.settings.touch_seconds:
            return False
        self._is_behind, self._vanished = False, None
        return True

    def _is_hand(self, part: Mask, person: Mask) -> bool:
        """Return whether a part that comes in from below may be the chosen person's hand."""
        rows, columns = np.flatnonzero(person.any(axis=1)), np.flatnonzero(person.any(axis=0))
        is_low = not part[: int(rows.mean())].any() and bool(part[-1].any())
        is_near = bool(part[:, columns[0] : columns[-1] + 1].any())
        return is_low and is_near and np.count_nonzero(part) < self.settings.part_fraction * person.sum()

    def _remember(self, person: Mask, now: float) -> None:
        self._last_seen = now
        rate = 0.05 if self._area else 1.0
        self._area += rate * (float(person.mean()) - self._area)
        self._place += rate * (_center(person) - self._place)


def _move(track: _Track, gray: NDArray[np.uint8]) -> Matte:
    """Return the person's usual outline, moved as points on the person have moved since the track's frame.

    References: Shi and Tomasi, "Good Features to Track", CVPR 1994; Bouguet's pyramidal Lucas-Kanade tracker,
    2000. A similarity is fitted by RANSAC, so that moving arms do not count.
    """
    mask = erode(track.usual > 0.5, 3)
    if track.gray is None or not mask.any():
        return track.usual
    points = cv2.goodFeaturesToTrack(track.gray, 80, 0.01, 4, mask=mask.view(np.uint8))
    if points is None:
        return track.usual
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        track.gray, gray, points, points.copy(), winSize=(15, 15), maxLevel=2
    )
    is_found = found.ravel() == 1
    if np.count_nonzero(is_found) < _MIN_POINTS:
        return track.usual
    matrix, inliers = cv2.estimateAffinePartial2D(
        points[is_found], moved[is_found], ransacReprojThreshold=1.0
    )
    if matrix is None or np.count_nonzero(inliers) < _MIN_POINTS:
        return track.usual
    size = (gray.shape[1], gray.shape[0])
    return np.asarray(cv2.warpAffine(track.usual, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _split(part: Mask, core: Mask, beyond: Mask, frame: Frame) -> Mask:
    """Return the pixels of a part that belong to `core` and not to what lies `beyond`.

    Reference: Meyer, "Color Image Segmentation", 1992 (watershed with markers).
    """
    markers = np.where(part, 0, 3).astype(np.int32)
    markers[core], markers[beyond] = 1, 2
    cv2.watershed(frame, markers)
    # The line between the two, one pixel wide, shows neither.
    return part & ~dilate(markers == 2, 1)


def _parts(mask: Mask) -> Iterator[Mask]:
    """Yield the connected parts of a mask, without specks."""
    return parts(mask, _MIN_AREA)


def _without_specks(mask: Mask) -> Mask:
    result = np.zeros_like(mask)
    for part in _parts(mask):
        result |= part
    return result


def _center(mask: Mask) -> float:
    """Return the mean column as a fraction of the width."""
    columns = mask.sum(axis=0)
    return float((columns * np.arange(len(columns))).sum() / max(1, columns.sum()) / max(1, len(columns) - 1))
