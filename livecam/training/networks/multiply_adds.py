"""Count what a network costs: its multiply-adds for one picture.

The count is of convolutions and dense layers, one multiply-add for each weight and place where it is used,
as papers count
(Sandler et al., "MobileNetV2", 2018). Normalisations are folded into convolutions at export; additions,
activations and resizing
are left out, as there.
"""

import math

import keras
from keras import layers


def count_multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of one picture of the model's own input size.

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
        # Every pixel that comes in is multiplied by the whole kernel.
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
