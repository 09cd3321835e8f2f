"""Initial weights from EfficientNet-Lite0, trained on ImageNet.

The lower encoder of `person-large` takes those weights unchanged. Its stem is cheaper than EfficientNet-
Lite0's, so it is distilled from that stem (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural
Network", 2015).
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops
from numpy.typing import NDArray

from livecam.core.errors import TrainingError
from livecam.training.data.dataset import SceneDataset
from livecam.training.networks.efficientnet_lite import teacher_stem
from livecam.training.networks.torch_layers import use_fused_torch_layers

Weights = Mapping[str, NDArray[Any]]
"""Weights by the names of PyTorch's EfficientNet-Lite: ``_blocks.3._expand_conv.weight`` and so on."""
Tensor = Any
_CONVOLUTIONS = {"expand": "_expand_conv", "depth": "_depthwise_conv", "project": "_project_conv"}


def load_efficientnet_weights(model: keras.Model, weights: Weights) -> None:
    """Set the weights of a model's blocks, and of EfficientNet-Lite0's stem if it has one.

    Raises:
        TrainingError: a weight is missing or of another shape, or the model has no such block.
    """
    targets = [layer for layer in model.layers if layer.weights and layer.name.startswith(("stem", "block"))]
    if not targets:
        raise TrainingError(f"the network {model.name} has no blocks that could take these weights")
    for layer in targets:
        try:
            layer.set_weights(_weights_of(layer, weights))
        except (KeyError, ValueError) as error:
            raise TrainingError(f"these weights don't fit {layer.name}: {error}") from error


def _weights_of(layer: keras.layers.Layer, weights: Weights) -> list[NDArray[Any]]:
    owner, _, role = layer.name.rpartition("_")
    block, _, part = owner.partition("_")
    if part:
        prefix = f"_blocks.{block.removeprefix('block')}."
        convolution, norm = prefix + _CONVOLUTIONS[part], f"{prefix}_bn{list(_CONVOLUTIONS).index(part)}"
    else:
        convolution, norm = "_conv_stem", "_bn0"
    if role == "norm":
        return [weights[f"{norm}.{which}"] for which in ("weight", "bias", "running_mean", "running_var")]
    kernel = weights[f"{convolution}.weight"]
    # PyTorch's order is (out, in, height, width); a depthwise kernel's single input is Keras' multiplier.
    return [kernel.transpose(2, 3, 0, 1) if part == "depth" else kernel.transpose(2, 3, 1, 0)]


class NormalizedFeatureLoss(keras.losses.Loss):  # type: ignore[misc]
    """Squared difference of features, each channel divided by its variance."""

    def __init__(self) -> None:
        super().__init__(name="likeness")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Compute the loss of features (batch, height, width, channels); 1 if the mean is predicted."""
        true, predicted = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        variance = ops.var(true, axis=(0, 1, 2)) + 1e-3
        return ops.mean(ops.square(predicted - true) / variance)

    def get_config(self) -> dict[str, Any]:
        """Return no settings, for Keras' serialization."""
        return {}


class TeacherDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """Images of `batches` with the output of `teacher` as targets."""

    def __init__(self, batches: SceneDataset, teacher: keras.Model) -> None:
        super().__init__(workers=1)
        self._batches, self._teacher = batches, teacher

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        images, _ = self._batches[index]
        return images, self._teacher.predict_on_batch(images)


def distill_stem(
    model: keras.Model,
    weights: Weights,
    batches: SceneDataset,
    learning_rate: float = 4e-3,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> float:
    """Distil EfficientNet-Lite0's stem into the stem of `model`, in one pass over `batches`.

    Returns:
        `NormalizedFeatureLoss` on the last batch: 0 for equal features, 1 for nothing in common.

    Raises:
        TrainingError: the weights do not fit.
    """
    image = keras.Input(model.input_shape[1:], name="picture")
    teacher = keras.Model(image, teacher_stem(image), name="teacher")
    load_efficientnet_weights(teacher, weights)
    stem = keras.Model(model.input, model.get_layer("enter_norm").output, name="upper")
    student = use_fused_torch_layers(stem)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, len(batches), alpha=0.01)
    student.compile(optimizer=keras.optimizers.Adam(rate), loss=NormalizedFeatureLoss())
    dataset = TeacherDataset(batches, teacher)
    student.fit(dataset, shuffle=False, callbacks=list(callbacks), verbose=0)
    stem.set_weights(student.get_weights())
    return float(student.evaluate(*dataset[len(dataset) - 1], verbose=0))
