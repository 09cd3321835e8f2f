"""Draw other clothes on a person: a network that knows few clothes loses torsos in others.

The lower part of a person gets a colour or a pattern, lit as the clothes were (in the spirit of
"ImageNet-trained CNNs are biased
towards texture", Geirhos et al., 2019): what is left to go by is shape and place.
"""

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.training.data.augmentation import Rng

CHANGED_CLOTHES_SHARE = 0.2
"""The share of persons that get other clothes."""
FADE = 0.06
"""Of the person's height: how far the edge between old and new is spread."""


class Clothes(NamedTuple):
    """What is drawn on a person: from `begin` (a share of its height) down, `opacity` of `pattern`.

    `pattern` is a image, uint8 (h, w, 3); one of a single pixel is a plain colour. `collar` tilts the
    edge: how much further
    down (a share of the height) it lies at the left and the right than in the middle.
    """

    pattern: Frame
    begin: float
    opacity: float
    collar: float


def sample_clothes(patterns: list[Frame], rng: Rng) -> Clothes | None:
    """Draw clothes for a person; mostly none. A plain colour, or a part of one of `patterns`."""
    if rng.random() >= CHANGED_CLOTHES_SHARE:
        return None
    if not patterns or rng.random() < 0.5:
        pattern = cast(Frame, rng.integers(0, 256, (1, 1, 3)).astype(np.uint8))
    else:
        whole = patterns[int(rng.integers(len(patterns)))]
        side = max(8, int(min(whole.shape[:2]) * rng.uniform(0.2, 1.0)))
        top, left = (int(rng.integers(max(1, s - side + 1))) for s in whole.shape[:2])
        pattern = whole[top : top + side, left : left + side]
    return Clothes(
        pattern, float(rng.uniform(0.4, 0.8)), float(rng.uniform(0.6, 1.0)), float(rng.normal(0, 0.1))
    )


def apply_clothes(frame: Frame, matte: NDArray[np.uint8], clothes: Clothes) -> Frame:
    """Return `image` with clothes drawn where `matte` (255 = person) keeps; both (h, w)."""
    rows = np.flatnonzero((matte > 127).any(axis=1))
    if not len(rows):
        return frame
    height, width = matte.shape
    height_of_body = rows[-1] - rows[0] + 1
    edge = (clothes.begin + clothes.collar * np.abs(np.linspace(-1, 1, width))) * height_of_body + rows[0]
    first = max(0, int(edge.min() - FADE * height_of_body))
    if first >= height:
        return frame
    old = frame[first:].astype(np.float32)
    light = cv2.cvtColor(frame[first:], cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = matte[first:].astype(np.float32) * np.float32(1 / 255)
    mean = float((light * inside).sum() / max(1.0, float(inside.sum())))
    shade = np.clip(light / max(20.0, mean), 0.3, 1.6)[..., None]
    new = cv2.resize(clothes.pattern, (width, height - first), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
    down = (np.arange(first, height)[:, None] - edge[None]) / max(1.0, FADE * height_of_body)
    share = (np.clip(down, 0, 1) * clothes.opacity * inside)[..., None].astype(np.float32)
    changed: Frame = frame.copy()
    changed[first:] = np.clip(old + share * (new * shade - old), 0, 255).astype(np.uint8)
    return changed
