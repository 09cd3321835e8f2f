"""Keras dataset of new scenes, sampled and rendered by seed."""

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.imaging.trimap import UNKNOWN
from livecam.training.data.augmentation import LightingAugmentation
from livecam.training.data.scene_renderer import TrainingExample, render_scene
from livecam.training.data.scene_sampler import AssetPool, SceneMix, sample_scene

ECHO_DISTANCE = 31
"""Batches between an example and its echo; odd."""
PAIR_MOTIONS = (0.0001, 0.3, 1.0)
"""Motion of the second example of a pair: none (only the noise differs), a little, more."""


def near_contour(trimap: NDArray[np.uint8], width: int = 5) -> NDArray[np.uint8]:
    """Return 1 near the contour and 0 elsewhere, uint8 (height, width)."""
    contour = (trimap == UNKNOWN).astype(np.uint8)
    return np.asarray(cv2.dilate(contour, np.ones((width, width), np.uint8)), np.uint8)


def collate(examples: list[TrainingExample]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Stack examples to a batch: images in [0, 1], (batch, height, width, 3), and packed ground truth.

    The ground truth is uint8, (batch, 4, height, width): class (0, 1, 2 for the trimap's 1, 2, 3), matte,
    valid mask (0 or 255), near the contour (0 or 1).
    """
    images = np.stack([e.frame for e in examples]) * np.float32(1 / 255)
    ground_truth = [np.stack([e.trimap - 1, e.matte, e.valid_mask, near_contour(e.trimap)]) for e in examples]
    return np.asarray(images, np.float32), np.asarray(np.stack(ground_truth), np.uint8)


class SceneDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of new scenes; the first `pairs` × 2 examples of each are pairs of one scene.

    The threads that render have the niceness of the trainer. A higher one starves them while other programs
    use the processor: the trainer then waits for batches, and for Python's lock that a waiting thread holds.

    Every batch depends on (seed, epoch, number) only, so a resumed run sees the same batches. Call ``fit``
    with shuffle=False: it would shuffle the numbers with its own seed.
    """

    def __init__(
        self,
        pool: AssetPool,
        size: Size,
        *,
        batch: int,
        steps: int,
        seed: int,
        pairs: int = 0,
        mix: SceneMix | None = None,
        workers: int = 1,
        echo: bool = False,
    ) -> None:
        """Make `steps` batches of `batch` examples of `size` per epoch.

        With `echo` every second batch repeats an earlier one, mirrored and with other lighting, because
        rendering takes longer than a training step (Choi et al., "Faster Neural Network Training with Data
        Echoing", 2019).

        Raises:
            UsageError: the batch is too small for so many pairs.
        """
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        if not 0 <= 2 * pairs <= batch:
            raise UsageError(f"a batch of {batch} has no room for {pairs} pairs; give {2 * pairs} or more")
        self.pool, self._size, self._batch, self._steps = pool, size, batch, steps
        self._seed, self._pairs, self._mix, self.epoch = seed, pairs, mix or SceneMix(), 0
        self._echo = echo
        self._echo_sources: dict[tuple[int, int], list[TrainingExample]] = {}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return collate(self.examples(index))

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's scenes; called by Keras."""
        self.epoch += 1

    def examples(self, index: int) -> list[TrainingExample]:
        """Render the examples of batch `index` of the current epoch."""
        first = index - ECHO_DISTANCE
        if self._echo and index % 2 and first >= 0:
            earlier = self._echo_sources.pop((self.epoch, first), None) or self._render(first)
            return self._echo_of(earlier, index)
        examples = self._render(index)
        if self._echo and not index % 2 and index + ECHO_DISTANCE < self._steps:
            self._echo_sources[self.epoch, index] = examples
        return examples

    def _echo_of(self, examples: list[TrainingExample], index: int) -> list[TrainingExample]:
        rng = np.random.default_rng((self._seed, self.epoch, index))
        echoes: list[TrainingExample] = []
        for i, example in enumerate(examples):
            if i >= 2 * self._pairs or not i % 2:
                lighting = LightingAugmentation.sample(rng, 0.6)
            flipped = TrainingExample(*(np.ascontiguousarray(part[:, ::-1]) for part in example))
            echoes.append(flipped._replace(frame=lighting.apply(flipped.frame)))
        return echoes

    def _render(self, index: int) -> list[TrainingExample]:
        rng = np.random.default_rng((self._seed, self.epoch, index))
        scene_size = Size(self._size.width * 2, self._size.height * 2)
        examples: list[TrainingExample] = []
        for i in range(self._batch - self._pairs):
            scene = sample_scene(self.pool, self._mix, scene_size, rng)
            examples.append(render_scene(scene, scene_size, rng))
            if i < self._pairs:
                examples.append(render_scene(scene, scene_size, rng, motion=float(rng.choice(PAIR_MOTIONS))))
        return examples
