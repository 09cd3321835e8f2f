"""Augmentation of the surroundings: things that touch a person in the image and are not part of it.

A coat on a hook behind the shoulder, a bedspread inside a bent elbow and the back of a chair are often taken
for the person, because little of the training data shows them. Parts of other images, cut to irregular
shapes, are put behind a person's outline (after Ghiasi et al., "Simple Copy-Paste is a Strong Data
Augmentation Method for Instance Segmentation", CVPR 2021).
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.training.data.augmentation import Rng, paste, sample_texture

CLUTTER_FRACTION = 0.3
"""Fraction of persons that get things behind them."""
PLAIN_FRACTION = 0.25
"""Fraction of things with a plain color."""
MOST_CORNERS = 9


class Clutter(NamedTuple):
    """A thing behind a person.

    Attributes:
        texture: uint8 (h, w, 3); a single pixel is a plain color.
        outline: corners relative to the center of the thing, float64 (corners, 2), x and y as fractions of
            the image's height.
        height: height of its center, as a fraction of the person's height from the top.
        side: -1 for the person's left border at that height, 1 for the right one.
        overlap: distance of its center from that border, as a fraction of the image's height; positive is
            towards the person.
        softness: blur of its edge in pixels.
    """

    texture: Frame
    outline: NDArray[np.float64]
    height: float
    side: int
    overlap: float
    softness: float


def sample_clutter(
    textures: list[Frame], rng: Rng, fraction: float = CLUTTER_FRACTION
) -> tuple[Clutter, ...]:
    """Sample up to three things behind a person; mostly none. Each shows a part of one of `textures`."""
    if not textures or rng.random() >= fraction:
        return ()
    return tuple(_sample_thing(textures, rng) for _ in range(int(rng.integers(1, 4))))


def _sample_thing(textures: list[Frame], rng: Rng) -> Clutter:
    texture = sample_texture(textures, rng, PLAIN_FRACTION, 0.9)
    count = int(rng.integers(4, MOST_CORNERS + 1))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = rng.uniform(0.5, 1.0, count) * rng.uniform(0.12, 0.55)
    stretch = float(np.exp(rng.normal(0, 0.4)))
    outline = np.stack([np.cos(angles) * radii * stretch, np.sin(angles) * radii / stretch], axis=-1)
    return Clutter(
        texture,
        outline,
        float(rng.uniform(0.0, 1.0)),
        int(rng.choice((-1, 1))),
        float(rng.normal(0.0, 0.05)),
        float(rng.uniform(0.3, 1.5)),
    )


def apply_clutter(frame: Frame, matte: NDArray[np.uint8], clutter: tuple[Clutter, ...]) -> Frame:
    """Return `frame` with `clutter` behind the person of `matte` (255 = person); both (h, w).

    The frame is returned itself where there is no person or no clutter.
    """
    rows = np.flatnonzero((matte > 127).any(axis=1))
    if not len(rows) or not clutter:
        return frame
    cluttered = frame
    for thing in clutter:
        row = min(int(rows[0] + thing.height * (rows[-1] - rows[0])), len(matte) - 1)
        columns = np.flatnonzero(matte[row] > 127)
        if len(columns):
            border = columns[0] if thing.side < 0 else columns[-1]
            center = np.array([border - thing.side * thing.overlap * len(matte), row])
            cluttered = _draw(cluttered, thing, center)
    return paste(frame, matte, cluttered)


def _draw(frame: Frame, thing: Clutter, center: NDArray[np.float64]) -> Frame:
    corners = np.rint(center + thing.outline * len(frame)).astype(np.int32)
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [corners], 255)
    left, top, width, height = cv2.boundingRect(corners)
    x, y = (slice(max(0, start), start + size) for start, size in ((left, width), (top, height)))
    if not mask[y, x].any():
        return frame
    texture = cv2.resize(thing.texture, (width, height), interpolation=cv2.INTER_LINEAR)
    whole = np.array(frame)
    whole[y, x] = texture[max(0, -top) :, max(0, -left) :][: whole[y, x].shape[0], : whole[y, x].shape[1]]
    return paste(whole, cast("NDArray[np.uint8]", cv2.GaussianBlur(mask, (0, 0), thing.softness)), frame)
