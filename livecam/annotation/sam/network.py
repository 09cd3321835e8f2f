"""The two ways to run SAM's networks: KerasHub, and LiteRT for the built-in preset."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import AnnotationError
from livecam.core.fileio import os_error_reason
from livecam.models.segmenter import suppress_native_stderr

Array = NDArray[np.float32]
TOP_LEFT, BOTTOM_RIGHT = 2.0, 3.0
"""Labels of a box's corners among the points, as in SAM's own ONNX file."""
CARD, ENCODER, DECODER = "card.json", "encoder.tflite", "decoder.tflite"
_MAX_THREADS = 8


class PromptTensors(TypedDict):
    """A prompt in pixels of SAM's input; kinds that are not used are empty.

    Keys are the inputs of KerasHub's prompt encoder: points (1, n, 2), labels (1, n), boxes (1, m, 2, 2) and
    masks (1, k, side / 4, side / 4, 1), all float32.
    """

    points: Array
    labels: Array
    boxes: Array
    masks: Array


class SamNetwork(Protocol):
    """Image encoder, prompt encoder and mask decoder.

    Attributes:
        side: side of the square input in pixels.
        normalization: scale and offset of colors of 0 to 255 for the encoder.
        max_batch: largest number of images that `encode` takes.
    """

    side: int
    normalization: tuple[Array, Array]
    max_batch: int

    def encode(self, images: Array) -> Array:
        """Return the embeddings (n, side / 16, side / 16, channels) of images (n, side, side, 3)."""

    def decode(self, embedding: Array, prompt: PromptTensors) -> tuple[Array, Array]:
        """Return the logits (4, side / 4, side / 4) and the scores (4,) of the masks for one prompt."""


class KerasSam:
    """SAM of KerasHub."""

    max_batch = 4

    def __init__(self, task: Any) -> None:
        """Take a SAMImageSegmenter."""
        self.backbone = task.backbone
        self.side = int(task.backbone.image_encoder.image_shape[0])
        converter = getattr(task.preprocessor, "image_converter", None)
        scale, offset = getattr(converter, "scale", None), getattr(converter, "offset", None)
        self.normalization = (
            np.asarray(1 / 255 if scale is None else scale, np.float32),
            np.asarray(0.0 if offset is None else offset, np.float32),
        )

    def encode(self, images: Array) -> Array:
        """Return the embeddings of images."""
        return _to_numpy(self.backbone.image_encoder(images, training=False))

    def decode(self, embedding: Array, prompt: PromptTensors) -> tuple[Array, Array]:
        """Return logits and scores of four masks."""
        output = self.backbone.mask_decoder(
            image_embeddings=embedding[None], **self.backbone.prompt_encoder(**prompt)
        )
        return _to_numpy(output["masks"])[0], _to_numpy(output["iou_pred"])[0]


class LiteRTSam:
    """SAM as two files of LiteRT, which needs no TensorFlow. One thread at a time may use it."""

    max_batch = 1

    def __init__(self, encoder: bytes, decoder: bytes, threads: int | None = None) -> None:
        """Create the interpreters.

        Args:
            encoder: the encoder's file: image (1, side, side, 3) to embedding.
            decoder: the decoder's file, with the inputs of `decode`.
            threads: processor threads; by default as many as there are processors.

        Raises:
            ValueError, RuntimeError: LiteRT can't run a file.
        """
        from ai_edge_litert.interpreter import Interpreter

        threads = threads or min(_MAX_THREADS, len(_usable_processors()))
        with suppress_native_stderr():
            self._encoder = Interpreter(model_content=encoder, num_threads=threads)
            self._encoder.allocate_tensors()
            self._decoder = Interpreter(model_content=decoder, num_threads=threads)
            self._decode = self._decoder.get_signature_runner()
        (given,), (found,) = self._encoder.get_input_details(), self._encoder.get_output_details()
        self._input, self._output = int(given["index"]), int(found["index"])
        self.side = int(given["shape"][1])
        self.normalization = np.asarray(1 / 255, np.float32), np.asarray(0.0, np.float32)

    @classmethod
    def load(cls, folder: Path, threads: int | None = None) -> "LiteRTSam":
        """Load `ENCODER` and `DECODER` of a folder, and check them against its `CARD`.

        Raises:
            AnnotationError: a file is missing, damaged, or not the one that the card describes.
        """
        remedy = "reinstall livecam, or get the folder from its repository again"
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            encoder, decoder = ((folder / name).read_bytes() for name in (ENCODER, DECODER))
            sums = [str(card["files"][name]["sha256"]) for name in (ENCODER, DECODER)]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnnotationError(f"{folder} can't be read ({os_error_reason(error)})", remedy) from error
        for name, content, expected in zip((ENCODER, DECODER), (encoder, decoder), sums, strict=True):
            if hashlib.sha256(content).hexdigest() != expected:
                raise AnnotationError(f"{folder / name} is damaged", remedy, path=folder / name)
        try:
            return cls(encoder, decoder, threads)
        except (ValueError, RuntimeError) as error:
            raise AnnotationError(f"{folder} can't be run by LiteRT", remedy, path=folder) from error

    def encode(self, images: Array) -> Array:
        """Return the embedding of one image."""
        self._encoder.set_tensor(self._input, images)
        self._encoder.invoke()
        return np.asarray(self._encoder.get_tensor(self._output), np.float32)

    def decode(self, embedding: Array, prompt: PromptTensors) -> tuple[Array, Array]:
        """Return logits and scores of four masks."""
        points = np.concatenate([prompt["points"], prompt["boxes"].reshape(1, -1, 2)], axis=1)
        corners = np.tile(np.array([TOP_LEFT, BOTTOM_RIGHT], np.float32), prompt["boxes"].shape[1])
        has_mask = prompt["masks"].shape[1] > 0
        side = self.side // 4
        output = self._decode(
            embedding=embedding[None],
            points=points,
            labels=np.concatenate([prompt["labels"], corners[None]], axis=1),
            mask=prompt["masks"][:, 0] if has_mask else np.zeros((1, side, side, 1), np.float32),
            has_mask=np.array([has_mask], np.float32),
        )
        return output["masks"][0], output["scores"][0]


def _usable_processors() -> set[int]:
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS and Windows
        return set(range(os.cpu_count() or 1))


def _to_numpy(tensor: Any) -> Array:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(tensor), np.float32)
