"""Knowledge distillation from a larger network (Hinton, Vinyals and Dean, "Distilling the Knowledge in a
Neural Network", 2015).

The student learns from the labels. In addition it learns the teacher's matte, which is a fifth channel of
the truth, and the teacher's features after each stage of blocks, which have the same widths (Romero et al.,
"FitNets", 2015).
"""

import threading
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.training.data.dataset import SceneDataset
from livecam.training.losses import MattingLoss
from livecam.training.networks.matting_net import logits_model, resize_network
from livecam.training.networks.pretrained import NormalizedFeatureLoss
from livecam.training.networks.torch_layers import freeze_graph, use_fused_torch_layers

LOGITS = "logits"
FEATURES = ("enter", "stage8", "stage16", "stage32")
"""Features that are compared in addition to the matte: at 1/4, 1/8, 1/16 and 1/32."""
FEATURE_WEIGHT = 0.1
"""Weight of each feature's `NormalizedFeatureLoss` in the loss."""


def find_features(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Find the features after the entrance and after the last block of each size.

    Raises:
        TrainingError: the network has no such blocks.
    """
    height = int(model.input_shape[1])
    found: dict[str, keras.KerasTensor] = {}
    for layer in model.layers:
        if layer.name in ("enter", "enter_norm"):
            found["enter"] = layer.output
        if layer.name.startswith("block") and layer.name.endswith(("_sum", "_project_norm")):
            level = 2 ** round(np.log2(height / int(layer.output.shape[1])))
            found[f"stage{level}"] = layer.output
    if sorted(found) != sorted(FEATURES):
        raise TrainingError(f"{model.name} has no stages of blocks at 1/8, 1/16 and 1/32 to learn from")
    return found


def student_model(model: keras.Model) -> keras.Model:
    """Build a model of the same layers, up to the logits, that gives its features too."""
    outputs = {LOGITS: logits_model(model).output, **find_features(model)}
    return keras.Model(model.input, outputs, name=f"{model.name}_student")


def student_losses(pairs: int, matte_weight: float, feature_weight: float = FEATURE_WEIGHT) -> dict[str, Any]:
    """Return the arguments `loss` and `loss_weights` of ``compile`` for a student_model."""
    losses: dict[str, Any] = {LOGITS: MattingLoss(pairs, teacher=matte_weight)}
    return {
        "loss": losses | {name: NormalizedFeatureLoss() for name in FEATURES},
        "loss_weights": {LOGITS: 1.0} | dict.fromkeys(FEATURES, feature_weight),
    }


class TeacherModel:
    """Trained network that predicts mattes and features of a batch of images. Thread-safe."""

    def __init__(self, model: keras.Model, size: Size) -> None:
        """Take a network of `ARCHITECTURES` and the size in pixels of the images to predict."""
        self._predict = freeze_graph(
            use_fused_torch_layers(student_model(resize_network(model, size)), "float32")
        )
        self._lock = threading.Lock()

    def predict(
        self, images: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
        """Return the mattes, uint8 (batch, height, width), and the features by name."""
        with self._lock:
            output = self._predict(images)
        return _read_matte(output.pop(LOGITS)), {
            name: np.asarray(value, np.float32) for name, value in output.items()
        }


def _read_matte(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return foreground + contour x fraction, uint8 (batch, height, width)."""
    likely = np.exp(logits[..., :3] - logits[..., :3].max(axis=-1, keepdims=True))
    fraction = 1 / (1 + np.exp(-np.clip(logits[..., 3], -30, 30)))
    matte = (likely[..., 0] + likely[..., 2] * fraction) / likely.sum(axis=-1)
    return np.asarray(np.rint(matte * 255), np.uint8)


def correct_matte(
    matte: NDArray[np.uint8], true: NDArray[np.uint8], valid: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the teacher's `matte` with the `true` one where it is known and on the other side of 0.5.

    A teacher's holes in clothes would otherwise be taught beside the labels that know better. All are
    uint8 of one shape; `valid` is 255 where `true` is known.
    """
    wrong = (valid > 0) & ((matte > 127) != (true > 127))
    return np.where(wrong, true, matte)


class DistillationDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of `batches` with the predictions of `teacher` added to the truth."""

    def __init__(self, batches: SceneDataset, teacher: TeacherModel) -> None:
        super().__init__(workers=batches.workers, use_multiprocessing=False, max_queue_size=8)
        self._batches, self._teacher = batches, teacher

    @property
    def epoch(self) -> int:
        """The epoch that the scenes are drawn for."""
        return self._batches.epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._batches.epoch = epoch

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], dict[str, Any]]:
        images, truth = self._batches[index]
        matte, features = self._teacher.predict(images)
        taught = correct_matte(matte, truth[:, 1], truth[:, 2])
        return images, {LOGITS: np.concatenate([truth, taught[:, None]], axis=1), **features}

    def on_epoch_end(self) -> None:
        """Sample other scenes for the next epoch. Called by Keras after each epoch."""
        self._batches.on_epoch_end()
