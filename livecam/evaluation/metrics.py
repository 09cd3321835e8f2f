"""Metrics of mattes: overlap, boundary, alpha error and temporal error, on arrays in memory.

`iou`, `boundary_f`, `background_leak_rate` and `foreground_miss_rate` are fractions in [0, 1].
`frame_metrics` scales all values for display:

======================  ========  ================================================================
miou, fg_iou, bg_iou    %         IoU at a threshold of 0.5; miou is the mean of the other two
contour                 %         IoU of the contour class, for models with class outputs
bf                      %         boundary F at a threshold of 0.5
mad, mse                × 1000    mean absolute and mean squared difference of the mattes
grad                    × 1       `gradient_error_sobel`; tables call it ``grad_sobel``
dtssd                   × 100     error of the change from frame to frame
leak, hole              %         background shown, foreground lost, both away from the outline
soft                    × 1000    mean absolute difference on the known pixels of a sparse label
flicker                 × 1000    mean absolute change of the matte from frame to frame, motion included
======================  ========  ================================================================

IoUs, contour and bf: higher is better; the others: lower is better. The key of the gradient error stays
``grad`` in ``scores.json`` and ``scores.csv``, so that earlier files can be read and compared.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Matte


@dataclass(frozen=True)
class ValidationMetrics:
    """Means over frames: IoUs and boundary F in % (higher is better), MAD x 1000 (lower is better)."""

    miou: float
    foreground_iou: float
    boundary_f: float
    mad: float

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.2f}" for name, value in asdict(self).items())


def iou(predicted: NDArray[np.bool_], true: NDArray[np.bool_], valid_mask: NDArray[np.bool_]) -> float:
    """Compute intersection over union where `valid_mask` (Jaccard, 1901; PASCAL VOC, IJCV 2010).

    Returns 1 if both masks are empty.
    """
    union = int(((predicted | true) & valid_mask).sum())
    return 1.0 if union == 0 else int((predicted & true & valid_mask).sum()) / union


def boundary_f(predicted: NDArray[np.bool_], true: NDArray[np.bool_], tolerance: float = 0.0075) -> float:
    """Compute the F-measure of the outlines (Perazzi et al., DAVIS, CVPR 2016).

    Outlines match within `tolerance`, a fraction of the diagonal. Returns 1 if both masks have no outline,
    0 if only one has none.
    """
    reach = max(1, round(tolerance * float(np.hypot(*true.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    square = np.ones((3, 3), np.uint8)
    outline, true_outline = (
        cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, square) for mask in (predicted, true)
    )
    if not (outline.any() and true_outline.any()):
        return float(not (outline.any() or true_outline.any()))
    precision = float((cv2.dilate(true_outline, disc)[outline > 0] > 0).mean())
    sensitivity = float((cv2.dilate(outline, disc)[true_outline > 0] > 0).mean())
    return 2 * precision * sensitivity / (precision + sensitivity) if precision + sensitivity else 0.0


def background_leak_rate(
    predicted: Matte, true: Matte, valid_mask: NDArray[np.bool_], band: float = 0.01
) -> float:
    """Compute the fraction of the true background with a matte above 0.5 (livecam's own metric).

    Counts pixels where `valid_mask`, farther than `band` (fraction of the diagonal) from the true foreground.
    Both mattes are (height, width). Returns 0 if there are no such pixels.
    """
    far = (cv2.dilate((true > 0.5).astype(np.uint8), _square(true, band)) == 0) & valid_mask
    return float((predicted[far] > 0.5).mean()) if far.any() else 0.0


def foreground_miss_rate(
    predicted: Matte, true: Matte, valid_mask: NDArray[np.bool_], band: float = 0.01
) -> float:
    """Compute the fraction of the true foreground with a matte below 0.5 (livecam's own metric).

    Counts pixels where `valid_mask`, deeper than `band` (fraction of the diagonal) inside the true
    foreground. Returns 0 if there are no such pixels.
    """
    core = (cv2.erode((true > 0.5).astype(np.uint8), _square(true, band)) > 0) & valid_mask
    return float((predicted[core] < 0.5).mean()) if core.any() else 0.0


def _square(matte: Matte, band: float) -> NDArray[np.uint8]:
    reach = max(1, round(band * float(np.hypot(*matte.shape))))
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def gradient_error_sobel(predicted: Matte, true: Matte, valid_mask: NDArray[np.bool_]) -> float:
    """Compute the mean squared difference of the gradient magnitudes, with 3×3 Sobel operators.

    Not the published gradient error: Rhemann et al., "A Perceptually Motivated Online Benchmark for Image
    Matting", CVPR 2009, use Gaussian derivatives.
    """
    return _mean_where(np.square(_gradient_magnitude(predicted) - _gradient_magnitude(true)), valid_mask)


def _gradient_magnitude(matte: Matte) -> Matte:
    dx, dy = cv2.Sobel(matte, cv2.CV_32F, 1, 0), cv2.Sobel(matte, cv2.CV_32F, 0, 1)
    return np.asarray(np.hypot(dx, dy), np.float32)


def dtssd(previous: Matte, predicted: Matte, true_previous: Matte, true: Matte) -> float:
    """Compute the root mean square error of the change since the previous frame, not scaled.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.
    """
    return float(np.sqrt(np.square((predicted - previous) - (true - true_previous)).mean()))


def frame_metrics(
    predicted: Matte, true: Matte, valid_mask: NDArray[np.bool_] | None = None, *, soft: bool = True
) -> dict[str, float]:
    """Compute all metrics of a single frame, scaled as in the module's docstring.

    MAD and MSE as in Rhemann et al., CVPR 2009, over the whole frame.

    Args:
        predicted: the matte to score, float32 (height, width).
        true: the true matte.
        valid_mask: where the true matte is known; everywhere if None.
        soft: whether the true matte is exact at the outline; if not, there is no ``grad``.
    """
    valid_mask = np.ones(true.shape, bool) if valid_mask is None else valid_mask
    mask, true_mask = predicted > 0.5, true > 0.5
    foreground, background = iou(mask, true_mask, valid_mask), iou(~mask, ~true_mask, valid_mask)
    metrics = {
        "miou": 50 * (foreground + background),
        "fg_iou": 100 * foreground,
        "bg_iou": 100 * background,
        "bf": 100 * boundary_f(mask, true_mask),
        "mad": 1000 * _mean_where(np.abs(predicted - true), valid_mask),
        "mse": 1000 * _mean_where(np.square(predicted - true), valid_mask),
        "leak": 100 * background_leak_rate(predicted, true, valid_mask),
        "hole": 100 * foreground_miss_rate(predicted, true, valid_mask),
    }
    return metrics | ({"grad": gradient_error_sobel(predicted, true, valid_mask)} if soft else {})


def known_pixel_metrics(predicted: Matte, true: Matte, valid_mask: NDArray[np.bool_]) -> dict[str, float]:
    """Compute the metrics of a frame whose label leaves out what is not certain, such as hair.

    The unknown pixels take the place of the band that `background_leak_rate` and `foreground_miss_rate` leave
    out: here ``leak`` and ``hole`` count all known pixels. No metric of the outline is computed.

    Args:
        predicted: the matte to score, float32 (height, width).
        true: 1 for foreground, 0 for background.
        valid_mask: where the label is known.
    """
    mask, true_mask = predicted > 0.5, true > 0.5
    foreground, background = iou(mask, true_mask, valid_mask), iou(~mask, ~true_mask, valid_mask)
    shown, lost = mask[valid_mask & ~true_mask], ~mask[valid_mask & true_mask]
    return {
        "miou": 50 * (foreground + background),
        "fg_iou": 100 * foreground,
        "bg_iou": 100 * background,
        "leak": 100 * float(shown.mean()) if shown.size else 0.0,
        "hole": 100 * float(lost.mean()) if lost.size else 0.0,
        "soft": 1000 * _mean_where(np.abs(predicted - true), valid_mask),
    }


def flicker(previous: Matte, predicted: Matte) -> float:
    """Compute the mean absolute change of the matte since the previous frame × 1000.

    It needs no label. Motion counts too, so compare only models on the same clips.
    """
    return 1000 * float(np.abs(predicted - previous).mean())


def _mean_where(values: NDArray[np.float32], valid_mask: NDArray[np.bool_]) -> float:
    return float(values[valid_mask].mean()) if valid_mask.any() else 0.0


def mean_metrics(
    predicted: list[Matte], true: list[Matte], valid_masks: list[NDArray[np.bool_]]
) -> ValidationMetrics:
    """Average metrics over mattes, each (height, width), where its `valid_masks` entry is true."""
    rows = []
    for matte, true_matte, valid in zip(predicted, true, valid_masks, strict=True):
        mask, true_mask = matte > 0.5, true_matte > 0.5
        foreground, background = iou(mask, true_mask, valid), iou(~mask, ~true_mask, valid)
        mad = _mean_where(np.abs(matte - true_matte), valid)
        boundary = boundary_f(mask, true_mask)
        rows.append((50 * (foreground + background), 100 * foreground, 100 * boundary, 1000 * mad))
    return ValidationMetrics(*(float(column) for column in np.mean(rows, axis=0)))
