"""Interpolation between the base weights and the fine-tuned weights of a network.

Source: "WiSE-FT", Wortsman et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022. Frames of the user
that were not trained with, and scenes at which the network must not become worse, select the position.
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
"""Candidate positions between the base weights (0) and the fine-tuned weights (1)."""
MAX_REGRESSION_DROP = 0.3
"""Points of mIoU that the regression set may lose here. Less than `results.MAX_MIOU_LOSS`, because rounded
weights and the complete pipeline change the figure again."""
_BATCH = 16


@dataclass(frozen=True)
class Choice:
    """The selected position.

    Attributes:
        alpha: position between the base weights (0) and the fine-tuned weights (1).
        own: foreground IoU in % of the user's selection frames, before and after.
        regression: mIoU in % of the regression set, before and after.
    """

    alpha: float
    own: tuple[float, float]
    regression: tuple[float, float]


def interpolate(old: Arrays, new: Arrays, alpha: float) -> Arrays:
    """Return the weights ``old + alpha * (new - old)``, new arrays of the old dtypes."""
    return [np.asarray(o + alpha * (n - o), o.dtype) for o, n in zip(old, new, strict=True)]


def select_alpha(
    model: keras.Model,
    old: Arrays,
    new: Arrays,
    own: Sequence[LabeledFrame],
    regression: Sequence[LabeledFrame],
    alphas: Sequence[float] = ALPHAS,
) -> Choice:
    """Set the interpolated weights with the best foreground IoU on `own`.

    Only positions are allowed at which `regression` loses at most `MAX_REGRESSION_DROP`; if there are none,
    the smallest position is taken.

    Args:
        model: receives the selected weights.
        old: the base weights.
        new: the fine-tuned weights.
        own: frames of the user that were not trained with.
        regression: scenes at which the network must not become worse.
        alphas: candidate positions.
    """
    before = _metrics(model, old, own)[0], _metrics(model, old, regression)[1]
    tried: dict[float, tuple[float, float]] = {}
    for alpha in alphas:
        weights = interpolate(old, new, alpha)
        tried[alpha] = _metrics(model, weights, own)[0], _metrics(model, weights, regression)[1]
    allowed = [alpha for alpha in alphas if tried[alpha][1] >= before[1] - MAX_REGRESSION_DROP]
    best = max(allowed or [min(alphas)], key=lambda alpha: tried[alpha][0])
    model.set_weights(interpolate(old, new, best))
    return Choice(best, (before[0], tried[best][0]), (before[1], tried[best][1]))


def _metrics(model: keras.Model, weights: Arrays, frames: Sequence[LabeledFrame]) -> tuple[float, float]:
    """Return mean foreground IoU and mean mIoU in % of the network alone, at its input size."""
    model.set_weights(weights)
    _, height, width, _ = model.input_shape
    size, rows = Size(width, height), []
    for start in range(0, len(frames), _BATCH):
        batch = frames[start : start + _BATCH]
        images = np.stack([downscale(labeled.frame, size) for labeled in batch]).astype(np.float32)
        output = model(images / np.float32(255), training=False)["matte"]
        mattes = keras.ops.convert_to_numpy(output)[..., 0]
        # Cleaned as in a live run: without it an uncertain island in an empty room counts as a person.
        rows += [
            _ious(clean_matte(matte), labeled, size) for matte, labeled in zip(mattes, batch, strict=True)
        ]
    foreground, background = np.mean(rows, axis=0)
    return 100 * float(foreground), 50 * float(foreground + background)


def _ious(matte: NDArray[Any], labeled: LabeledFrame, size: Size) -> tuple[float, float]:
    valid = downscale_matte(labeled.valid_mask.astype(np.float32), size) > 0.99
    predicted, truth = matte > 0.5, downscale_matte(labeled.matte, size) > 0.5
    return iou(predicted, truth, valid), iou(~predicted, ~truth, valid)
