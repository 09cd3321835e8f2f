"""What the compact model points SAM at: points deep inside each person, points surely beside, a box."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.types import Frame, Matte, Size
from livecam.matting.cleanup import tidy
from livecam.matting.guided_filter import Edges
from livecam.pipeline import Segments

INSIDE, OUTSIDE = 0.95, 0.05
_SMALLEST = 0.004
"""The share of the picture that somebody covers at least."""
_POINTS, _BESIDE = 3, 2
_MARGIN = 0.02
_DOUBT = 0.5
_DOUBTFUL_SHARE = 0.001


class Person(NamedTuple):
    """What the compact model says of a frame.

    `matte` is float32 (height, width); `prompts` has one for each person; `sure` is False where it finds
    nobody and isn't sure of that.
    """

    matte: Matte
    prompts: tuple[Prompt, ...]
    sure: bool


def find_person(segmenter: Segments, frame: Frame) -> Person:
    """Ask the compact model, without memory of other frames."""
    rough = segmenter.segment(frame)
    matte = Edges().sharpen(tidy(rough), frame)
    prompts = suggest(matte)
    doubtful = float((rough > _DOUBT).mean()) > _DOUBTFUL_SHARE
    return Person(matte, prompts, bool(prompts) or not doubtful)


def suggest(matte: Matte) -> tuple[Prompt, ...]:
    """A prompt for each connected person in a matte, the largest first; none where nobody is."""
    body = (matte > 0.5).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    order = sorted(range(1, count), key=lambda part: -int(stats[part, cv2.CC_STAT_AREA]))
    found = []
    for part in order:
        if stats[part, cv2.CC_STAT_AREA] >= _SMALLEST * matte.size:
            prompt = _prompt(matte, np.asarray(parts == part))
            found += [prompt] if prompt else []
    return tuple(found)


def _prompt(matte: Matte, part: NDArray[np.bool_]) -> Prompt | None:
    keep = deepest(part & (matte >= INSIDE), _POINTS)
    if not keep:
        return None
    box = bounds(part, _MARGIN)
    beside = np.zeros_like(part)
    rows, columns = slice(int(box.top), int(box.bottom) + 1), slice(int(box.left), int(box.right) + 1)
    beside[rows, columns] = (matte <= OUTSIDE)[rows, columns]
    return Prompt(keep=keep, drop=deepest(beside, _BESIDE), box=box)


def deepest(area: NDArray[np.bool_], count: int) -> tuple[Point, ...]:
    """Up to `count` points far inside an area (height, width) and far from each other.

    Each is the one farthest from the area's edge and from the points before; where the picture ends the
    area ends too. None where no point is a few pixels inside.
    """
    # One pixel of nothing around: what touches the picture's border isn't deep there.
    depth = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    least = max(2.0, 0.01 * min(area.shape))
    points: list[Point] = []
    rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
    for _ in range(count):
        y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
        if depth[y, x] < least:
            break
        points.append(Point(float(x), float(y)))
        away = np.hypot(columns - x, rows - y)
        depth = np.minimum(depth, away * 0.5).astype(np.float32)
    return tuple(points)


def bounds(area: NDArray[np.bool_], margin: float = 0.0) -> Box:
    """The box around an area that isn't empty, wider by a share `margin` of its sides, within the picture."""
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    return within(
        Box(
            left - margin * (right - left + 1),
            top - margin * (bottom - top + 1),
            right + margin * (right - left + 1),
            bottom + margin * (bottom - top + 1),
        ),
        Size.of(area),
    )


def within(box: Box, size: Size) -> Box:
    """The part of a box that lies in a picture of `size`; without area where none does."""
    return Box(
        float(np.clip(box.left, 0, size.width - 1)),
        float(np.clip(box.top, 0, size.height - 1)),
        float(np.clip(box.right, 0, size.width - 1)),
        float(np.clip(box.bottom, 0, size.height - 1)),
    )
