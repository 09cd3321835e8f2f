"""Tells what grows out of a person from what comes out from behind.

Both begin as a part of the matte that touches the person. An arm was in front of the body, or moves with
it: the motion of its pixels leads back into the body of an earlier frame. Where another person comes out, the
pixels were hidden before, and their motion leads nowhere. Clothes without texture have no motion that can be
measured; there, what continues the colors of the body belongs to it as long as it is small.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.imaging.masks import Mask, dilate, erode, parts, remove_thin
from livecam.imaging.motion import came_from

_MIN_CONTACT = 8
"""Fewest pixels next to the body whose colors are compared with it."""


@dataclass(frozen=True)
class BodyTrackerSettings:
    """Settings of the tracker. Distances are pixels of the coarse matte, 1/256 of a usual frame's width.

    Attributes:
        slack: what grows by at most so much is not judged.
        min_fraction: fraction of the image from which a growth is judged.
        max_difference: by how much the color of a pixel may change while it moves, in levels of 255.
        own_fraction: a growth of which so many pixels come out of the body belongs to it.
        recent_seconds: slow motion is measured over so long.
        contact: how far the colors of a growth are compared with the nearest colors of the body.
        similar_difference: CIELAB distance of similar colors, in OpenCV's units for uint8.
        similar_fraction: a growth belongs to it, if so many of its pixels near the body have a similar color
        similar_area: and if it is at most so large, as a fraction of the body.
        settle_seconds: after so long such a growth is part of the body for good.
    """

    slack: int = 3
    min_fraction: float = 0.0015
    max_difference: int = 8
    own_fraction: float = 0.25
    recent_seconds: float = 0.15
    contact: float = 8.0
    similar_difference: float = 20.0
    similar_fraction: float = 0.3
    similar_area: float = 0.15
    settle_seconds: float = 1.0


@dataclass(frozen=True)
class _Moment:
    """A recent frame: its time in seconds, the small frame, what surely was the person."""

    now: float
    frame: Frame
    body: Mask


class BodyTracker:
    """Follows the body of one person, and removes what comes out from behind it. One thread at a time."""

    def __init__(self, settings: BodyTrackerSettings | None = None) -> None:
        self.settings = settings or BodyTrackerSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the person: the whole mask of the next frame is the body."""
        self._moments: deque[_Moment] = deque()
        self._similar_seconds: NDArray[np.float32] | None = None

    def begin(self, person: Mask, frame: Frame, now: float) -> None:
        """Take the whole mask of a frame for the body."""
        self._moments = deque([_Moment(now, frame, person)])
        self._similar_seconds = np.zeros(person.shape, np.float32)

    def apply(self, person: Mask, frame: Frame, now: float) -> Mask:
        """Remove what has come out from behind the person.

        Args:
            person: mask of the person, and of what touches the person.
            frame: uint8 RGB of the size of the mask.
            now: time of the frame in seconds.

        Returns:
            A mask that is nowhere larger than `person`.
        """
        if not self._moments or self._similar_seconds is None:
            self.begin(person, frame, now)
            return person
        settings, last = self.settings, self._moments[-1]
        near = person & dilate(last.body, settings.slack)
        body, own = last.body, last.body
        if np.count_nonzero(near & ~body) >= _MIN_CONTACT:
            own = self._came_from(last, frame)
            if self._moments[0] is not last:
                own = own | self._came_from(self._moments[0], frame)
            body = body | (near & own)
        grown = remove_thin(person & ~dilate(body, settings.slack), 1)
        foreign, similar = np.zeros_like(person), np.zeros_like(person)
        for part in parts(grown, 0.0):
            zone = dilate(part, settings.slack + 1)
            if own[part].mean() >= settings.own_fraction:
                body = body | zone
            elif self._is_similar(part, erode(body & person, 2), frame):
                similar |= zone
            elif part.mean() >= settings.min_fraction:
                foreign |= zone
        seconds = self._similar_seconds + np.float32(now - last.now)
        self._similar_seconds = np.where(similar, seconds, np.float32(0))
        body = body | (self._similar_seconds > settings.settle_seconds)
        kept = person & (body | ~foreign)
        self._moments.append(_Moment(now, frame, body & kept))
        while now - self._moments[1].now > settings.recent_seconds:
            self._moments.popleft()
        return kept

    def _came_from(self, moment: _Moment, frame: Frame) -> Mask:
        """Return the pixels that were part of the body at a moment."""
        return came_from(moment.body, moment.frame, frame, self.settings.max_difference)

    def _is_similar(self, part: Mask, body: Mask, frame: Frame) -> bool:
        """Return whether a small part continues the colors of the body next to it."""
        if np.count_nonzero(part) > self.settings.similar_area * np.count_nonzero(body):
            return False
        distance, nearest = cv2.distanceTransformWithLabels(
            (~body).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
        )
        # What comes in from below the frame does not touch the body at first.
        contact = part if part[-1].any() else part & (distance < self.settings.contact)
        if np.count_nonzero(contact) < _MIN_CONTACT:
            return False
        # Averaged, because a texture differs from pixel to pixel.
        lab = cv2.blur(cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.float32), (5, 5))
        colors = np.zeros((int(nearest.max()) + 1, 3), np.float32)
        colors[nearest[body]] = lab[body]
        differences = np.linalg.norm(lab[contact] - colors[nearest[contact]], axis=1)
        return bool((differences < self.settings.similar_difference).mean() >= self.settings.similar_fraction)
