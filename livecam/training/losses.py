"""Losses, pure functions of (truth, prediction). Shapes: (batch, height, width, ...), float32."""

from typing import Any

import keras
from keras import ops

Tensor = Any


def classes_loss(truth: Tensor, predicted: Tensor) -> Tensor:
    """Sparse categorical crossentropy of the three classes, each pixel with its weight.

    Args:
        truth: class (0 foreground, 1 background, 2 contour) and weight, (batch, height, width, 2).
        predicted: softmax, (batch, height, width, 3).
    """
    # Flat, since the PyTorch backend can't go back through the picture-shaped form.
    flat = ops.reshape(predicted, (-1, predicted.shape[-1]))
    each = keras.losses.sparse_categorical_crossentropy(ops.reshape(truth[..., 0], (-1,)), flat)
    return ops.mean(each * ops.reshape(truth[..., 1], (-1,)))


class MatteLoss(keras.losses.Loss):  # type: ignore[misc]
    """How far the matte is from the true one, where that is known.

    Crossentropy with the soft truth (absolute difference alone falls into the trap "all background" and
    stays there for long), plus the absolute difference, plus that of the gradients (sharp edges; as in Xu et
    al., "Deep Image Matting", 2017, and later work), plus, for the first `pairs` × 2 rows of a batch, the
    difference of the change between the two shots of a scene (after the measure dtSSD of Erofeev et al.,
    2015): a steady model.

    Args of the call:
        truth: matte, known (0 or 1) and weight, (batch, height, width, 3).
        predicted: matte, (batch, height, width, 1).
    """

    def __init__(self, pairs: int = 0, gradient: float = 0.5, change: float = 1.0) -> None:
        super().__init__(name="matte_loss", reduction="sum")
        self.pairs, self.gradient, self.change = pairs, gradient, change

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss, a scalar."""
        true, known, weight = y_true[..., 0], y_true[..., 1], y_true[..., 2]
        error = (y_pred[..., 0] - true) * known
        said = ops.clip(y_pred[..., 0], 1e-4, 1 - 1e-4)
        entropy = -(true * ops.log(said) + (1 - true) * ops.log(1 - said))
        loss = ops.mean((entropy + ops.abs(error)) * known * weight)
        down, across = error[:, 1:] - error[:, :-1], error[:, :, 1:] - error[:, :, :-1]
        loss = loss + self.gradient * (ops.mean(ops.abs(down)) + ops.mean(ops.abs(across)))
        if self.pairs:
            both = known[0 : 2 * self.pairs : 2] * known[1 : 2 * self.pairs : 2]
            drift = (error[0 : 2 * self.pairs : 2] - error[1 : 2 * self.pairs : 2]) * both
            loss = loss + self.change * ops.mean(ops.abs(drift))
        return loss

    def get_config(self) -> dict[str, Any]:
        """The settings, for Keras."""
        return {"pairs": self.pairs, "gradient": self.gradient, "change": self.change}
