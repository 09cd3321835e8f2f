"""A network's last matte as a further input: memory over time that is learnt.

The memory goes in and comes out as a value. What is remembered in training is the truth made worse, nothing,
or another scene's matte, so that the network takes what helps and lets go of what doesn't (after Tkachenka et
al., "Real-time Hair Segmentation and Recoloring on Mobile GPUs", 2019). `memory_over_time.py`
beside this file tells whether it pays; the live path does without.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.training.data.augmentation import Rng, Transform, jitter_transform, warp_matte
from livecam.training.data.dataset import SceneDataset, collate, lower_thread_priority
from livecam.training.data.scene_renderer import TrainingExample
from livecam.training.networks.net2net import transfer_weights

NOTHING, ANOTHER = 0.3, 0.15
"""The shares of scenes with no memory, as after a cut, and with another scene's."""
MOVED = (0.3, 1.0, 3.0)
"""How much a memory has moved, as `jitter_transform` counts."""


def add_memory(model: keras.Model) -> keras.Model:
    """The same network with a fourth channel for the last matte, (batch, height, width, 4).

    At first it says what `model` says, whatever the memory: its first convolution's weights for it are zero.
    """
    height, width = model.input_shape[1:3]
    seen = keras.Input((height, width, 4), name="picture_and_memory")
    given = seen if isinstance(model.input, keras.KerasTensor) else [seen]
    grown = keras.models.clone_model(model, input_tensors=given, clone_function=_with_memory)
    transfer_weights(model, grown)
    return grown


def _with_memory(layer: Any) -> Any:
    settings = layer.get_config()
    if isinstance(layer, keras.layers.Rescaling):
        # No memory is 0, as is what a convolution sees beyond the picture's edges.
        settings |= {"scale": [layer.scale] * 3 + [1.0], "offset": [layer.offset] * 3 + [0.0]}
    return layer.__class__.from_config(settings)


def split_inputs(model: keras.Model) -> keras.Model:
    """A network of `add_memory`, its memory an input of its own, (batch, height, width, 1)."""
    height, width = model.input_shape[1:3]
    picture, memory = (
        keras.Input((height, width, 3), name="picture"),
        keras.Input((height, width, 1), name="memory"),
    )
    return keras.Model([picture, memory], model(keras.layers.Concatenate()([picture, memory])))


@dataclass(frozen=True)
class Wear:
    """What makes a true matte as wrong as a network's last one may be; drawn once for a scene.

    It is moved, gets `spots` (x, y, radius in pixels, value) that are holes and islands, is blurred, and what
    is left of its contrast is `sure`.
    """

    moved: Transform
    spots: tuple[tuple[int, int, int, int], ...]
    blur: float
    sure: float

    @classmethod
    def draw(cls, rng: Rng, size: Size) -> "Wear":
        """Draw what happens to mattes of `size`."""
        return cls(
            moved=jitter_transform(np.eye(2, 3), rng, size, float(rng.choice(MOVED))),
            blur=float(rng.uniform(0.5, 2.5)) if rng.random() < 0.5 else 0.0,
            spots=tuple(_spot(rng, size) for _ in range(rng.poisson(0.7))),
            sure=float(rng.uniform(0.6, 1.0)) if rng.random() < 0.3 else 1.0,
        )

    def wear(self, matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The matte made worse, uint8 (height, width), a new array."""
        worn = warp_matte(matte, self.moved, Size.of(matte))
        for x, y, radius, value in self.spots:
            cv2.circle(worn, (x, y), radius, value, -1)
        if self.blur:
            worn = np.asarray(cv2.GaussianBlur(worn, (0, 0), self.blur), np.uint8)
        return np.rint(127.5 + (worn - 127.5) * self.sure).astype(np.uint8) if self.sure < 1 else worn


def _spot(rng: Rng, size: Size) -> tuple[int, int, int, int]:
    x, y = int(rng.integers(size.width)), int(rng.integers(size.height))
    return x, y, int(rng.uniform(0.02, 0.15) * size.height), int(rng.choice((0, 255)))


def draw_memories(views: list[TrainingExample], pairs: int, rng: Rng) -> NDArray[np.float32]:
    """What is remembered at each view, (batch, height, width) in [0, 1]; the batch holds four views or more.

    Nothing; the truth of the other shot of the same scene (its own, where it was shot once) made worse; or
    another scene's. Both shots of a scene remember the same kind of thing, equally worn: so what a memory has
    wrong stays from frame to frame.
    """
    memories = []
    for i, view in enumerate(views):
        paired = i < 2 * pairs
        if not (paired and i % 2):
            kind, wear = rng.random(), Wear.draw(rng, Size.of(view.matte))
            stranger = views[(i + int(rng.integers(2, len(views) - 1))) % len(views)]
        # The other shot's number differs in its last bit.
        source = stranger if kind >= 1 - ANOTHER else views[i ^ 1] if paired else view
        memories.append(np.zeros_like(view.matte) if kind < NOTHING else wear.wear(source.matte))
    return np.asarray(np.stack(memories) * np.float32(1 / 255), np.float32)


class RememberingBatches(SceneDataset):
    """The same scenes as `SceneDataset`, each picture with what is remembered at it as a fourth channel."""

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        lower_thread_priority()
        views = self.examples(index)
        pictures, truth = collate(views)
        rng = np.random.default_rng((self._seed, self.epoch, index, 4))
        memories = draw_memories(views, self._pairs, rng)
        return np.concatenate([pictures, memories[..., None]], axis=3), truth
