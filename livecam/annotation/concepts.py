"""What words name in an image: `person` by the compact model and SAM, anything else by SAM 3."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from livecam.annotation.config import PERSON_TEXTS
from livecam.annotation.observation import EmbeddedImageLike
from livecam.annotation.person import estimate_person, segment_person
from livecam.annotation.prompts import Prompt
from livecam.annotation.sam.predictor import MaskCandidate
from livecam.annotation.sam.text import InstanceFinder
from livecam.core.types import Frame
from livecam.models.base import MatteModel


class Concept(NamedTuple):
    """One instance that was found: the prompt that shows where, and its mask."""

    prompt: Prompt
    candidate: MaskCandidate


def is_person(text: str) -> bool:
    """Return whether a text names a person."""
    return text.strip().casefold() in PERSON_TEXTS


@dataclass(frozen=True)
class ConceptFinder:
    """Finds the instances of several texts in images.

    Attributes:
        texts: what to find.
        model: the compact model; None unless a text names a person.
        finder: SAM 3; None if all texts name a person.
    """

    texts: Sequence[str]
    model: MatteModel | None
    finder: InstanceFinder | None

    @classmethod
    def load(
        cls,
        texts: Sequence[str],
        load_model: Callable[[], MatteModel],
        load_finder: Callable[[], InstanceFinder],
    ) -> "ConceptFinder":
        """Load what the texts need, and nothing else.

        Raises:
            LivecamError: a model can't be loaded.
        """
        return cls(
            texts,
            load_model() if any(map(is_person, texts)) else None,
            None if all(map(is_person, texts)) else load_finder(),
        )

    def find(self, frame: Frame, embedding: EmbeddedImageLike | None) -> list[Concept]:
        """Return all instances in an image, by text and then by score.

        Args:
            frame: the image.
            embedding: its embedding; needed if a text names a person.
        """
        found: list[Concept] = []
        for text in self.texts:
            if is_person(text):
                if self.model is not None and embedding is not None:
                    found += self._people(frame, embedding, self.model)
            elif self.finder is not None:
                found += [
                    Concept(Prompt(box=each.box), MaskCandidate(each.index, each.score, each.matte))
                    for each in self.finder.find(frame, text)
                ]
        return found

    @staticmethod
    def _people(frame: Frame, embedding: EmbeddedImageLike, model: MatteModel) -> list[Concept]:
        person = segment_person(estimate_person(model, frame), embedding, (), None)
        return [
            Concept(prompt, MaskCandidate(candidate.index, candidate.iou_score, candidate.matte))
            for prompt, candidate in zip(person.prompts, person.candidates, strict=True)
        ]
