"""Small network for ordinary processors: slimmed lower half of EfficientNet-Lite0, cheap stem and decoder.

A full 3x3 convolution is used only where channels are few (the first two). All other convolutions are
depthwise, between 1x1 convolutions (Sandler et al., "MobileNetV2", 2018). The blocks keep the names and the
widths of those of `person-large`, with fewer expansion channels and fewer repeats. A trained `person-large`
therefore provides the initial weights of this network (`livecam.training.networks.slimming`), and the
features of each stage can be compared with the teacher's (`livecam.training.distillation`).
"""

from dataclasses import dataclass

import keras
from keras import layers

from livecam.training.networks.blocks import conv_block, decoder_block, normalize
from livecam.training.networks.efficientnet_lite import STEM_CHANNELS, MBConvStage, mbconv_block, mbconv_stage

KERNELS = (5, 5, 3, 3)
"""Kernel sizes of the decoder's depthwise convolutions, at 1/16, 1/8, 1/4 and 1/2."""


@dataclass(frozen=True)
class SeparableNetwork:
    """Settings of a separable network.

    `size` is (width, height) in pixels, both divisible by 16. `stem` is the number of channels at 1/2,
    `entrance` the number of expansion channels of the block at 1/4, `stages` are the inverted residuals
    from 1/8 on, `blends` the channels of the decoder at 1/16, 1/8, 1/4, 1/2.
    """

    name: str
    size: tuple[int, int]
    stem: int
    entrance: int
    stages: tuple[MBConvStage, ...]
    blends: tuple[int, ...]


def build_features(x: keras.KerasTensor, network: SeparableNetwork) -> list[keras.KerasTensor]:
    """Build the encoder; return the features at 1/2, 1/4, 1/8, 1/16 and 1/32."""
    x = conv_block(x, network.stem, "down2", stride=2)
    features = [x]
    x = _enter(conv_block(x, STEM_CHANNELS, "down4", stride=2), network.entrance)
    features.append(x)
    for stage in network.stages:
        x = mbconv_stage(x, stage)
        # Of two stages of the same size, the later one is the skip connection.
        features = [*features, x] if stage.stride == 2 else [*features[:-1], x]
    return features


def build_decoder(features: list[keras.KerasTensor], network: SeparableNetwork) -> keras.KerasTensor:
    """Build the decoder, from 1/32 to 1/2, with a skip connection at each size."""
    x, *skips = features[::-1]
    level = 2 ** len(skips)
    for skip, width, kernel in zip(skips, network.blends, KERNELS[-len(skips) :], strict=True):
        x = decoder_block(x, skip, f"up{level}")
        x = _separable(x, width, kernel, f"blend{level}")
        level //= 2
    return x


def _enter(x: keras.KerasTensor, expanded: int) -> keras.KerasTensor:
    """Build a residual block at 1/4 with `expanded` channels; its sum is the input of the first stage."""
    return layers.Add(name="enter")([x, mbconv_block(x, "enter", expanded, STEM_CHANNELS, 3)])


def _separable(x: keras.KerasTensor, width: int, kernel: int, name: str) -> keras.KerasTensor:
    x = layers.DepthwiseConv2D(kernel, padding="same", use_bias=False, name=f"{name}_depth_conv")(x)
    x = normalize(x, f"{name}_depth")
    x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=name)(normalize(x, name))
