"""What a personal model learns from, batch by batch: the user's scenes, and others where nothing may change.

The first rows of a batch are the user's frames, as they are and pasted on rooms, and, where given, pictures
of other data sets: true of them is their label. The last rows are scenes that the user's labels say nothing
about: true of them is what the network said before ("Learning without Forgetting", Li and Hoiem, 2016).
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
from livecam.training.data.dataset import SceneDataset, collate, lower_thread_priority
from livecam.training.data.scene_sampler import AssetPool, SceneMix
from livecam.training.losses import MattingLoss, decode_logits

Tensor = Any
USER_MIX = SceneMix(real=0.55, empty=0.06, double=0.0)
"""The user's scenes: mostly the room and the place they are used in."""
REPLAY_MIX = SceneMix(real=0.3, empty=0.25, double=0.05)
"""Scenes where nothing may change: many of them with nothing to keep."""


class TeacherModel(Protocol):
    """The network as it was: a frame's matte and, after it, its classes."""

    def predict(self, frame: Frame) -> Matte: ...  # noqa: D102
    def class_probabilities(self) -> NDArray[np.float32] | None: ...  # noqa: D102


class ReplayDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches to learn from: pictures, and what is true of them, (batch, 7, height, width), uint8.

    The first four are what `pack` gives, the last three the teacher's probabilities × 255 (0 in other rows).
    Each batch depends on seed, epoch and number alone.
    """

    def __init__(self, learnt: Sequence[SceneDataset], kept: SceneDataset, teacher: TeacherModel) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._learnt, self._kept, self._teacher = list(learnt), kept, teacher
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def set_epoch(self, epoch: int) -> None:
        """Draw the scenes of an epoch from now on."""
        for batches in (*self._learnt, self._kept):
            batches.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        lower_thread_priority()
        pictures, truth = collate([view for batches in self._learnt for view in batches.examples(index)])
        views = self._kept.examples(index)
        others, said = collate(views)
        answers = np.zeros((len(views), 3, *truth.shape[2:]), np.uint8)
        for row, view in enumerate(views):
            said[row, 1], answers[row] = self._ask(view.frame)
        blank = np.zeros((len(truth), 3, *truth.shape[2:]), np.uint8)
        truths = [np.concatenate(parts, axis=1) for parts in ((truth, blank), (said, answers))]
        return np.concatenate([pictures, others]), np.concatenate(truths)

    def _ask(self, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """What the teacher says: the matte (height, width) and the classes (3, height, width), 255 = sure."""
        with self._lock:
            matte = self._teacher.predict(frame)
            classes = self._teacher.class_probabilities()
        if classes is None:  # a model that tells no classes: foreground, background, nothing between
            classes = np.stack([matte, 1 - matte, np.zeros_like(matte)], axis=-1)
        eight = (np.clip(np.rint(part * 255), 0, 255).astype(np.uint8) for part in (matte, classes))
        told, shares = eight
        return told, np.ascontiguousarray(shares.transpose(2, 0, 1))


class ReplayDistillationLoss(keras.losses.Loss):  # type: ignore[misc]
    """`MattingLoss` for the first `learnt` rows; for the others crossentropy with what the teacher said.

    Args of the call:
        y_true: (batch, 7, height, width), as `ReplayDataset` gives it.
        y_pred: (batch, height, width, 4), logits.
    """

    def __init__(self, learnt: int, pairs: int, keep: float = 1.0) -> None:
        super().__init__(name="lesson_loss", reduction="sum")
        self.learnt, self.keep, self._scene = learnt, keep, MattingLoss(pairs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss, a scalar."""
        learnt = self._scene.call(y_true[: self.learnt, :4], y_pred[: self.learnt])
        true = ops.cast(y_true[self.learnt :], "float32")
        classes, matte = decode_logits(y_pred[self.learnt :])
        said = ops.sum(ops.transpose(true[:, 4:7], (1, 0, 2, 3)) * classes, axis=0) / 255.0
        return learnt + self.keep * (self._matte_loss(matte, true[:, 1] / 255.0) - ops.mean(said))

    def _matte_loss(self, said: Tensor, old: Tensor) -> Tensor:
        sure = ops.clip(said, 1e-4, 1 - 1e-4)
        entropy = -(old * ops.log(sure) + (1 - old) * ops.log(1 - sure))
        return ops.mean(entropy + ops.abs(said - old))


def foreground_from_matte(name: str, frame: Frame, matte: Matte) -> Foreground:
    """A frame with a matte of its size as what scenes are made of."""
    stored = np.rint(matte * 255).astype(np.uint8)
    trimap = trimap_from_matte(matte)
    # Wherever it is cut: it is shown as it is, or pasted at a webcam's place.
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
    given: list[Foreground],
    others: list[Foreground],
    rooms: list[Frame],
    teacher: TeacherModel,
    size: Size,
    rows: tuple[int, int],
    steps: int,
    seed: int,
) -> tuple[ReplayDataset, ReplayDistillationLoss]:
    """Batches and the loss for them: `rows[0]` rows that are learnt, `rows[1]` where nothing may change.

    A quarter of the learnt rows is of `given` subjects, where there are any; they are also among those where
    nothing may change.
    """
    theirs = max(1, rows[0] // 4) if given else 0
    pairs = max(1, rows[0] // 4)
    ours = SceneDataset(
        AssetPool(own, rooms, []),
        size,
        batch=rows[0] - theirs,
        steps=steps,
        seed=seed,
        pairs=pairs,
        mix=USER_MIX,
    )
    learnt = [ours]
    if given:
        learnt.append(
            SceneDataset(AssetPool(given, rooms, []), size, batch=theirs, steps=steps, seed=seed + 1)
        )
    kept = SceneDataset(
        AssetPool(others + given, rooms, []), size, batch=rows[1], steps=steps, seed=seed + 2, mix=REPLAY_MIX
    )
    return ReplayDataset(learnt, kept, teacher), ReplayDistillationLoss(rows[0], pairs)
