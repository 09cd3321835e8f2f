"""The batches that a network learns from: fresh scenes, drawn and shot by the seed."""

import os
import sys
import threading

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.imaging.trimap import UNKNOWN
from livecam.training.data.augmentation import LightingAugmentation
from livecam.training.data.scene_renderer import TrainingExample, render_scene
from livecam.training.data.scene_sampler import AssetPool, PlacedForeground, Scene, SceneMix, sample_scene

__all__ = [
    "AssetPool",
    "PlacedForeground",
    "Scene",
    "SceneDataset",
    "SceneMix",
    "TrainingExample",
    "collate",
    "near_contour",
    "render_scene",
    "sample_scene",
]

WORKER_NICENESS = 10
"""The niceness of threads that draw scenes."""
ECHO_DISTANCE = 31
"""Batches between a view and its echo; odd."""
PAIR_MOTIONS = (0.0001, 0.3, 1.0)
"""How much the second view of a pair moves: not at all (only the noise differs), a little, more."""


def near_contour(trimap: NDArray[np.uint8], reach: int = 5) -> NDArray[np.uint8]:
    """1 where the contour is near, 0 elsewhere: (height, width)."""
    contour = (trimap == UNKNOWN).astype(np.uint8)
    return np.asarray(cv2.dilate(contour, np.ones((reach, reach), np.uint8)), np.uint8)


def collate(views: list[TrainingExample]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A batch: pictures in [0, 1], (batch, height, width, 3), and what is true of them, packed tightly.

    The truth is uint8, (batch, 4, height, width): the class (0, 1, 2 for the trimap's 1, 2, 3), the matte,
    whether it is known (0 or 255), whether the outline is near (0 or 1).
    """
    pictures = np.stack([v.frame for v in views]) * np.float32(1 / 255)
    truth = [np.stack([v.trimap - 1, v.matte, v.valid_mask, near_contour(v.trimap)]) for v in views]
    return np.asarray(pictures, np.float32), np.asarray(np.stack(truth), np.uint8)


def lower_thread_priority() -> None:
    """On Linux, let this thread run when the network's threads don't.

    These wait for each other at every layer: one that is kept from running holds up all.
    """
    me = threading.get_native_id()
    if (
        sys.platform == "linux"
        and me != os.getpid()
        and os.getpriority(os.PRIO_PROCESS, me) < WORKER_NICENESS
    ):
        os.setpriority(os.PRIO_PROCESS, me, WORKER_NICENESS)


class SceneDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of fresh scenes; the first `pairs` × 2 views of each are pairs of the same scene.

    Every batch is drawn from (seed, epoch, number) alone, so that a resumed run sees what an unbroken one
    would. Give ``fit`` shuffle=False: it would shuffle the numbers by a seed of its own.
    """

    def __init__(
        self,
        stock: AssetPool,
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
        """Make `steps` batches of `batch` views of `size` an epoch.

        With `echo` every second batch shows an earlier one again, mirrored and in another light: drawing
        scenes costs time that the network could learn in (Choi et al., "Faster Neural Network Training with
        Data Echoing", 2019).

        Raises:
            UsageError: the batch has no room for so many pairs.
        """
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        if not 0 <= 2 * pairs <= batch:
            raise UsageError(f"a batch of {batch} has no room for {pairs} pairs; give {2 * pairs} or more")
        self.pool, self._size, self._batch, self._steps = stock, size, batch, steps
        self._seed, self._pairs, self._mix, self.epoch = seed, pairs, mix or SceneMix(), 0
        self._echo = echo
        self._drawn: dict[tuple[int, int], list[TrainingExample]] = {}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        lower_thread_priority()
        return collate(self.examples(index))

    def on_epoch_end(self) -> None:
        """Keras calls this after each epoch: the next one draws other scenes."""
        self.epoch += 1

    def examples(self, index: int) -> list[TrainingExample]:
        """The views of batch `index` of the present epoch."""
        first = index - ECHO_DISTANCE
        if self._echo and index % 2 and first >= 0:
            earlier = self._drawn.pop((self.epoch, first), None) or self._draw(first)
            return self._again(earlier, index)
        views = self._draw(index)
        if self._echo and not index % 2 and index + ECHO_DISTANCE < self._steps:
            self._drawn[self.epoch, index] = views
        return views

    def _again(self, views: list[TrainingExample], index: int) -> list[TrainingExample]:
        rng = np.random.default_rng((self._seed, self.epoch, index))
        again: list[TrainingExample] = []
        for i, view in enumerate(views):
            if i >= 2 * self._pairs or not i % 2:
                light = LightingAugmentation.sample(rng, 0.6)
            flipped = TrainingExample(*(np.ascontiguousarray(part[:, ::-1]) for part in view))
            again.append(flipped._replace(frame=light.apply(flipped.frame)))
        return again

    def _draw(self, index: int) -> list[TrainingExample]:
        rng = np.random.default_rng((self._seed, self.epoch, index))
        canvas = Size(self._size.width * 2, self._size.height * 2)
        views: list[TrainingExample] = []
        for i in range(self._batch - self._pairs):
            scene = sample_scene(self.pool, self._mix, canvas, rng)
            views.append(render_scene(scene, canvas, rng))
            if i < self._pairs:
                views.append(render_scene(scene, canvas, rng, motion=float(rng.choice(PAIR_MOTIONS))))
        return views
