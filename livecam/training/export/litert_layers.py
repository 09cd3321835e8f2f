"""The same network in fewer and quicker steps, as LiteRT runs it.

Training needs none of this and keeps the plain layers; what is exported says the same. A transposed
convolution whose steps don't overlap is a convolution of single pixels whose channels are then laid out as
pixels (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", 2016): LiteRT does that several times quicker. The softmax of three is counted
before the last such layout, channel by channel, where its sums run over whole rows of memory.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

Tensor = Any
_TAIL = ("head", "classes", "share", "matte")
"""The layers of a livecam network from its last transposed convolution on."""


class SubpixelUpsample(layers.Layer):  # type: ignore[misc]
    """A transposed convolution whose kernel is as large as its stride, 2, by way of single pixels."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], **settings: Any) -> None:
        """Take the kernel, (2, 2, channels out, channels in), and what is added, (channels out,)."""
        super().__init__(**settings)
        self._kernel = kernel.transpose(3, 0, 1, 2).reshape(1, 1, kernel.shape[3], -1)
        self._bias = np.tile(bias, 4)

    def call(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels in) to (batch, 2 height, 2 width, channels out)."""
        return tf.nn.depth_to_space(tf.nn.conv2d(x, self._kernel, 1, "SAME") + self._bias, 2)


class Identity(layers.Layer):  # type: ignore[misc]
    """Stands where a normalisation was that is counted in elsewhere."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """The same."""
        return inputs


class PackedHead(layers.Layer):  # type: ignore[misc]
    """From the last features to classes and matte, all counted for four pixels at once."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], **settings: Any) -> None:
        """Take the head's kernel, (2, 2, 4, channels in), and what is added, (4,)."""
        super().__init__(**settings)
        # A softmax is the same for numbers that differ from these by one: the foreground's becomes 0.
        kernel, bias = (
            np.concatenate([all_four[..., 1:3, :] - all_four[..., :1, :], all_four[..., 3:, :]], axis=-2)
            for all_four in (kernel, bias[:, None])
        )
        # All four pixels of one class, then those of the next.
        self._kernel = kernel.transpose(3, 2, 0, 1).reshape(1, 1, kernel.shape[3], 12)
        self._bias = np.repeat(bias[:, 0], 4)

    def call(self, x: Tensor) -> dict[str, Tensor]:
        """(batch, height, width, channels in) to the matte, at twice the size, and each class, packed.

        To lay the classes out as pixels takes longer than to count them, and calls need the matte alone:
        whoever asks for them does it (`livecam.models.class_layout`).
        """
        logits = tf.nn.conv2d(x, self._kernel, 1, "SAME") + self._bias
        # What is e^80 times as likely as the foreground is certain, and larger numbers would overflow.
        raised, share = tf.exp(tf.minimum(logits[..., :8], 80.0)), tf.sigmoid(logits[..., 8:])
        background, contour = raised[..., :4], raised[..., 4:]
        foreground = 1.0 / (background + contour + 1.0)
        background, contour = background * foreground, contour * foreground
        matte = tf.nn.depth_to_space(foreground + contour * share, 2)
        return {"matte": matte, "foreground": foreground, "background": background, "contour": contour}


def optimize_for_litert(model: keras.Model) -> keras.Model:
    """A model that LiteRT runs quicker, of the same input and matte; the classes are packed (`Verdict`).

    Networks of other layers than livecam's are given back as they are.
    """
    names = {layer.name for layer in model.layers}
    if not names.issuperset(_TAIL):
        return model
    head = model.get_layer("head")
    body = keras.Model(model.input, head.input)
    norms = {
        up.name: body.get_layer(f"{up.name}_norm")
        for up in body.layers
        if isinstance(up, layers.Conv2DTranspose)
    }
    counted_in = {norm.name for norm in norms.values()}

    def swap(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in norms:
            return SubpixelUpsample(*fold_batch_norm(layer, norms[layer.name]), name=layer.name)
        if layer.name in counted_in:
            return Identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    light = keras.models.clone_model(body, clone_function=swap)
    for layer in light.layers:
        if layer.name not in norms and layer.name not in counted_in:
            layer.set_weights(body.get_layer(layer.name).get_weights())
    kernel, bias = head.get_weights()
    said = PackedHead(kernel, bias, name="verdict")(light.output)
    return keras.Model(light.input, said, name=model.name)


def fold_batch_norm(
    up: keras.layers.Layer, norm: keras.layers.Layer
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The kernel and what is added, with the normalisation behind them counted in."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    (kernel,) = up.get_weights()
    return kernel * scale[:, None], beta - mean * scale
