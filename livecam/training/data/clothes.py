"""Augmentation of clothes: a network that has seen few clothes loses torsos in others.

The lower part of a person gets a color or a pattern with the shading of the original clothes, so that the
network relies on shape and position (in the spirit of Geirhos et al., "ImageNet-trained CNNs are biased
towards texture", 2019).
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Frame
from livecam.training.data.augmentation import Rng, sample_texture

CHANGED_CLOTHES_FRACTION = 0.2
"""Fraction of persons that get other clothes."""
PLAIN_FRACTION = 0.5
"""Fraction of clothes with a plain color."""
FADE = 0.06
"""Width of the transition between old and new clothes, as a fraction of the person's height."""


class Clothes(NamedTuple):
    """Clothes of a person: `pattern` with `opacity`, from `begin` (a fraction of its height) down.

    `pattern` is uint8 (h, w, 3); a single pixel is a plain color. `collar` tilts the upper edge: how much
    lower (as a fraction of the height) it is at the left and right border than in the center.
    """

    pattern: Frame
    begin: float
    opacity: float
    collar: float


def sample_clothes(
    patterns: list[Frame], rng: Rng, fraction: float = CHANGED_CLOTHES_FRACTION
) -> Clothes | None:
    """Sample clothes for a person; mostly none. A plain color, or a part of one of `patterns`."""
    if rng.random() >= fraction:
        return None
    return Clothes(
        sample_texture(patterns, rng, PLAIN_FRACTION, 1.0),
        float(rng.uniform(0.4, 0.8)),
        float(rng.uniform(0.6, 1.0)),
        float(rng.normal(0, 0.1)),
    )


def apply_clothes(frame: Frame, matte: NDArray[np.uint8], clothes: Clothes) -> Frame:
    """Return `frame` with clothes where `matte` (255 = person) keeps; both (h, w)."""
    rows = np.flatnonzero((matte > 127).any(axis=1))
    if not len(rows):
        return frame
    height, width = matte.shape
    body_height = rows[-1] - rows[0] + 1
    edge = (clothes.begin + clothes.collar * np.abs(np.linspace(-1, 1, width))) * body_height + rows[0]
    first = max(0, int(edge.min() - FADE * body_height))
    if first >= height:
        return frame
    old = frame[first:].astype(np.float32)
    luma = cv2.cvtColor(frame[first:], cv2.COLOR_RGB2GRAY).astype(np.float32)
    alpha = matte[first:].astype(np.float32) * np.float32(1 / 255)
    mean = float((luma * alpha).sum() / max(1.0, float(alpha.sum())))
    shade = np.clip(luma / max(20.0, mean), 0.3, 1.6)[..., None]
    new = cv2.resize(clothes.pattern, (width, height - first), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
    depth = (np.arange(first, height)[:, None] - edge[None]) / max(1.0, FADE * body_height)
    weight = (np.clip(depth, 0, 1) * clothes.opacity * alpha)[..., None].astype(np.float32)
    changed: Frame = frame.copy()
    changed[first:] = np.clip(old + weight * (new * shade - old), 0, 255).astype(np.uint8)
    return changed
