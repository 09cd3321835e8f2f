"""Segment Anything: compute an image's embedding once, then predict masks for any number of prompts.

Source: Kirillov et al., "Segment Anything", ICCV 2023, through LiteRT or KerasHub.
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
from livecam.annotation.sam.network import KerasSam, PromptTensors, SamNetwork
from livecam.annotation.sam.preprocessing import ResizeLongestSide
from livecam.annotation.sam.presets import PRESETS, load_network
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, check_frame

_POSITIVE, _NEGATIVE, _PADDING = 1.0, 0.0, -1.0  # SAM's point labels


@dataclass(frozen=True, eq=False)
class MaskCandidate:
    """One of SAM's four masks for a prompt.

    Attributes:
        index: SAM's own index of the mask, 0 to 3.
        iou_score: the IoU that SAM predicts for the mask; about 0 to 1, NaN with damaged weights.
        matte: float32 (height, width) in [0, 1], of the image's size.
    """

    index: int
    iou_score: float
    matte: Matte


def union_mattes(candidates: Sequence[MaskCandidate]) -> Matte:
    """Return the maximum of the candidates' mattes at each pixel, a new array.

    Args:
        candidates: at least one, all of one image.
    """
    matte: Matte = np.maximum.reduce([candidate.matte for candidate in candidates])
    return matte


def rank(scores: Sequence[float]) -> list[int]:
    """Return the indices of the scores, the best first; NaN last, equal ones in their order."""
    return sorted(range(len(scores)), key=lambda index: _nan_as_lowest(scores[index]), reverse=True)


class ImageEmbedding:
    """An image's embedding (4 MB for 1024x1024), without the image itself."""

    def __init__(
        self, sam: "SamPredictor", transform: ResizeLongestSide, embedding: NDArray[np.float32]
    ) -> None:
        self._sam, self._transform, self._embedding = sam, transform, embedding

    @property
    def size(self) -> Size:
        """Size of the image."""
        return self._transform.size

    def predict(self, prompt: Prompt) -> tuple[MaskCandidate, ...]:
        """Return all four candidates for a prompt, the highest score first.

        Raises:
            UsageError: the prompt can't be used on this image.
            AnnotationError: there is not enough memory.
        """
        validate_prompt(prompt, self.size)
        with oom_as_error(f"drawing mattes of {self.size}"):
            logits, scores = self._sam.decode(self._embedding, _prompt_tensors(prompt, self._transform))
            return tuple(
                MaskCandidate(index, float(scores[index]), self._transform.logits_to_matte(logits[index]))
                for index in rank([float(score) for score in scores])
            )


class SamPredictor:
    """A loaded SAM."""

    def __init__(self, network: SamNetwork | Any, memory: MemoryEstimate | None = None) -> None:
        """Wrap a network.

        Args:
            network: a `SamNetwork`, or a SAMImageSegmenter of KerasHub.
            memory: its memory, if known; it limits the size of batches.
        """
        self._network: SamNetwork = network if hasattr(network, "encode") else KerasSam(network)
        self._memory = memory

    @classmethod
    def load(cls, preset: str = PRESETS[0], threads: int | None = None) -> "SamPredictor":
        """Load a preset by its name, or from a directory that `save_to_preset` has written.

        `mobile_sam` comes with livecam and runs with LiteRT. The others need KerasHub, and those with a name
        are downloaded once.

        Args:
            preset: the name or the directory.
            threads: processor threads of LiteRT; by default as many as there are processors.

        Raises:
            AnnotationError: KerasHub is missing, the preset does not exist, can't be downloaded or is not a
                SAM, or there is not enough memory.
        """
        return cls(*load_network(preset, threads))

    def embed(self, frame: Frame) -> ImageEmbedding:
        """Compute the embedding of one image, the slow part.

        Raises:
            FrameError: not a uint8 array of shape (height, width, 3).
            AnnotationError: there is not enough memory.
        """
        return self._embed_batch([frame])[0]

    def embed_many(self, frames: Iterable[Frame]) -> Iterator[ImageEmbedding]:
        """Compute embeddings in order, with KerasHub in batches as large as the memory allows (up to 4).

        On a CPU a batch of 4 saves 0.04 s of each image, the fixed cost of a call.

        Raises:
            FrameError: one is not a uint8 array of shape (height, width, 3).
            AnnotationError: there is not enough memory.
        """
        remaining = iter(frames)
        batch_size = self._memory.batch(self._network.max_batch) if self._memory else 1
        while batch := list(islice(remaining, batch_size)):
            yield from self._embed_batch(batch)

    def decode(
        self, embedding: NDArray[np.float32], prompt_tensors: PromptTensors
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the mask decoder for one prompt.

        Args:
            embedding: of one image, (side / 16, side / 16, channels).
            prompt_tensors: points, labels, boxes and masks for the prompt encoder.

        Returns:
            Logits of four masks (4, side / 4, side / 4), and their scores (4,).
        """
        return self._network.decode(embedding, prompt_tensors)

    def _embed_batch(self, frames: Sequence[Frame]) -> list[ImageEmbedding]:
        transforms = [
            ResizeLongestSide.of(Size.of(check_frame(frame)), self._network.side) for frame in frames
        ]
        with oom_as_error(f"looking at {len(frames)} image(s)"):
            inputs = [
                transform.apply_image(frame, *self._network.normalization)
                for transform, frame in zip(transforms, frames, strict=True)
            ]
            embeddings = self._network.encode(np.stack(inputs))
        return [
            ImageEmbedding(self, transform, embedding)
            for transform, embedding in zip(transforms, embeddings, strict=True)
        ]


def _prompt_tensors(prompt: Prompt, transform: ResizeLongestSide) -> PromptTensors:
    """Return the inputs of the prompt encoder. Every kind is present; those not used are empty."""
    points = [(transform.apply_point(point), _POSITIVE) for point in prompt.positive]
    points += [(transform.apply_point(point), _NEGATIVE) for point in prompt.negative]
    boxes = []
    if prompt.box is None:
        # SAM was trained with one padding point wherever there is no box.
        points.append((Point(0, 0), _PADDING))
    else:
        left, top, right, bottom = prompt.box
        boxes = [[transform.apply_point(Point(left, top)), transform.apply_point(Point(right, bottom))]]
    masks = [] if prompt.mask is None else [transform.mask_to_logits(prompt.mask)]
    return {
        "points": np.array([point for point, _ in points], np.float32).reshape(1, -1, 2),
        "labels": np.array([label for _, label in points], np.float32).reshape(1, -1),
        "boxes": np.array(boxes, np.float32).reshape(1, -1, 2, 2),
        "masks": np.array(masks, np.float32).reshape(1, -1, transform.side // 4, transform.side // 4, 1),
    }


def _nan_as_lowest(score: float) -> float:
    return -math.inf if math.isnan(score) else score
