"""Batches for the fine-tune: training examples of the user, and replay examples against forgetting.

The first rows of a batch are the user's frames, unchanged and pasted on backgrounds, and, if given, images of
other data sets; their targets are the annotations. The last rows are other scenes; their targets are the base
network's predictions ("Learning without Forgetting", Li and Hoiem, 2016).
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.pets import Foreground, decontaminate_colors
from livecam.imaging.trimap import trimap_from_matte
from livecam.training.data.dataset import SceneDataset, collate
from livecam.training.data.scene_sampler import AssetPool, SceneMix
from livecam.training.losses import MattingLoss, decode_logits

Tensor = Any
USER_MIX = SceneMix(real=0.55, empty=0.06, double=0.0, clothes=0.0, clutter=0.0)
"""The user's scenes: mostly their own room."""
REPLAY_MIX = SceneMix(real=0.3, empty=0.25, double=0.05, clothes=0.0, clutter=0.0)
"""Replay scenes: many of them without a person."""


class TeacherModel(Protocol):
    """The base network: `predict` returns a frame's matte, `class_probabilities` then its classes."""

    def predict(self, frame: Frame) -> Matte: ...  # noqa: D102
    def class_probabilities(self) -> NDArray[np.float32] | None: ...  # noqa: D102


class ReplayDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of images and their targets, uint8 (batch, 7, height, width).

    The first four target channels are those of `collate`, the last three the teacher's class probabilities
    × 255 (0 in training rows). Each batch depends on seed, epoch and index only.
    """

    def __init__(self, train: Sequence[SceneDataset], replay: SceneDataset, teacher: TeacherModel) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._train, self._replay, self._teacher = list(train), replay, teacher
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._replay)

    def set_epoch(self, epoch: int) -> None:
        """Render the scenes of an epoch from now on."""
        for dataset in (*self._train, self._replay):
            dataset.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        images, targets = collate([example for each in self._train for example in each.examples(index)])
        examples = self._replay.examples(index)
        replay_images, replay_targets = collate(examples)
        classes = np.zeros((len(examples), 3, *targets.shape[2:]), np.uint8)
        for row, example in enumerate(examples):
            replay_targets[row, 1], classes[row] = self._predict(example.frame)
        no_classes = np.zeros((len(targets), 3, *targets.shape[2:]), np.uint8)
        parts = ((targets, no_classes), (replay_targets, classes))
        both = [np.concatenate(part, axis=1) for part in parts]
        return np.concatenate([images, replay_images]), np.concatenate(both)

    def _predict(self, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the teacher's matte (height, width) and classes (3, height, width), 255 = probability 1."""
        with self._lock:
            matte = self._teacher.predict(frame)
            classes = self._teacher.class_probabilities()
        if classes is None:  # a model with a matte only: foreground and background, nothing unknown
            classes = np.stack([matte, 1 - matte, np.zeros_like(matte)], axis=-1)
        alpha, probabilities = (
            np.clip(np.rint(part * 255), 0, 255).astype(np.uint8) for part in (matte, classes)
        )
        return alpha, np.ascontiguousarray(probabilities.transpose(2, 0, 1))


class ReplayDistillationLoss(keras.losses.Loss):  # type: ignore[misc]
    """`MattingLoss` for the training rows; cross-entropy with the teacher's predictions for the replay rows.

    Args of the call:
        y_true: (batch, 7, height, width), as `ReplayDataset` gives it.
        y_pred: (batch, height, width, 4), logits.
    """

    def __init__(self, train_rows: int, pairs: int, replay_weight: float = 1.0) -> None:
        super().__init__(name="lesson_loss", reduction="sum")
        self.train_rows, self.replay_weight = train_rows, replay_weight
        self._matting_loss = MattingLoss(pairs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        train = self._matting_loss.call(y_true[: self.train_rows, :4], y_pred[: self.train_rows])
        targets = ops.cast(y_true[self.train_rows :], "float32")
        log_classes, matte = decode_logits(y_pred[self.train_rows :])
        likelihood = ops.sum(ops.transpose(targets[:, 4:7], (1, 0, 2, 3)) * log_classes, axis=0) / 255.0
        replay = self._matte_loss(matte, targets[:, 1] / 255.0) - ops.mean(likelihood)
        return train + self.replay_weight * replay

    def _matte_loss(self, predicted: Tensor, target: Tensor) -> Tensor:
        clipped = ops.clip(predicted, 1e-4, 1 - 1e-4)
        entropy = -(target * ops.log(clipped) + (1 - target) * ops.log(1 - clipped))
        return ops.mean(entropy + ops.abs(predicted - target))


def foreground_from_matte(name: str, frame: Frame, matte: Matte) -> Foreground:
    """Return a foreground for `SceneDataset` from a frame and a matte of its size."""
    stored = np.rint(matte * 255).astype(np.uint8)
    trimap = trimap_from_matte(matte)
    # `pasteable` is True even if the image cuts it: it is used unchanged, or pasted where a webcam shows it.
    return Foreground(
        name,
        frame,
        decontaminate_colors(frame, stored),
        trimap,
        stored,
        True,
        True,
        bool((matte[:2] > 0.5).any()),
    )


def build_replay_dataset(
    own: list[Foreground],
    extra: list[Foreground],
    others: list[Foreground],
    backgrounds: list[Frame],
    teacher: TeacherModel,
    size: Size,
    rows: tuple[int, int],
    steps: int,
    seed: int,
) -> tuple[ReplayDataset, ReplayDistillationLoss]:
    """Create the batches and their loss.

    Args:
        own: foregrounds of the user.
        extra: foregrounds of other data sets; a quarter of the training rows, and part of the replay rows.
        others: foregrounds of the replay rows.
        backgrounds: images to paste them on.
        teacher: the base network.
        size: the network's input size.
        rows: training and replay examples in a batch.
        steps: batches in an epoch.
        seed: seed of the scenes.
    """
    extra_rows = max(1, rows[0] // 4) if extra else 0
    pairs = max(1, rows[0] // 4)
    user = SceneDataset(
        AssetPool(own, backgrounds, []),
        size,
        batch=rows[0] - extra_rows,
        steps=steps,
        seed=seed,
        pairs=pairs,
        mix=USER_MIX,
    )
    train = [user]
    if extra:
        train.append(
            SceneDataset(
                AssetPool(extra, backgrounds, []), size, batch=extra_rows, steps=steps, seed=seed + 1
            )
        )
    replay = SceneDataset(
        AssetPool(others + extra, backgrounds, []),
        size,
        batch=rows[1],
        steps=steps,
        seed=seed + 2,
        mix=REPLAY_MIX,
    )
    return ReplayDataset(train, replay, teacher), ReplayDistillationLoss(rows[0], pairs)
