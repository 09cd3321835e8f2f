"""Where a network begins: with what EfficientNet-Lite0 learnt from a million photographs.

The lower half of `person` is that network's, and takes its weights as they are. Its upper half is cheaper
than EfficientNet-Lite0's, so it first learns to say of pictures what that one says of them (after Hinton,
Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015).
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
"""By the names of PyTorch's EfficientNet-Lite: ``_blocks.3._expand_conv.weight`` and so on."""
Tensor = Any
_CONVOLUTIONS = {"expand": "_expand_conv", "depth": "_depthwise_conv", "project": "_project_conv"}


def load_efficientnet_weights(model: keras.Model, weights: Weights) -> None:
    """Give a model's blocks, and its stem if it has EfficientNet-Lite0's, the weights of these names.

    Raises:
        TrainingError: a weight is missing or of another shape, or the model has no such block.
    """
    grafted = [layer for layer in model.layers if layer.weights and layer.name.startswith(("stem", "block"))]
    if not grafted:
        raise TrainingError(f"the network {model.name} has no blocks that could take these weights")
    for layer in grafted:
        try:
            layer.set_weights(_weights_of(layer, weights))
        except (KeyError, ValueError) as error:
            raise TrainingError(f"these weights don't fit {layer.name}: {error}") from error


def _weights_of(layer: keras.layers.Layer, weights: Weights) -> list[NDArray[Any]]:
    owner, _, kind = layer.name.rpartition("_")
    block, _, part = owner.partition("_")
    if part:
        place = f"_blocks.{block.removeprefix('block')}."
        convolution, norm = place + _CONVOLUTIONS[part], f"{place}_bn{list(_CONVOLUTIONS).index(part)}"
    else:
        convolution, norm = "_conv_stem", "_bn0"
    if kind == "norm":
        return [weights[f"{norm}.{which}"] for which in ("weight", "bias", "running_mean", "running_var")]
    kernel = weights[f"{convolution}.weight"]
    # PyTorch counts (out, in, height, width); a depthwise kernel's one input is its multiplier here.
    return [kernel.transpose(2, 3, 0, 1) if part == "depth" else kernel.transpose(2, 3, 1, 0)]


class NormalizedFeatureLoss(keras.losses.Loss):  # type: ignore[misc]
    """The squared difference of features, each channel's as a share of how much it varies."""

    def __init__(self) -> None:
        super().__init__(name="likeness")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss, a scalar, of features (batch, height, width, channels); 1 if nothing is known."""
        true, said = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        varies = ops.var(true, axis=(0, 1, 2)) + 1e-3
        return ops.mean(ops.square(said - true) / varies)

    def get_config(self) -> dict[str, Any]:
        """The settings, for Keras: none."""
        return {}


class TeacherDataset(keras.utils.PyDataset):  # type: ignore[misc]
    """The pictures of `batches`, and what `teacher` says of them."""

    def __init__(self, batches: SceneDataset, teacher: keras.Model) -> None:
        super().__init__(workers=1)
        self._batches, self._teacher = batches, teacher

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        pictures, _ = self._batches[index]
        return pictures, self._teacher.predict_on_batch(pictures)


def distill_stem(
    model: keras.Model,
    weights: Weights,
    batches: SceneDataset,
    learning_rate: float = 4e-3,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> float:
    """Teach the upper half of `model` to say what EfficientNet-Lite0's says; give back how unlike it stays.

    That is `Likeness` on the last batch: 0 for the same, 1 for nothing in common. One pass over `batches`.

    Raises:
        TrainingError: weights that don't fit.
    """
    picture = keras.Input(model.input_shape[1:], name="picture")
    teacher = keras.Model(picture, teacher_stem(picture), name="teacher")
    load_efficientnet_weights(teacher, weights)
    upper = keras.Model(model.input, model.get_layer("enter_norm").output, name="upper")
    pupil = use_fused_torch_layers(upper)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, len(batches), alpha=0.01)
    pupil.compile(optimizer=keras.optimizers.Adam(rate), loss=NormalizedFeatureLoss())
    shown = TeacherDataset(batches, teacher)
    pupil.fit(shown, shuffle=False, callbacks=list(callbacks), verbose=0)
    upper.set_weights(pupil.get_weights())
    return float(pupil.evaluate(*shown[len(shown) - 1], verbose=0))
