"""Segment Anything: look at a picture once, then ask for as many things in it as you like."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecam.frames import Frame, Matte, Size
from livecam.labelling.canvas import Canvas
from livecam.labelling.prompts import Prompt


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of SAM's four answers to a prompt.

    Attributes:
        number: SAM's own, 0 to 3.
        score: the IoU that SAM expects of it; about 0 to 1, can be NaN with damaged weights.
        matte: of the picture's size.
    """

    number: int
    score: float
    matte: Matte


def unite(candidates: Sequence[Candidate]) -> Matte:
    """The matte of all things together: at each pixel the largest.

    Args:
        candidates: at least one, all of one picture.
    """
    return np.maximum.reduce([candidate.matte for candidate in candidates])


class Seen:
    """A picture that SAM has looked at; keeps its embedding (4 MB), not the picture."""

    def __init__(self, sam: "Sam", canvas: Canvas, embedding: Any) -> None:
        self._sam, self._canvas, self._embedding = sam, canvas, embedding

    @property
    def size(self) -> Size:
        """The picture's."""
        return self._canvas.size

    def segment(self, prompt: Prompt) -> tuple[Candidate, ...]:
        """All four candidates for the thing that a prompt means, the best by SAM's own score first.

        Raises:
            UsageError: the prompt can't be used on this picture.
            LabellingError: too little memory.
        """
        raise NotImplementedError


class Sam:
    """SAM, loaded."""

    @classmethod
    def load(cls, preset: str = "sam_base_sa1b") -> "Sam":
        """Load a preset by its name (downloaded once), or from a folder that `save_to_preset` has written.

        Raises:
            LabellingError: KerasHub is missing, there is no such preset, it can't be downloaded, it holds no SAM,
                or memory is too little for it.
        """
        raise NotImplementedError

    def look(self, frame: Frame) -> Seen:
        """Compute a picture's embedding, the slow part."""
        raise NotImplementedError

    def look_all(self, frames: Iterable[Frame]) -> Iterator[Seen]:
        """Look at many pictures, as many at a time as memory allows, in their order."""
        raise NotImplementedError
