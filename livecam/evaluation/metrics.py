"""How good mattes are: overlap, outline, softness and steadiness, on arrays in memory.

`iou`, `boundary_f`, `leak` and `hole` are shares in [0, 1]. `frame_metrics` scales all as they are shown:

======================  ========  ================================================================
miou, fg_iou, bg_iou    %         overlap at a matte of 0.5; miou is the mean of the other two
contour                 %         IoU of the contour class, for models that tell the classes
bf                      %         boundary F at a matte of 0.5
mad, mse                × 1000    mean absolute and squared difference of the soft mattes
grad                    × 1       mean squared difference of the mattes' gradients (3×3 Sobel)
dtssd                   × 100     error of the change from frame to frame
leak, hole              %         room shown, subject lost, both away from the outline
======================  ========  ================================================================

IoUs, contour and bf: higher is better; the others: lower is better.
"""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.core.types import Matte


@dataclass(frozen=True)
class ValidationMetrics:
    """Means over pictures; IoUs and boundary F in %, higher is better; MAD x 1000, lower is better."""

    miou: float
    foreground_iou: float
    boundary_f: float
    mad: float

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.2f}" for name, value in asdict(self).items())


def iou(predicted: NDArray[np.bool_], true: NDArray[np.bool_], known: NDArray[np.bool_]) -> float:
    """Intersection over union where `known` (Jaccard, 1901; PASCAL VOC, IJCV 2010); 1 when both are empty."""
    union = int(((predicted | true) & known).sum())
    return 1.0 if union == 0 else int((predicted & true & known).sum()) / union


def boundary_f(predicted: NDArray[np.bool_], true: NDArray[np.bool_], tolerance: float = 0.0075) -> float:
    """F-measure of the outlines within `tolerance` of the diagonal (Perazzi et al., DAVIS, CVPR 2016).

    1 when both have no outline, 0 when only one has none.
    """
    reach = max(1, round(tolerance * float(np.hypot(*true.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ring = np.ones((3, 3), np.uint8)
    said, real = (cv2.morphologyEx(m.astype(np.uint8), cv2.MORPH_GRADIENT, ring) for m in (predicted, true))
    if not (said.any() and real.any()):
        return float(not (said.any() or real.any()))
    precision = float((cv2.dilate(real, disc)[said > 0] > 0).mean())
    recall = float((cv2.dilate(said, disc)[real > 0] > 0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def leak(predicted: Matte, true: Matte, known: NDArray[np.bool_], band: float = 0.01) -> float:
    """The share of the true background that is shown at a matte above 0.5 (our own measure).

    Counted where `known` and further than `band` of the diagonal from the true subject; 0 where that is
    nowhere. Both mattes are (height, width).
    """
    far = (cv2.dilate((true > 0.5).astype(np.uint8), _square(true, band)) == 0) & known
    return float((predicted[far] > 0.5).mean()) if far.any() else 0.0


def hole(predicted: Matte, true: Matte, known: NDArray[np.bool_], band: float = 0.01) -> float:
    """The share of the true subject that is lost at a matte below 0.5 (our own measure).

    Counted where `known` and deeper than `band` of the diagonal inside; 0 where that is nowhere.
    """
    core = (cv2.erode((true > 0.5).astype(np.uint8), _square(true, band)) > 0) & known
    return float((predicted[core] < 0.5).mean()) if core.any() else 0.0


def _square(picture: Matte, band: float) -> NDArray[np.uint8]:
    reach = max(1, round(band * float(np.hypot(*picture.shape))))
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def gradient_error(predicted: Matte, true: Matte, known: NDArray[np.bool_]) -> float:
    """Mean squared difference of the gradients' magnitudes, by 3×3 Sobel operators.

    After the gradient error of Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting",
    CVPR 2009, whose Gaussian derivatives are replaced by Sobel's.
    """
    return _mean_where(np.square(_steepness(predicted) - _steepness(true)), known)


def _steepness(matte: Matte) -> Matte:
    across, down = cv2.Sobel(matte, cv2.CV_32F, 1, 0), cv2.Sobel(matte, cv2.CV_32F, 0, 1)
    return np.asarray(np.hypot(across, down), np.float32)


def dtssd(last: Matte, predicted: Matte, true_last: Matte, true: Matte) -> float:
    """Root mean square of the error of the change from the last frame to this one, not scaled.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.
    """
    return float(np.sqrt(np.square((predicted - last) - (true - true_last)).mean()))


def frame_metrics(
    predicted: Matte, true: Matte, known: NDArray[np.bool_] | None = None, *, soft: bool = True
) -> dict[str, float]:
    """All that one frame alone tells, scaled as the head of this module says.

    MAD and MSE as in Rhemann et al., CVPR 2009, over the whole frame.

    Args:
        predicted: the matte to judge, float32 (height, width).
        true: the true one.
        known: where it is known; everywhere if None.
        soft: whether the true outline's softness is known too; without it there is no ``grad``.
    """
    known = np.ones(true.shape, bool) if known is None else known
    inside, subject = predicted > 0.5, true > 0.5
    foreground, background = iou(inside, subject, known), iou(~inside, ~subject, known)
    marks = {
        "miou": 50 * (foreground + background),
        "fg_iou": 100 * foreground,
        "bg_iou": 100 * background,
        "bf": 100 * boundary_f(inside, subject),
        "mad": 1000 * _mean_where(np.abs(predicted - true), known),
        "mse": 1000 * _mean_where(np.square(predicted - true), known),
        "leak": 100 * leak(predicted, true, known),
        "hole": 100 * hole(predicted, true, known),
    }
    return marks | ({"grad": gradient_error(predicted, true, known)} if soft else {})


def _mean_where(values: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    return float(values[known].mean()) if known.any() else 0.0


def mean_metrics(
    predicted: list[Matte], true: list[Matte], known: list[NDArray[np.bool_]]
) -> ValidationMetrics:
    """Score mattes against true ones, each (height, width), where `known`."""
    rows = []
    for guess, truth, where in zip(predicted, true, known, strict=True):
        inside, subject = guess > 0.5, truth > 0.5
        foreground, background = iou(inside, subject, where), iou(~inside, ~subject, where)
        difference = float(np.abs(guess - truth)[where].mean()) if where.any() else 0.0
        outline = boundary_f(inside, subject)
        rows.append((50 * (foreground + background), 100 * foreground, 100 * outline, 1000 * difference))
    return ValidationMetrics(*(float(column) for column in np.mean(rows, axis=0)))
