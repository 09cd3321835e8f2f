"""Count the multiply-adds of a network for one image.

Convolutions and dense layers are counted, one multiply-add for each weight and position, as in Sandler et
al., "MobileNetV2", 2018. Normalisations are not counted because the export folds them into convolutions.
Additions, activations and resizing are not counted, as in that paper.
"""

import math

import keras
from keras import layers


def count_multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of one image of the model's own input size.

    Raises:
        ValueError: a layer's input or output has no fixed height and width.
    """
    return sum(_count(layer) for layer in model.layers)


def _count(layer: keras.layers.Layer) -> int:
    if isinstance(layer, keras.Model):
        return count_multiply_adds(layer)
    if isinstance(layer, layers.Dense):
        return int(math.prod(layer.kernel.shape))
    if isinstance(layer, layers.Conv2DTranspose):
        # Each input pixel is multiplied by the whole kernel.
        return _pixels(layer, layer.input.shape) * int(math.prod(layer.kernel.shape))
    if isinstance(layer, layers.DepthwiseConv2D):
        return _pixels(layer, layer.output.shape) * int(math.prod(layer.kernel.shape))
    if isinstance(layer, layers.Conv2D):
        # With groups, the kernel's third axis is already the channels of one group.
        return _pixels(layer, layer.output.shape) * int(math.prod(layer.kernel.shape))
    return 0


def _pixels(layer: keras.layers.Layer, shape: tuple[int | None, ...]) -> int:
    height, width = shape[1:3]
    if height is None or width is None:
        raise ValueError(f"{layer.name} has no fixed height and width: {shape}")
    return height * width
