"""How good mattes are: mean IoU, boundary F and mean absolute difference, on arrays in memory."""

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.frames import Matte


@dataclass(frozen=True)
class Scores:
    """Means over pictures; IoUs and boundary F in %, higher is better; MAD x 1000, lower is better."""

    miou: float
    foreground_iou: float
    boundary_f: float
    mad: float

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.2f}" for name, value in asdict(self).items())


def iou(predicted: NDArray[np.bool_], true: NDArray[np.bool_], known: NDArray[np.bool_]) -> float:
    """Intersection over union where `known`; 1 when both are empty."""
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


def score(predicted: list[Matte], true: list[Matte], known: list[NDArray[np.bool_]]) -> Scores:
    """Score mattes against true ones, each (height, width), where `known`."""
    rows = []
    for guess, truth, where in zip(predicted, true, known, strict=True):
        inside, subject = guess > 0.5, truth > 0.5
        foreground, background = iou(inside, subject, where), iou(~inside, ~subject, where)
        difference = float(np.abs(guess - truth)[where].mean()) if where.any() else 0.0
        outline = boundary_f(inside, subject)
        rows.append((50 * (foreground + background), 100 * foreground, 100 * outline, 1000 * difference))
    return Scores(*(float(column) for column in np.mean(rows, axis=0)))
