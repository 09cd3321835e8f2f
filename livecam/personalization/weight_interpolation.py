"""How far a fine-tune's weights are followed: each is taken between its old and its new value.

"WiSE-FT", Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022. How far, is decided by frames
that were not learnt from, and by scenes at which the network may not become worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.evaluation.metrics import iou
from livecam.imaging.ops import downscale, downscale_matte
from livecam.matting.cleanup import clean_matte
from livecam.training.checkpoint import Arrays

ALPHAS: tuple[float, ...] = (1.0, 0.8, 0.6, 0.4, 0.25)
"""How far the weights may go from the old ones to the tuned ones."""
MAX_REGRESSION_DROP = 0.3
"""Points of mIoU that the regression set may lose where the share is chosen: less than what is allowed in
the end, as the whole way of a frame and rounded weights come on top."""


@dataclass(frozen=True)
class Choice:
    """How far the weights went, and what chose it: foreground IoU and mIoU in %, before and after."""

    alpha: float
    own: tuple[float, float]
    regression: tuple[float, float]


def interpolate(old: Arrays, new: Arrays, share: float) -> Arrays:
    """The weights on the line from the old ones (share 0) to the new ones (share 1)."""
    return [np.asarray(o + share * (n - o), o.dtype) for o, n in zip(old, new, strict=True)]


def select_alpha(
    model: keras.Model,
    old: Arrays,
    new: Arrays,
    own: Sequence[LabeledFrame],
    regression: Sequence[LabeledFrame],
    shares: Sequence[float] = ALPHAS,
) -> Choice:
    """Give `model` the weights between old and new that see best: `own` frames, kept back, decide.

    Only those are chosen from at which `regression` loses at most `MAX_REGRESSION_DROP`; if there are
    none, the nearest to
    the old ones.
    """
    before = _marks(model, old, own)[0], _marks(model, old, regression)[1]
    tried: dict[float, tuple[float, float]] = {}
    for share in shares:
        weights = interpolate(old, new, share)
        tried[share] = _marks(model, weights, own)[0], _marks(model, weights, regression)[1]
    allowed = [share for share in shares if tried[share][1] >= before[1] - MAX_REGRESSION_DROP] or [
        min(shares)
    ]
    best = max(allowed, key=lambda share: tried[share][0])
    model.set_weights(interpolate(old, new, best))
    return Choice(best, (before[0], tried[best][0]), (before[1], tried[best][1]))


def _marks(model: keras.Model, weights: Arrays, shots: Sequence[LabeledFrame]) -> tuple[float, float]:
    """Foreground IoU and mIoU in %, means over shots, of the network alone at its own size."""
    model.set_weights(weights)
    _, height, width, _ = model.input_shape
    size, rows = Size(width, height), []
    for first in range(0, len(shots), 16):
        some = shots[first : first + 16]
        pictures = np.stack([downscale(shot.frame, size) for shot in some]).astype(np.float32) / np.float32(
            255
        )
        said = keras.ops.convert_to_numpy(model(pictures, training=False)["matte"])[..., 0]
        # As live: an island that is nowhere sure would else count as much as a person in an empty room.
        rows += [_ious(clean_matte(matte), shot, size) for matte, shot in zip(said, some, strict=True)]
    foreground, background = np.mean(rows, axis=0)
    return 100 * float(foreground), 50 * float(foreground + background)


def _ious(said: NDArray[Any], shot: LabeledFrame, size: Size) -> tuple[float, float]:
    known = downscale_matte(shot.valid_mask.astype(np.float32), size) > 0.99
    inside, subject = said > 0.5, downscale_matte(shot.matte, size) > 0.5
    return iou(inside, subject, known), iou(~inside, ~subject, known)
