"""TinyViT, the image encoder of MobileSAM, as a KerasHub backbone.

Sources: Wu et al., "TinyViT: Fast Pretraining Distillation for Small Vision Transformers", ECCV 2022; Zhang
et al., "Faster Segment Anything: Towards Lightweight SAM for Mobile Applications", 2023, which trains it
to give the embeddings of SAM's ViT-H. For inference: batch normalizations are part of the convolutions.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras_hub.models import Backbone
from numpy.typing import NDArray

Tensor = Any
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, for colors of 0 to 1, as in KerasHub's ViTDetBackbone."""
_TOKEN_EPSILON, _NECK_EPSILON = 1e-5, 1e-6
_MBCONV_EXPANSION, _MLP_EXPANSION = 4, 4


@keras.saving.register_keras_serializable("livecam")
class TinyViTBackbone(Backbone):  # type: ignore[misc]
    """Map an image of 0 to 1 to SAM's embedding, (batch, side / 16, side / 16, channels).

    The first stage has convolutions, the others have attention within windows. The resolution is 1/4, 1/8,
    1/16 and 1/16 of the image: MobileSAM does not halve it before the last stage, as TinyViT does.

    Args:
        image_shape: (side, side, 3); the side is divisible by 16.
        widths: channels of the four stages.
        depths: blocks of the four stages.
        num_heads: attention heads of the stages; that of the first is not used.
        window_sizes: tokens per side of a window, likewise.
        num_output_channels: channels of the embedding.
        **kwargs: for `keras_hub.models.Backbone`.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (1024, 1024, 3),
        widths: Sequence[int] = (64, 128, 160, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (2, 4, 5, 10),
        window_sizes: Sequence[int] = (7, 7, 14, 7),
        num_output_channels: int = 256,
        **kwargs: Any,
    ) -> None:
        images = layers.Input(shape=tuple(image_shape), name="images")
        x = (images - ops.array(_MEAN, dtype=images.dtype)) / ops.array(_STD, dtype=images.dtype)
        x = _convolution(x, widths[0] // 2, "patch_embed_1", kernel=3, stride=2)
        x = _convolution(_gelu(x), widths[0], "patch_embed_2", kernel=3, stride=2)
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                # 1/16 is SAM's grid: no further stride.
                x = _merge_patches(x, width, f"stage{stage - 1}_merge", stride=1 if stage == 3 else 2)
            for block in range(depth):
                name = f"stage{stage}_block{block}"
                x = (
                    _attention_block(x, num_heads[stage], window_sizes[stage], name)
                    if stage
                    else _mbconv(x, name)
                )
        x = layers.Conv2D(num_output_channels, 1, use_bias=False, name="neck_conv1")(x)
        x = layers.LayerNormalization(epsilon=_NECK_EPSILON, name="neck_norm1")(x)
        x = layers.Conv2D(num_output_channels, 3, padding="same", use_bias=False, name="neck_conv2")(x)
        x = layers.LayerNormalization(epsilon=_NECK_EPSILON, name="neck_norm2")(x)
        super().__init__(inputs=images, outputs=x, **kwargs)
        self.image_shape = tuple(image_shape)
        self._settings = {
            "image_shape": self.image_shape,
            "widths": list(widths),
            "depths": list(depths),
            "num_heads": list(num_heads),
            "window_sizes": list(window_sizes),
            "num_output_channels": num_output_channels,
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), **self._settings}


@keras.saving.register_keras_serializable("livecam")
class WindowAttention(layers.Layer):  # type: ignore[misc]
    """Self-attention within square windows, with a learned bias for each distance of two tokens.

    The image is padded with zeros after the normalization's input, at right and bottom, to whole windows;
    the padding takes part in the attention, as in training.
    """

    def __init__(self, num_heads: int, window: int, **settings: Any) -> None:
        """Take the number of heads, and the tokens per side of a window."""
        super().__init__(**settings)
        self.num_heads, self.window = num_heads, window
        self._offsets = attention_offsets(window)

    def build(self, input_shape: Sequence[int]) -> None:
        """Create the weights for (batch, height, width, channels)."""
        width = input_shape[-1]
        self.norm = layers.LayerNormalization(epsilon=_TOKEN_EPSILON, name="norm", dtype=self.dtype_policy)
        self.qkv = layers.Dense(3 * width, name="qkv", dtype=self.dtype_policy)
        self.projection = layers.Dense(width, name="projection", dtype=self.dtype_policy)
        self.norm.build((None, None, width))
        self.qkv.build((None, None, width))
        self.projection.build((None, None, width))
        self.biases = self.add_weight(
            name="biases", shape=(self.num_heads, self.window**2), initializer="zeros"
        )
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Return the attended tokens, of the shape of `x`."""
        _, height, width, channels = x.shape
        side, heads, size = self.window, self.num_heads, channels // self.num_heads
        bottom, right = -height % side, -width % side
        rows, columns = (height + bottom) // side, (width + right) // side
        x = ops.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)))
        x = ops.reshape(x, (-1, rows, side, columns, side, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, side**2, channels))
        # For each head its query, key and value; the weights are arranged in this order.
        parts = ops.reshape(self.qkv(self.norm(x)), (-1, side**2, heads, 3, size))
        query, key, value = (ops.transpose(parts[:, :, :, part], (0, 2, 1, 3)) for part in range(3))
        scores = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        bias = ops.reshape(ops.take(self.biases, self._offsets.ravel(), axis=1), (1, heads, side**2, side**2))
        x = ops.matmul(ops.softmax(scores + ops.cast(bias, scores.dtype)), value)
        x = self.projection(ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, side**2, channels)))
        x = ops.reshape(x, (-1, rows, columns, side, side, channels))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height + bottom, width + right, channels))
        return x[:, :height, :width]

    def compute_output_shape(self, input_shape: Sequence[int]) -> Sequence[int]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "num_heads": self.num_heads, "window": self.window}


def attention_offsets(window: int) -> NDArray[np.int32]:
    """Return the index of the bias for each pair of tokens of a window.

    Returns:
        int32 (window², window²): window × vertical distance + horizontal distance, both absolute.
    """
    rows, columns = np.divmod(np.arange(window**2), window)
    vertical = np.abs(rows[:, None] - rows[None])
    return np.asarray(window * vertical + np.abs(columns[:, None] - columns[None]), np.int32)


def _attention_block(x: Tensor, num_heads: int, window: int, name: str) -> Tensor:
    """Attention, a depthwise convolution across the windows, and two dense layers."""
    width = x.shape[-1]
    x = x + WindowAttention(num_heads, window, name=f"{name}_attention")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_local_conv")(x)
    inner = layers.LayerNormalization(epsilon=_TOKEN_EPSILON, name=f"{name}_mlp_norm")(x)
    inner = _gelu(layers.Dense(_MLP_EXPANSION * width, name=f"{name}_mlp_1")(inner))
    return x + layers.Dense(width, name=f"{name}_mlp_2")(inner)


def _mbconv(x: Tensor, name: str) -> Tensor:
    """Return an inverted residual block, with the activation after the sum."""
    width = x.shape[-1]
    inner = _gelu(_convolution(x, _MBCONV_EXPANSION * width, f"{name}_conv1"))
    inner = _gelu(layers.DepthwiseConv2D(3, padding="same", name=f"{name}_conv2")(inner))
    return _gelu(x + _convolution(inner, width, f"{name}_conv3"))


def _merge_patches(x: Tensor, width: int, name: str, stride: int) -> Tensor:
    """Change the number of channels and, with a stride of 2, halve the resolution."""
    x = _gelu(_convolution(x, width, f"{name}_conv1"))
    x = layers.ZeroPadding2D(1, name=f"{name}_padding")(x)
    x = _gelu(layers.DepthwiseConv2D(3, strides=stride, name=f"{name}_conv2")(x))
    return _convolution(x, width, f"{name}_conv3")


def _convolution(x: Tensor, width: int, name: str, kernel: int = 1, stride: int = 1) -> Tensor:
    """Convolve with PyTorch's padding: one pixel on every side of a 3x3 kernel, also with a stride."""
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_padding")(x)
    return layers.Conv2D(width, kernel, strides=stride, name=name)(x)


def _gelu(x: Tensor) -> Tensor:
    return layers.Activation("gelu")(x)
