"""Before and after, on frames that were never learnt from: figures, one picture, and whether it is better.

Both models go the whole way of a frame, as a user sees it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.evaluation.metrics import frame_metrics
from livecam.imaging.ops import letterbox
from livecam.pipeline import Pipeline
from livecam.training.figures import write_image_grid

MAX_MIOU_LOSS = 0.5
"""Points of mIoU that the regression set may lose."""
SHOWN = 6
LONGEST = 320
_GREEN = np.array([0, 177, 64], np.float32)
_HEADER = 24


@dataclass(frozen=True)
class ComparisonResult:
    """Foreground IoU of the held-out frames and mIoU of the regression set in %, each before and after."""

    held_out: tuple[float, float]
    regression: tuple[float, float]
    frames: int

    @property
    def reason(self) -> str:
        """Why it is not better; nothing if it is."""
        if not self.held_out[1] > self.held_out[0]:
            return "your held-out frames are not cut out better than before"
        if not self.regression[1] >= self.regression[0] - MAX_MIOU_LOSS:
            return f"other scenes became worse by more than {MAX_MIOU_LOSS} points of mIoU"
        return ""

    def __str__(self) -> str:
        (own, own_after), (other, other_after) = self.held_out, self.regression
        return (
            f"{'':34s}  before   after\n"
            f"{f'IoU, {self.frames} held-out frames of yours':34s}  {own:6.2f}  {own_after:6.2f} %\n"
            f"{'mIoU, other people and rooms':34s}  {other:6.2f}  {other_after:6.2f} %"
        )

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def compare(
    models: tuple[str, str],
    held_out: Sequence[LabeledFrame],
    regression: Sequence[LabeledFrame],
    picture: Path,
) -> ComparisonResult:
    """Judge the model before and the one after; draw the held-out frames, those first that are worst now.

    Raises:
        ModelError: a model can't be run. TrainingError: the picture can't be written.
    """
    mattes = [predict_mattes(model, held_out) for model in models]
    own = [_marks(said, held_out, "fg_iou") for said in mattes]
    other = [_marks(predict_mattes(model, regression), regression, "miou") for model in models]
    worst = sorted(range(len(held_out)), key=lambda at: own[1][at])[:SHOWN]
    draw_before_after([(held_out[at], mattes[0][at], mattes[1][at]) for at in worst], picture)
    return ComparisonResult(_means(own), _means(other), len(held_out))


def _means(marks: list[list[float]]) -> tuple[float, float]:
    before, after = marks
    return float(np.mean(before)), float(np.mean(after))


def predict_mattes(model: str, shots: Sequence[LabeledFrame]) -> list[Matte]:
    """What a model says of frames, each for itself, through the whole pipeline.

    Raises:
        ModelError: it can't be run.
    """
    pipeline = Pipeline.load(model)
    mattes = []
    for shot in shots:
        pipeline.reset()
        mattes.append(pipeline.matte(shot.frame, 0.0))
    pipeline.close()
    return mattes


def live_miou(model: str, shots: Sequence[LabeledFrame]) -> float:
    """The mean mIoU in % of what a model says through the whole pipeline.

    Raises:
        ModelError: it can't be run.
    """
    return float(np.mean(_marks(predict_mattes(model, shots), shots, "miou")))


def _marks(mattes: Sequence[Matte], shots: Sequence[LabeledFrame], mark: str) -> list[float]:
    return [
        frame_metrics(m, s.matte, s.valid_mask, soft=False)[mark] for m, s in zip(mattes, shots, strict=True)
    ]


def draw_before_after(rows: Sequence[tuple[LabeledFrame, Matte, Matte]], path: Path) -> None:
    """A row each of the frame, and what is kept of it before, after and in truth, on green.

    Raises:
        TrainingError: it can't be written.
    """
    size = Size.of(rows[0][0].frame).fit_within(LONGEST)
    cells = [_title(words, size.width) for words in ("frame", "before", "after", "truth")]
    draw = [
        [shot.frame, *(_on_green(shot.frame, matte) for matte in (before, after, shot.matte))]
        for shot, before, after in rows
    ]
    pictures = [[letterbox(picture, size) for picture in row] for row in draw]
    strips = [np.hstack(cells), *(np.hstack(row) for row in pictures)]
    write_image_grid([np.vstack(strips)], 1, path)


def _on_green(frame: Frame, matte: Matte) -> Frame:
    share = matte[..., None]
    return np.asarray(np.rint(frame * share + _GREEN * (1 - share)), np.uint8)


def _title(words: str, width: int) -> Frame:
    strip = np.full((_HEADER, width, 3), 34, np.uint8)
    cv2.putText(strip, words, (8, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
    return strip
