"""Train a network with its previous matte as a further input.

The memory is passed in and returned as a value. In training the memory is a degraded true matte, an empty
matte, or the matte of another scene, so that the network learns when the memory is useful (after Tkachenka et
al., "Real-time Hair Segmentation and Recoloring on Mobile GPUs", 2019). `memory_over_time.py` in this folder
measures the benefit; the live path does not use it.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.training.data.augmentation import Rng, Transform, jitter_transform, warp_matte
from livecam.training.data.dataset import SceneDataset, collate
from livecam.training.data.scene_renderer import TrainingExample
from livecam.training.networks.net2net import transfer_weights

EMPTY_SHARE, OTHER_SCENE_SHARE = 0.3, 0.15
"""The shares of scenes with an empty memory, as after a cut, and with the matte of another scene."""
SHIFTS = (0.3, 1.0, 3.0)
"""How much a memory is shifted, as the amount of `jitter_transform`."""


def add_memory(model: keras.Model) -> keras.Model:
    """Extend a network with a fourth channel for the previous matte, (batch, height, width, 4).

    At first it returns the same as `model`, for every memory, because the weights of its first convolution
    for the memory are zero.
    """
    height, width = model.input_shape[1:3]
    inputs = keras.Input((height, width, 4), name="picture_and_memory")
    input_tensors = inputs if isinstance(model.input, keras.KerasTensor) else [inputs]
    extended = keras.models.clone_model(model, input_tensors=input_tensors, clone_function=_with_memory)
    transfer_weights(model, extended)
    return extended


def _with_memory(layer: Any) -> Any:
    settings = layer.get_config()
    if isinstance(layer, keras.layers.Rescaling):
        # An empty memory is 0, like the padding of a convolution outside of the image.
        settings |= {"scale": [layer.scale] * 3 + [1.0], "offset": [layer.offset] * 3 + [0.0]}
    return layer.__class__.from_config(settings)


def split_inputs(model: keras.Model) -> keras.Model:
    """Give a network of `add_memory` a separate input for the memory, (batch, height, width, 1)."""
    height, width = model.input_shape[1:3]
    image, memory = (
        keras.Input((height, width, 3), name="picture"),
        keras.Input((height, width, 1), name="memory"),
    )
    return keras.Model([image, memory], model(keras.layers.Concatenate()([image, memory])))


@dataclass(frozen=True)
class MatteDegradation:
    """Errors that make a true matte like a predicted one; drawn once per scene.

    The matte is transformed, gets `spots` (x, y, radius in pixels, value), which are holes and small regions,
    is blurred, and its contrast is multiplied by `contrast`.
    """

    transform: Transform
    spots: tuple[tuple[int, int, int, int], ...]
    blur: float
    contrast: float

    @classmethod
    def draw(cls, rng: Rng, size: Size) -> "MatteDegradation":
        """Draw the errors of mattes of `size`."""
        return cls(
            transform=jitter_transform(np.eye(2, 3), rng, size, float(rng.choice(SHIFTS))),
            blur=float(rng.uniform(0.5, 2.5)) if rng.random() < 0.5 else 0.0,
            spots=tuple(_spot(rng, size) for _ in range(rng.poisson(0.7))),
            contrast=float(rng.uniform(0.6, 1.0)) if rng.random() < 0.3 else 1.0,
        )

    def apply(self, matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Degrade the matte: uint8 (height, width), a new array."""
        degraded = warp_matte(matte, self.transform, Size.of(matte))
        for x, y, radius, value in self.spots:
            cv2.circle(degraded, (x, y), radius, value, -1)
        if self.blur:
            degraded = np.asarray(cv2.GaussianBlur(degraded, (0, 0), self.blur), np.uint8)
        return (
            np.rint(127.5 + (degraded - 127.5) * self.contrast).astype(np.uint8)
            if self.contrast < 1
            else degraded
        )


def _spot(rng: Rng, size: Size) -> tuple[int, int, int, int]:
    x, y = int(rng.integers(size.width)), int(rng.integers(size.height))
    return x, y, int(rng.uniform(0.02, 0.15) * size.height), int(rng.choice((0, 255)))


def draw_memories(examples: list[TrainingExample], pairs: int, rng: Rng) -> NDArray[np.float32]:
    """Draw the memory of each example, (batch, height, width) in [0, 1]; a batch has four examples or more.

    A memory is empty, or the degraded truth of the other example of the pair (of the example itself if it has
    no pair), or that of another scene. Both examples of a pair have the same kind of memory with the same
    errors, so that the errors persist from frame to frame.
    """
    memories = []
    for i, example in enumerate(examples):
        paired = i < 2 * pairs
        if not (paired and i % 2):
            kind, degradation = rng.random(), MatteDegradation.draw(rng, Size.of(example.matte))
            other = examples[(i + int(rng.integers(2, len(examples) - 1))) % len(examples)]
        # The index of the other example of a pair differs in its last bit.
        source = other if kind >= 1 - OTHER_SCENE_SHARE else examples[i ^ 1] if paired else example
        memories.append(
            np.zeros_like(example.matte) if kind < EMPTY_SHARE else degradation.apply(source.matte)
        )
    return np.asarray(np.stack(memories) * np.float32(1 / 255), np.float32)


class RecurrentDataset(SceneDataset):
    """The scenes of `SceneDataset`, each image with its memory as a fourth channel."""

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        examples = self.examples(index)
        images, truth = collate(examples)
        rng = np.random.default_rng((self._seed, self.epoch, index, 4))
        memories = draw_memories(examples, self._pairs, rng)
        return np.concatenate([images, memories[..., None]], axis=3), truth
