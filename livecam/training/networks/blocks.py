"""Blocks that all of livecam's networks are made of."""

import keras
from keras import layers


def normalize(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply batch normalization, with the layer name ``NAME_norm``."""
    return layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name=f"{name}_norm")(x)


def conv_block(
    x: keras.KerasTensor, width: int, name: str, stride: int = 1, dilation: int = 1
) -> keras.KerasTensor:
    """Apply a 3x3 convolution, batch normalization and ReLU."""
    x = layers.Conv2D(
        width, 3, strides=stride, dilation_rate=dilation, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return layers.ReLU(name=name)(normalize(x, name))


def decoder_block(x: keras.KerasTensor, skip: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Upsample features by a transposed convolution and add the skip connection of that size."""
    x = layers.Conv2DTranspose(
        skip.shape[-1], 2, strides=2, padding="same", use_bias=False, name=f"{name}_up"
    )(x)
    x = normalize(x, f"{name}_up")
    # A side that could not be halved was rounded up by the encoder.
    excess = [upsampled - side for upsampled, side in zip(x.shape[1:3], skip.shape[1:3], strict=True)]
    if any(excess):
        x = layers.Cropping2D([(0, pixels) for pixels in excess], name=f"{name}_crop")(x)
    return layers.ReLU(name=f"{name}_sum")(layers.Add(name=f"{name}_add")([x, skip]))
