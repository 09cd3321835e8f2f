"""Result of looking for one object in a frame, and the state that is compared with the next frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.types import Matte


class MaskCandidateLike(Protocol):
    """One mask for a prompt: `livecam.annotation.sam.predictor.MaskCandidate`, or a test double."""

    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def iou_score(self) -> float: ...  # noqa: D102
    @property
    def matte(self) -> Matte: ...  # noqa: D102


class EmbeddedImageLike(Protocol):
    """An image with its SAM embedding: `ImageEmbedding`, or a test double."""

    def predict(self, prompt: Prompt) -> Sequence[MaskCandidateLike]: ...  # noqa: D102


class TrackState(NamedTuple):
    """State of a tracked object: its point, and box, area and appearance of the last accepted mask.

    Attributes:
        tracked_point: position of the point that is followed, in the frame.
        box: bounding box of the mask, in pixels.
        area: pixels of the mask.
        appearance: shape and colors within the box.
    """

    tracked_point: Point
    box: Box
    area: int
    appearance: AppearanceDescriptor

    def translated_to(self, tracked_point: Point) -> "TrackState":
        """Return the state with another tracked point; the box moves with it and may leave the image."""
        x, y = tracked_point.x - self.tracked_point.x, tracked_point.y - self.tracked_point.y
        return self._replace(tracked_point=tracked_point, box=self.box.translated(x, y))


@dataclass(frozen=True)
class Observation:
    """One object in one frame.

    Attributes:
        prompt: what SAM received; None if the object is lost.
        candidate: the mask that was selected; None if the object is lost or SAM found nothing.
        state: what the next frame is compared with.
        reasons: why the frame needs a review; empty if nothing is suspicious.
    """

    prompt: Prompt | None
    candidate: MaskCandidateLike | None
    state: TrackState | None
    reasons: tuple[str, ...] = ()


def score_to_json(score: float) -> float | None:
    """Return a score for JSON: rounded to four decimals, None for NaN and infinity."""
    return round(float(score), 4) if math.isfinite(score) else None


def finite_score(score: float) -> float:
    """Return a score that can be compared: -1 for NaN and infinity, which damaged weights can produce."""
    return score if math.isfinite(score) else -1.0
