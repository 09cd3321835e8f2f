"""Layers with fast LiteRT kernels, with the same output as the trained ones. Used by the export only.

A transposed convolution without overlap is a 1x1 convolution followed by depth-to-space (Shi et al.,
"Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network",
2016): LiteRT runs that several times faster. The softmax of three classes is computed before the last
depth-to-space, channel by channel, so that its sums run over contiguous memory.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

Tensor = Any
_TAIL = ("head", "classes", "share", "matte")
"""Layers of a livecam network from its last transposed convolution on."""


class SubpixelUpsample(layers.Layer):  # type: ignore[misc]
    """A transposed convolution with kernel size and stride 2, as 1x1 convolution and depth-to-space."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], **settings: Any) -> None:
        """Take the kernel, (2, 2, channels out, channels in), and the bias, (channels out,)."""
        super().__init__(**settings)
        self._kernel = kernel.transpose(3, 0, 1, 2).reshape(1, 1, kernel.shape[3], -1)
        self._bias = np.tile(bias, 4)

    def call(self, x: Tensor) -> Tensor:
        """Map (batch, height, width, channels in) to (batch, 2 height, 2 width, channels out)."""
        return tf.nn.depth_to_space(tf.nn.conv2d(x, self._kernel, 1, "SAME") + self._bias, 2)


class Identity(layers.Layer):  # type: ignore[misc]
    """Replaces a batch normalisation that is folded into another layer."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """Return the input."""
        return inputs


class PackedHead(layers.Layer):  # type: ignore[misc]
    """Head from the last features to classes and matte, four pixels at once."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32], **settings: Any) -> None:
        """Take the head's kernel, (2, 2, 4, channels in), and bias, (4,)."""
        super().__init__(**settings)
        # A softmax is invariant to a common offset: the foreground's logit is subtracted and becomes 0.
        kernel, bias = (
            np.concatenate([weights[..., 1:3, :] - weights[..., :1, :], weights[..., 3:, :]], axis=-2)
            for weights in (kernel, bias[:, None])
        )
        # The four pixels of one class, then those of the next.
        self._kernel = kernel.transpose(3, 2, 0, 1).reshape(1, 1, kernel.shape[3], 12)
        self._bias = np.repeat(bias[:, 0], 4)

    def call(self, x: Tensor) -> dict[str, Tensor]:
        """Map (batch, height, width, channels in) to the matte, at twice the size, and the classes, packed.

        Unpacking the classes takes longer than computing them, and the live path needs the matte only.
        `livecam.models.class_layout` unpacks them on request.
        """
        logits = tf.nn.conv2d(x, self._kernel, 1, "SAME") + self._bias
        # Larger logits would overflow; e^80 times as likely is certain.
        exponentials, fraction = tf.exp(tf.minimum(logits[..., :8], 80.0)), tf.sigmoid(logits[..., 8:])
        background, contour = exponentials[..., :4], exponentials[..., 4:]
        foreground = 1.0 / (background + contour + 1.0)
        background, contour = background * foreground, contour * foreground
        matte = tf.nn.depth_to_space(foreground + contour * fraction, 2)
        return {"matte": matte, "foreground": foreground, "background": background, "contour": contour}


def optimize_for_litert(model: keras.Model) -> keras.Model:
    """Return a model that LiteRT runs faster, with the same input and matte; classes are packed.

    A network without livecam's head is returned unchanged.
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
    folded = {norm.name for norm in norms.values()}

    def replace_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name in norms:
            return SubpixelUpsample(*fold_batch_norm(layer, norms[layer.name]), name=layer.name)
        if layer.name in folded:
            return Identity(name=layer.name)
        return type(layer).from_config(layer.get_config())

    optimized = keras.models.clone_model(body, clone_function=replace_layer)
    for layer in optimized.layers:
        if layer.name not in norms and layer.name not in folded:
            layer.set_weights(body.get_layer(layer.name).get_weights())
    kernel, bias = head.get_weights()
    outputs = PackedHead(kernel, bias, name="verdict")(optimized.output)
    return keras.Model(optimized.input, outputs, name=model.name)


def fold_batch_norm(
    up: keras.layers.Layer, norm: keras.layers.Layer
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of a transposed convolution with its batch normalisation folded in."""
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    (kernel,) = up.get_weights()
    return kernel * scale[:, None], beta - mean * scale
