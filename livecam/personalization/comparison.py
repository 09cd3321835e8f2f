"""Comparison of two models on frames that neither was trained with: figures and one image.

Both models run in the complete pipeline of a live frame.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.evaluation.metrics import frame_metrics
from livecam.imaging.ops import letterbox
from livecam.personalization.results import ComparisonResult
from livecam.pipeline import Pipeline
from livecam.training.figures import write_image_grid

__all__ = ["ComparisonResult", "compare", "draw_before_after", "live_miou", "predict_mattes"]

MAX_ROWS = 6  # frames in the image
LONGEST = 320  # pixels of a frame in the image
_GREEN = np.array([0, 177, 64], np.float32)
_HEADER_HEIGHT = 24  # pixels


def compare(
    models: tuple[str, str],
    held_out: Sequence[LabeledFrame],
    regression: Sequence[LabeledFrame],
    image: Path,
) -> ComparisonResult:
    """Measure two models, and draw the held-out frames at which the second one is worst.

    Args:
        models: names or files of the model before and after.
        held_out: the user's frames; foreground IoU.
        regression: other scenes; mIoU.
        image: file to write.

    Raises:
        ModelError: a model can't be run.
        TrainingError: the image can't be written.
    """
    mattes = [predict_mattes(model, held_out) for model in models]
    own = [_metric(predicted, held_out, "fg_iou") for predicted in mattes]
    other = [_metric(predict_mattes(model, regression), regression, "miou") for model in models]
    worst = sorted(range(len(held_out)), key=lambda index: own[1][index])[:MAX_ROWS]
    draw_before_after([(held_out[index], mattes[0][index], mattes[1][index]) for index in worst], image)
    return ComparisonResult(_means(own), _means(other), len(held_out))


def predict_mattes(model: str, frames: Sequence[LabeledFrame]) -> list[Matte]:
    """Return a model's full-resolution matte of each frame, each without temporal memory of the others.

    Raises:
        ModelError: the model can't be run.
    """
    pipeline = Pipeline.load(model)
    mattes = []
    for labeled in frames:
        pipeline.reset()
        mattes.append(pipeline.matte(labeled.frame, 0.0))
    pipeline.close()
    return mattes


def live_miou(model: str, frames: Sequence[LabeledFrame]) -> float:
    """Return the mean mIoU in % of a model in the complete pipeline.

    Raises:
        ModelError: the model can't be run.
    """
    return float(np.mean(_metric(predict_mattes(model, frames), frames, "miou")))


def draw_before_after(rows: Sequence[tuple[LabeledFrame, Matte, Matte]], path: Path) -> None:
    """Write an image with a row for each frame: the frame, then before, after and ground truth on green.

    Args:
        rows: at least one frame with its mattes before and after.
        path: file to write.

    Raises:
        TrainingError: the file can't be written.
    """
    size = Size.of(rows[0][0].frame).fit_within(LONGEST)
    header = [_title(text, size.width) for text in ("frame", "before", "after", "truth")]
    cells = [
        [labeled.frame, *(_on_green(labeled.frame, matte) for matte in (before, after, labeled.matte))]
        for labeled, before, after in rows
    ]
    strips = [np.hstack(header), *(np.hstack([letterbox(cell, size) for cell in row]) for row in cells)]
    write_image_grid([np.vstack(strips)], 1, path)


def _means(values: list[list[float]]) -> tuple[float, float]:
    before, after = values
    return float(np.mean(before)), float(np.mean(after))


def _metric(mattes: Sequence[Matte], frames: Sequence[LabeledFrame], name: str) -> list[float]:
    return [
        frame_metrics(matte, labeled.matte, labeled.valid_mask, soft=False)[name]
        for matte, labeled in zip(mattes, frames, strict=True)
    ]


def _on_green(frame: Frame, matte: Matte) -> Frame:
    alpha = matte[..., None]
    return np.asarray(np.rint(frame * alpha + _GREEN * (1 - alpha)), np.uint8)


def _title(text: str, width: int) -> Frame:
    strip = np.full((_HEADER_HEIGHT, width, 3), 34, np.uint8)
    cv2.putText(strip, text, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
    return strip
