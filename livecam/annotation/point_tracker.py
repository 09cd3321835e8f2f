"""Tracking of points from frame to frame, so that a prompt stays on an object that moves.

Corners around each point are tracked by pyramidal Lucas-Kanade, forward and backward (Kalal et al.,
"Forward-Backward Error", ICPR 2010); the point moves by their median displacement. Without enough corners,
the template of the first frame is searched nearby. Once the point is lost, the template is searched in the
whole frame, with stricter thresholds.
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
"""Longer side in pixels at which points are tracked; small enough to process every frame of a clip."""
_MATCH, _GLOBAL_MATCH = 0.6, 0.75
"""Normalized correlation with the template that finds a point again nearby, and in the whole frame."""
_REJECT = 0.25
"""Below this correlation another object is at the point, whatever the corners say."""
_UNIQUENESS_MARGIN, _UNIQUENESS_DISTANCE = 0.1, 8
"""A match in the whole frame must exceed every match farther away than so many pixels by this margin."""
_MIN_CONTRAST = 3.0
"""Templates with a smaller standard deviation, in levels of 255, can't be recognized."""
_MAX_BACKWARD_ERROR = 0.7  # pixels between a corner and its position tracked forward and backward
_MAX_DEVIATION = 2.5  # pixels between a corner's displacement and the median
_MIN_CORNERS = 3
_REFRESH_CORNERS = 8  # fewer corners are detected anew
_SEARCH_RADIUS = 28  # pixels
_WINDOW = (17, 17)  # pixels, of Lucas-Kanade

GrayImage = NDArray[np.uint8]
Corners = NDArray[np.float32]


class TrackedPoint(NamedTuple):
    """A point to track, and the radius around it that belongs to the same object, in the frame's pixels."""

    point: Point
    radius: float = 24.0


class PointTracker:
    """Tracks points through the frames of a clip, in order. All frames have one size."""

    def __init__(self, frame: Frame, points: Sequence[TrackedPoint]) -> None:
        """Start at `frame`, in whose pixels the points are."""
        self.size = Size.of(frame)
        self._scale = min(1.0, LONGEST / max(self.size))
        self._previous = self._to_small_gray(frame)
        self._tracks = [
            _Track(self._previous, self._to_small(each.point), max(5.0, each.radius * self._scale))
            for each in points
        ]

    def follow(self, frame: Frame) -> None:
        """Track all points into the next frame."""
        current = self._to_small_gray(frame)
        for track in self._tracks:
            track.update(self._previous, current)
        self._previous = current

    def positions(self) -> list[Point | None]:
        """Return each point in the last frame, in the frame's own pixels; None while it is lost."""
        return [self._to_full(track.position) if track.is_found else None for track in self._tracks]

    def set_position(self, number: int, point: Point) -> None:
        """Set a point in the last frame, in the frame's own pixels; it is no longer lost."""
        self._tracks[number].reset(self._previous, self._to_small(point))

    def _to_small(self, point: Point) -> tuple[float, float]:
        x, y = ((coordinate + 0.5) * self._scale - 0.5 for coordinate in point)
        return x, y

    def _to_full(self, position: tuple[float, float]) -> Point:
        x, y = ((coordinate + 0.5) / self._scale - 0.5 for coordinate in position)
        return Point(min(max(x, 0.0), self.size.width - 1.0), min(max(y, 0.0), self.size.height - 1.0))

    def _to_small_gray(self, frame: Frame) -> GrayImage:
        width, height = self.size
        size = Size(max(1, round(width * self._scale)), max(1, round(height * self._scale)))
        return to_gray(downscale(frame, size) if size != self.size else frame)


class _Track:
    """One point in the downscaled frames."""

    def __init__(self, image: GrayImage, position: tuple[float, float], radius: float) -> None:
        self.position, self.is_found = position, True
        self._radius = radius
        self._template = _patch(image, position, int(np.clip(radius, 6, 16)))
        self._corners = self._detect_corners(image)

    def reset(self, image: GrayImage, position: tuple[float, float]) -> None:
        self.position, self.is_found = position, True
        self._corners = self._detect_corners(image)

    def update(self, previous: GrayImage, current: GrayImage) -> None:
        if not self.is_found:
            self._search(current, None, _GLOBAL_MATCH)
            return
        flowed = self._flow(previous, current)
        if not flowed or self._correlation(current) < _REJECT:
            self._search(current, _SEARCH_RADIUS, _MATCH)
        elif len(self._corners) < _REFRESH_CORNERS and self._correlation(current) >= _MATCH:
            self._corners = self._detect_corners(current)

    def _flow(self, previous: GrayImage, current: GrayImage) -> bool:
        """Move by the median displacement of the corners; False if they are too few or disagree."""
        if len(self._corners) < _MIN_CORNERS:
            return False
        forward, found = _lucas_kanade(previous, current, self._corners)
        backward, found_back = _lucas_kanade(current, previous, forward)
        error = np.linalg.norm(backward - self._corners, axis=1)
        valid = found & found_back & (error < _MAX_BACKWARD_ERROR)
        if valid.sum() < _MIN_CORNERS:
            return False
        displacements = (forward - self._corners)[valid]
        median = np.median(displacements, axis=0)
        inliers = np.linalg.norm(displacements - median, axis=1) < _MAX_DEVIATION
        # If half of the corners move differently, they are on two objects.
        if inliers.sum() < max(_MIN_CORNERS, len(displacements) / 2):
            return False
        x, y = self.position[0] + float(median[0]), self.position[1] + float(median[1])
        if not (-0.5 <= x <= current.shape[1] - 0.5 and -0.5 <= y <= current.shape[0] - 0.5):
            return False
        self.position, self._corners = (x, y), forward[valid][inliers]
        return True

    def _search(self, image: GrayImage, radius: int | None, min_correlation: float) -> None:
        """Move to the best match of the template within `radius` (None: anywhere), or become lost."""
        match = _match_template(image, self._template, self.position, radius)
        self.is_found = match is not None and match[0] >= min_correlation
        if self.is_found and match is not None:
            self.position = match[1]
            self._corners = self._detect_corners(image)

    def _correlation(self, image: GrayImage) -> float:
        match = _match_template(image, self._template, self.position, 3)
        # At the border of the image the template does not fit: only the corners count there.
        return match[0] if match else 1.0

    def _detect_corners(self, image: GrayImage) -> Corners:
        disc = np.zeros(image.shape, np.uint8)
        cv2.circle(disc, (round(self.position[0]), round(self.position[1])), round(self._radius), 255, -1)
        corners = cv2.goodFeaturesToTrack(image, 24, 0.02, 3, mask=disc)
        return np.zeros((0, 2), np.float32) if corners is None else np.asarray(corners[:, 0], np.float32)


def _lucas_kanade(
    previous: GrayImage, current: GrayImage, corners: Corners
) -> tuple[Corners, NDArray[np.bool_]]:
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        previous, current, corners[:, None], cast(Corners, None), winSize=_WINDOW, maxLevel=3
    )
    return np.asarray(moved[:, 0], np.float32), np.asarray(status[:, 0] == 1)


def _patch(image: GrayImage, position: tuple[float, float], half: int) -> GrayImage:
    """Return a copy of the square around a position, shifted so that it is inside the image."""
    height, width = image.shape
    side_x, side_y = min(2 * half + 1, width), min(2 * half + 1, height)
    left = int(np.clip(round(position[0]) - half, 0, width - side_x))
    top = int(np.clip(round(position[1]) - half, 0, height - side_y))
    return np.array(image[top : top + side_y, left : left + side_x])


def _match_template(
    image: GrayImage, template: GrayImage, position: tuple[float, float], radius: int | None
) -> tuple[float, tuple[float, float]] | None:
    """Return the best correlation (-1 to 1) and its position; None if the template can't be searched.

    None means: the template has too little contrast, or does not fit into the searched part. With `radius`
    None the whole image is searched, and a template that matches several places gives None too.
    """
    height, width = template.shape
    if template.std() < (_MIN_CONTRAST if radius is not None else 2 * _MIN_CONTRAST):
        return None
    half_x, half_y = width // 2, height // 2
    left = top = 0
    part = image
    if radius is not None:
        x, y = round(position[0]), round(position[1])
        left, top = max(0, x - half_x - radius), max(0, y - half_y - radius)
        part = image[top : y + height - half_y + radius, left : x + width - half_x + radius]
    if part.shape[0] < height or part.shape[1] < width:
        return None
    correlation = cv2.matchTemplate(part, template, cv2.TM_CCOEFF_NORMED)
    scores = np.nan_to_num(np.asarray(correlation, np.float32), nan=-1.0, posinf=-1.0, neginf=-1.0)
    _, best, _, at = cv2.minMaxLoc(scores)
    if radius is None and _second_best(scores, at) > best - _UNIQUENESS_MARGIN:
        return None
    return float(best), (float(at[0] + left + half_x), float(at[1] + top + half_y))


def _second_best(scores: NDArray[np.float32], at: Sequence[int]) -> float:
    """Return the best score that is not near `at` (x, y)."""
    others = scores.copy()
    radius = _UNIQUENESS_DISTANCE
    others[max(0, at[1] - radius) : at[1] + radius + 1, max(0, at[0] - radius) : at[0] + radius + 1] = -1.0
    return float(others.max())
