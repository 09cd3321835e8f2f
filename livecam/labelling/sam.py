"""Deprecated: use `livecam.annotation.sam.predictor`. `Sam` has ``look``, and its result ``segment``."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livecam.annotation.prompts import Prompt
from livecam.annotation.sam.predictor import ImageEmbedding, MaskCandidate, SamPredictor
from livecam.core.geometry import Size
from livecam.core.types import Frame

__all__ = ["Candidate", "Sam", "Seen"]

warnings.warn(
    "livecam.labelling.sam is now livecam.annotation.sam.predictor", DeprecationWarning, stacklevel=2
)


@dataclass(frozen=True, eq=False)
class Candidate(MaskCandidate):
    """A mask candidate with the old names of its fields."""

    @property
    def number(self) -> int:
        """SAM's index of the mask."""
        return self.index

    @property
    def score(self) -> float:
        """SAM's predicted IoU."""
        return self.iou_score


class Seen:
    """An image embedding with the old name of its method."""

    def __init__(self, embedding: ImageEmbedding) -> None:
        self._embedding = embedding

    @property
    def size(self) -> Size:
        """Size of the image."""
        return self._embedding.size

    def segment(self, prompt: Prompt) -> tuple[Candidate, ...]:
        """Return what `ImageEmbedding.predict` returns."""
        found = self._embedding.predict(prompt)
        return tuple(Candidate(each.index, each.iou_score, each.matte) for each in found)


class Sam(SamPredictor):
    """The predictor with the old names of its methods."""

    def look(self, frame: Frame) -> Seen:
        """Return what `SamPredictor.embed` returns."""
        return Seen(self.embed(frame))

    def look_all(self, frames: Iterable[Frame]) -> Iterator[Seen]:
        """Return what `SamPredictor.embed_many` returns."""
        return map(Seen, self.embed_many(frames))
