"""Layers of TinyViT with fast LiteRT kernels, with the output of the trained ones. Used by the export only.

LiteRT has no kernel for a layer normalization: it becomes eleven operations, most of which read and write all
tokens. Scale and offset are linear, so they are part of the dense layer that follows. XNNPACK does not run
slices that drop an axis: LiteRT's own kernel copies them on one thread, between two calls of XNNPACK. So
query, key and value are three dense layers instead of three slices of one.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from livecam.annotation.sam.tiny_vit import WindowAttention, attention_offsets

Array = NDArray[np.float32]
Tensor = Any
_NORM, _DENSE = "_mlp_norm", "_mlp_1"
"""Ends of the names of a block's normalization, and of the dense layer that follows it."""


class PlainNormalization(layers.Layer):  # type: ignore[misc]
    """A layer normalization without scale and offset."""

    def __init__(self, epsilon: float, **settings: Any) -> None:
        """Take what is added to the variance."""
        super().__init__(**settings)
        self._epsilon = epsilon

    def call(self, x: Tensor) -> Tensor:
        """Map (..., channels) to the same shape."""
        centred = x - tf.reduce_mean(x, -1, keepdims=True)
        variance = tf.reduce_mean(centred * centred, -1, keepdims=True)
        return centred * tf.math.rsqrt(variance + self._epsilon)


class FoldedDense(layers.Layer):  # type: ignore[misc]
    """A dense layer that includes scale and offset of the layer normalization before it."""

    def __init__(self, kernel: Array, bias: Array, **settings: Any) -> None:
        """Take the result of `fold_normalization`."""
        super().__init__(**settings)
        self._kernel, self._bias = kernel, bias

    def call(self, x: Tensor) -> Tensor:
        """Map (1, height, width, channels in) to (1, height, width, channels out)."""
        return tf.matmul(x, self._kernel) + self._bias


class FastWindowAttention(layers.Layer):  # type: ignore[misc]
    """`WindowAttention` with three dense layers for query, key and value, and fewer operations."""

    def __init__(self, attention: WindowAttention, **settings: Any) -> None:
        """Take the weights of a built layer."""
        super().__init__(**settings)
        self._window, self._heads = attention.window, attention.num_heads
        self._normalize = PlainNormalization(attention.norm.epsilon)
        kernel, bias = fold_normalization(attention.norm, attention.qkv)
        width = len(kernel)
        # For each head its query, key and value.
        kernels = kernel.reshape(width, self._heads, 3, -1).transpose(2, 0, 1, 3).reshape(3, width, width)
        biases = bias.reshape(self._heads, 3, -1).transpose(1, 0, 2).reshape(3, width)
        # Of the scores, by way of the query.
        scale = np.reshape([(width // self._heads) ** -0.5, 1, 1], (3, 1)).astype(np.float32)
        self._parts = [*zip(kernels * scale[..., None], biases * scale, strict=True)]
        self._projection = [np.asarray(values) for values in attention.projection.get_weights()]
        offsets = attention_offsets(self._window)
        self._biases = keras.ops.convert_to_numpy(attention.biases)[:, offsets][None]

    def call(self, x: Tensor) -> Tensor:
        """Return the attended tokens, of the shape of `x`: (1, height, width, channels)."""
        _, height, width, channels = x.shape
        side = self._window
        bottom, right = -height % side, -width % side
        rows, columns = (height + bottom) // side, (width + right) // side
        # The same as padding before: a token of zeros is normalized to zeros.
        x = tf.pad(self._normalize(x), ((0, 0), (0, bottom), (0, right), (0, 0)))
        x = tf.transpose(tf.reshape(x, (rows, side, columns, side, channels)), (0, 2, 1, 3, 4))
        x = tf.reshape(x, (-1, channels))
        query, key, value = (self._split_heads(x @ kernel + bias) for kernel, bias in self._parts)
        scores = tf.matmul(query, key, transpose_b=True) + self._biases
        x = tf.transpose(tf.matmul(tf.nn.softmax(scores), value), (0, 2, 1, 3))
        kernel, bias = self._projection
        x = tf.reshape(x, (-1, channels)) @ kernel + bias
        x = tf.transpose(tf.reshape(x, (rows, columns, side, side, channels)), (0, 2, 1, 3, 4))
        x = tf.reshape(x, (1, rows * side, columns * side, channels))
        return x[:, :height, :width]

    def _split_heads(self, x: Tensor) -> Tensor:
        """Map (tokens, channels) to (windows, heads, tokens of a window, channels of a head)."""
        split = tf.reshape(x, (-1, self._window**2, self._heads, x.shape[-1] // self._heads))
        return tf.transpose(split, (0, 2, 1, 3))


def fold_normalization(norm: layers.LayerNormalization, dense: layers.Dense) -> tuple[Array, Array]:
    """Return kernel and bias of a dense layer that includes scale and offset of a layer normalization."""
    scale, offset = (np.asarray(values) for values in norm.get_weights())
    kernel, bias = (np.asarray(values) for values in dense.get_weights())
    return scale[:, None] * kernel, bias + offset @ kernel


def optimize_encoder(encoder: keras.Model) -> keras.Model:
    """Return a TinyViT that LiteRT runs faster, for one image, with the same input and output.

    An encoder without `WindowAttention` is returned unchanged.
    """
    if not any(isinstance(layer, WindowAttention) for layer in encoder.layers):
        return encoder

    def replace_layer(layer: layers.Layer) -> layers.Layer:
        if isinstance(layer, WindowAttention):
            return FastWindowAttention(layer, name=layer.name)
        if layer.name.endswith(_NORM):
            return PlainNormalization(layer.epsilon, name=layer.name)
        if layer.name.endswith(_DENSE):
            norm = encoder.get_layer(layer.name.removesuffix(_DENSE) + _NORM)
            return FoldedDense(*fold_normalization(norm, layer), name=layer.name)
        return type(layer).from_config(layer.get_config())

    body = keras.Model(encoder.input, encoder.output)
    optimized = keras.models.clone_model(body, clone_function=replace_layer)
    for layer in optimized.layers:
        if layer.weights:
            layer.set_weights(encoder.get_layer(layer.name).get_weights())
    return optimized
