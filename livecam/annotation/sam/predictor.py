"""Segment Anything: look at a picture once, then ask for as many things in it as you like.

Source: Kirillov et al., "Segment Anything", ICCV 2023, by way of KerasHub.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.prompts import Point, Prompt, validate_prompt
from livecam.annotation.sam.memory_estimate import MemoryEstimate, oom_as_error
from livecam.annotation.sam.preprocessing import ResizeLongestSide
from livecam.annotation.sam.presets import PRESETS, load_preset
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, check_frame

_KEEP, _DROP, _PADDING = 1.0, 0.0, -1.0


@dataclass(frozen=True, eq=False)
class MaskCandidate:
    """One of SAM's four answers to a prompt.

    Attributes:
        number: SAM's own, 0 to 3.
        score: the IoU that SAM expects of it; about 0 to 1, can be NaN with damaged weights.
        matte: of the picture's size.
    """

    number: int
    score: float
    matte: Matte


def union_mattes(candidates: Sequence[MaskCandidate]) -> Matte:
    """The matte of all things together: at each pixel the largest.

    Args:
        candidates: at least one, all of one picture.
    """
    matte: Matte = np.maximum.reduce([candidate.matte for candidate in candidates])
    return matte


def rank(scores: Sequence[float]) -> list[int]:
    """The numbers of the candidates, the best first; those without a score last, equal ones in order."""
    return sorted(range(len(scores)), key=lambda number: _or_least(scores[number]), reverse=True)


class ImageEmbedding:
    """A picture that SAM has looked at; keeps its embedding (4 MB), not the picture."""

    def __init__(
        self, sam: "SamPredictor", canvas: ResizeLongestSide, embedding: NDArray[np.float32]
    ) -> None:
        self._sam, self._canvas, self._embedding = sam, canvas, embedding

    @property
    def size(self) -> Size:
        """The picture's."""
        return self._canvas.size

    def predict(self, prompt: Prompt) -> tuple[MaskCandidate, ...]:
        """All four candidates for the thing that a prompt means, the best by SAM's own score first.

        Raises:
            UsageError: the prompt can't be used on this picture.
            AnnotationError: too little memory.
        """
        validate_prompt(prompt, self.size)
        with oom_as_error(f"drawing mattes of {self.size}"):
            logits, scores = self._sam.decode(self._embedding, _prompt_tensors(prompt, self._canvas))
            return tuple(
                MaskCandidate(number, float(scores[number]), self._canvas.logits_to_matte(logits[number]))
                for number in rank([float(score) for score in scores])
            )


class SamPredictor:
    """SAM, loaded."""

    def __init__(self, task: Any, footprint: MemoryEstimate | None = None) -> None:
        """Take a SAMImageSegmenter of KerasHub; `footprint` where known, for the size of batches."""
        self._backbone, self._footprint = task.backbone, footprint
        self._side = int(task.backbone.image_encoder.image_shape[0])
        self._colours = _colours(task)

    @classmethod
    def load(cls, preset: str = PRESETS[0]) -> "SamPredictor":
        """Load a preset by its name (downloaded once), or from a folder that `save_to_preset` has written.

        Raises:
            AnnotationError: KerasHub is missing, there is no such preset, it can't be downloaded, it holds no
                SAM, or memory is too little for it.
        """
        return cls(*load_preset(preset))

    def embed(self, frame: Frame) -> ImageEmbedding:
        """Compute a picture's embedding, the slow part.

        Raises:
            FrameError: it is no frame.
            AnnotationError: too little memory.
        """
        return self._look([frame])[0]

    def embed_many(self, frames: Iterable[Frame]) -> Iterator[ImageEmbedding]:
        """Look at many pictures, as many at a time as memory allows, in their order.

        On a processor that saves what a call costs beside its sums: 0.04 s of a picture where four are
        looked at together.

        Raises:
            FrameError: one is no frame.
            AnnotationError: too little memory.
        """
        waiting = iter(frames)
        together = self._footprint.batch() if self._footprint else 1
        while batch := list(islice(waiting, together)):
            yield from self._look(batch)

    def decode(
        self, embedding: NDArray[np.float32], words: dict[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Ask about a picture: four masks' logits (4, side / 4, side / 4) and their scores (4,).

        Args:
            embedding: of one picture, (side / 16, side / 16, channels).
            words: the prompt encoder's points, labels, boxes and masks, for one prompt.
        """
        said = self._backbone.mask_decoder(
            image_embeddings=embedding[None], **self._backbone.prompt_encoder(**words)
        )
        return _array(said["masks"])[0], _array(said["iou_pred"])[0]

    def _look(self, frames: Sequence[Frame]) -> list[ImageEmbedding]:
        canvases = [ResizeLongestSide.of(Size.of(check_frame(frame)), self._side) for frame in frames]
        with oom_as_error(f"looking at {len(frames)} picture(s)"):
            squares = [
                canvas.apply_image(frame, *self._colours)
                for canvas, frame in zip(canvases, frames, strict=True)
            ]
            embeddings = _array(self._backbone.image_encoder(np.stack(squares), training=False))
        return [ImageEmbedding(self, canvas, each) for canvas, each in zip(canvases, embeddings, strict=True)]


def _prompt_tensors(prompt: Prompt, canvas: ResizeLongestSide) -> dict[str, NDArray[np.float32]]:
    """A prompt as the prompt encoder wants it: each kind is there, if only empty."""
    rows = [(canvas.apply_point(point), _KEEP) for point in prompt.positive]
    rows += [(canvas.apply_point(point), _DROP) for point in prompt.negative]
    corners = []
    if prompt.box is None:
        # SAM was trained with one point that is none wherever there is no box.
        rows.append((Point(0, 0), _PADDING))
    else:
        left, top, right, bottom = prompt.box
        corners = [[canvas.apply_point(Point(left, top)), canvas.apply_point(Point(right, bottom))]]
    masks = [] if prompt.mask is None else [canvas.mask_to_logits(prompt.mask)]
    return {
        "points": np.array([point for point, _ in rows], np.float32).reshape(1, -1, 2),
        "labels": np.array([label for _, label in rows], np.float32).reshape(1, -1),
        "boxes": np.array(corners, np.float32).reshape(1, -1, 2, 2),
        "masks": np.array(masks, np.float32).reshape(1, -1, canvas.side // 4, canvas.side // 4, 1),
    }


def _colours(task: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What colours of 0 to 255 are multiplied with, and what is added then, for the image encoder."""
    converter = getattr(task.preprocessor, "image_converter", None)
    scale = getattr(converter, "scale", None)
    offset = getattr(converter, "offset", None)
    return (
        np.asarray(1 / 255 if scale is None else scale, np.float32),
        np.asarray(0.0 if offset is None else offset, np.float32),
    )


def _array(tensor: Any) -> NDArray[np.float32]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor), np.float32)


def _or_least(score: float) -> float:
    return -math.inf if math.isnan(score) else score
