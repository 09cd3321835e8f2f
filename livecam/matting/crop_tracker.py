"""Segmentation of the part of the frame around the person: more of the network's pixels on the person.

The network's input is small. Where the person fills half of the frame's width, half of the input shows the
room. So the network looks at a crop around the person instead, found in an earlier frame (as MediaPipe's
pipelines track their region of interest). Each matte still comes from its own frame alone: a person who
reaches the border of the crop is looked for in the whole frame at once. Outside the crop the matte is 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte, check_matte
from livecam.imaging.ops import box_mean, to_gray
from livecam.imaging.roi import bounding_slices
from livecam.matting.cleanup import clean_matte

Predict = Callable[[Frame], Matte]


@dataclass(frozen=True)
class CropSettings:
    """Settings of the crop.

    Attributes:
        margin: room around the person, as a fraction of the person's width and height.
        min_margin: room around the person, as a fraction of the frame's sides.
        tight_margin: with less room, as a fraction of the frame's sides, another crop is taken.
        grid: the crop's sides lie on about this many steps of the frame's sides.
        max_stretch: how much wider or taller the crop may be, compared with the frame's aspect ratio.
        max_area: a larger crop, as a fraction of the frame, is no gain: the whole frame is segmented.
        min_side: smallest crop, as a fraction of the frame's sides.
        min_width: narrower frames, in pixels, are segmented as a whole: they have no more detail to show.
        look_frames: the whole frame is segmented besides after so many frames.
        anchor_seconds: at multiples of this time the crop is chosen anew, whatever it was before. So
            two runs that begin at different frames of a video agree after that time.
        moved_levels: a change of this many gray levels outside the crop is motion.
    """

    margin: float = 0.08
    min_margin: float = 0.02
    tight_margin: float = 0.01
    grid: int = 32
    max_stretch: float = 1.35
    max_area: float = 0.97
    min_side: float = 0.2
    min_width: int = 200
    look_frames: int = 6
    anchor_seconds: float = 4.0
    moved_levels: float = 24.0


_FOREGROUND = 0.15
"""Alpha from which a pixel of the whole frame's matte belongs to the person, soft hair included."""
_MIN_AREA = 0.005
"""Fraction of the frame that must be foreground; with less there is no person."""
_BORDER_ALPHA, _MIN_BORDER_PIXELS = 0.4, 3
"""So many pixels of this alpha at a border of the crop: the person continues beyond it."""
_WHOLE_PIXELS = 4
"""Sides of a crop are multiples of this many pixels, unless they end at the frame's border.

Then the crop can be halved without a remainder; an area mean of other ratios takes ten times as long.
"""
_SAMPLES = Size(64, 36)
"""Samples of a frame among which motion is found."""
_MIN_MOVED_SAMPLES = 2


class CropTracker:
    """Segments the crop of each frame that shows the person. One thread at a time may use it."""

    def __init__(self, settings: CropSettings | None = None) -> None:
        self.settings = settings or CropSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the person: the whole of the next frame is segmented first."""
        self._crop: Crop | None = None
        self._frame_size = Size(0, 0)
        self._anchor = 0
        self._frames_since_look = 0
        self._is_border_known = False
        self._samples: NDArray[np.uint8] | None = None

    def segment(self, frame: Frame, predict: Predict, now: float) -> tuple[Matte, Crop]:
        """Return the coarse matte of a part of a frame, and that part.

        Args:
            frame: uint8 RGB (height, width, 3).
            predict: the model's function from a frame of any size to its coarse matte.
            now: time of the frame in seconds.

        Returns:
            float32 (model height, model width) in [0, 1], and the crop of the frame that it covers. No person
            was found outside the crop.

        Raises:
            MatteError: the model returned an array that is not a matte.
        """
        self._begin_frame(frame, now)
        whole = self._look(frame, predict) if self._is_look_due(frame) else None
        crop = self._known_crop()
        coarse = _segment_crop(frame, predict, crop, whole)
        if whole is None and not self._is_border_known and _reaches_border(coarse, crop, self._frame_size):
            whole = self._look(frame, predict)
            self._is_border_known = self._known_crop() == crop
            if not self._is_border_known:
                crop = self._known_crop()
                coarse = _segment_crop(frame, predict, crop, whole)
        return coarse, crop

    def _begin_frame(self, frame: Frame, now: float) -> None:
        """Forget the crop at an anchor, and where the frame's size changes."""
        anchor, size = math.floor(now / self.settings.anchor_seconds), Size.of(frame)
        if anchor != self._anchor or size != self._frame_size:
            self._crop = None
        self._anchor, self._frame_size = anchor, size

    def _is_look_due(self, frame: Frame) -> bool:
        """Return whether the whole frame is segmented, besides the crop or instead of it."""
        self._frames_since_look += 1
        if self._crop is not None and self._crop.size == self._frame_size:
            return False
        has_moved = self._has_moved_outside(frame)
        return self._crop is None or has_moved or self._frames_since_look >= self.settings.look_frames

    def _look(self, frame: Frame, predict: Predict) -> Matte:
        """Segment the whole frame and return its coarse matte; take another crop if this one lacks room."""
        whole = _predict(frame, predict)
        person = find_person(clean_matte(whole), self._frame_size)
        if self._crop is None or not self._has_room(self._crop, person):
            is_narrow = self._frame_size.width < self.settings.min_width
            self._crop = choose_crop(None if is_narrow else person, self._frame_size, self.settings)
        self._frames_since_look, self._is_border_known = 0, False
        return whole

    def _known_crop(self) -> Crop:
        assert self._crop is not None, "a look comes first"
        return self._crop

    def _has_room(self, crop: Crop, person: Crop | None) -> bool:
        """Return whether a crop holds a person with some room at each side that is not the frame's."""
        if person is None:
            return True
        width, height = self._frame_size
        across, down = self.settings.tight_margin * width, self.settings.tight_margin * height
        return (
            (person.left - crop.left >= across or crop.left == 0)
            and (person.top - crop.top >= down or crop.top == 0)
            and (crop.right - person.right >= across or crop.right == width)
            and (crop.bottom - person.bottom >= down or crop.bottom == height)
        )

    def _has_moved_outside(self, frame: Frame) -> bool:
        """Return whether something has moved outside the crop since the last frame."""
        height, width = frame.shape[:2]
        rows, columns = max(1, height // _SAMPLES.height), max(1, width // _SAMPLES.width)
        samples = box_mean(to_gray(np.ascontiguousarray(frame[::rows, ::columns])), 3)
        before, self._samples = self._samples, samples
        crop = self._crop
        if crop is None or before is None or before.shape != samples.shape:
            return False
        changed = cv2.absdiff(samples, before) > self.settings.moved_levels
        changed[
            crop.top // rows : -(-crop.bottom // rows), crop.left // columns : -(-crop.right // columns)
        ] = False
        return int(np.count_nonzero(changed)) >= _MIN_MOVED_SAMPLES


def find_person(matte: Matte, size: Size) -> Crop | None:
    """Return the smallest rectangle with all persons of a whole frame's coarse matte; None without any.

    Args:
        matte: float32 (height, width) in [0, 1].
        size: the size of the frame, which the result is in.
    """
    mask = matte > _FOREGROUND
    if np.count_nonzero(mask) < _MIN_AREA * mask.size:
        return None
    rows, columns = bounding_slices(mask)
    found = Crop(columns.start, rows.start, Size(columns.stop - columns.start, rows.stop - rows.start))
    return found.rescaled(Size.of(mask), size)


def choose_crop(person: Crop | None, size: Size, settings: CropSettings) -> Crop:
    """Return the crop around a person with its margin; the whole frame without a person.

    Args:
        person: the rectangle that holds everyone.
        size: the size of the frame.
        settings: margins and limits of the crop.
    """
    whole = Crop(0, 0, size)
    if person is None:
        return whole
    across = _with_margin(person.left, person.right, size.width, settings)
    down = _with_margin(person.top, person.bottom, size.height, settings)
    largest = max((across[1] - across[0]) / size.width, (down[1] - down[0]) / size.height)
    least = max(largest / settings.max_stretch, settings.min_side)
    left, right = _snap(across, least * size.width, size.width, settings.grid)
    top, bottom = _snap(down, least * size.height, size.height, settings.grid)
    crop = Crop(left, top, Size(right - left, bottom - top))
    area = crop.size.width * crop.size.height
    return crop if area <= settings.max_area * size.width * size.height else whole


def _with_margin(start: int, end: int, limit: int, settings: CropSettings) -> tuple[float, float]:
    margin = max(settings.margin * (end - start), settings.min_margin * limit)
    return start - margin, end + margin


def _predict(frame: Frame, predict: Predict) -> Matte:
    coarse = predict(frame)
    return check_matte(coarse, np.shape(coarse))


def _segment_crop(frame: Frame, predict: Predict, crop: Crop, whole: Matte | None) -> Matte:
    """Return the coarse matte of a crop; `whole` is that of the whole frame, if it is known."""
    if whole is not None and crop.size == Size.of(frame):
        return whole
    return _predict(frame[crop.slices], predict)


def _snap(span: tuple[float, float], shortest: float, limit: int, grid: int) -> tuple[int, int]:
    """Grow a span to a length of at least `shortest` and to steps of whole pixels, inside 0 to `limit`."""
    start, end = span
    lacking = max(0.0, shortest - (end - start)) / 2
    start, end = start - lacking, end + lacking
    # What lies outside the frame at one side is added at the other.
    start, end = start - max(0.0, end - limit), end - min(0.0, start)
    # Single pixels in a small frame.
    step = _WHOLE_PIXELS * round(limit / grid / _WHOLE_PIXELS) or max(1, round(limit / grid))
    first, last = math.floor(max(0.0, start) / step), math.ceil(min(float(limit), end) / step)
    return first * step, min(last * step, limit)


def _reaches_border(coarse: Matte, crop: Crop, size: Size) -> bool:
    """Return whether a person reaches a border of the crop that is not one of the frame."""
    borders = (
        (coarse[0], crop.top > 0),
        (coarse[-1], crop.bottom < size.height),
        (coarse[:, 0], crop.left > 0),
        (coarse[:, -1], crop.right < size.width),
    )
    return any(
        is_inner and np.count_nonzero(border > _BORDER_ALPHA) >= _MIN_BORDER_PIXELS
        for border, is_inner in borders
    )
