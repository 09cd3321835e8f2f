"""Lower half of EfficientNet-Lite0: inverted residuals from 1/4 of the input size to 1/32.

Shapes and layer names fit the published ImageNet weights (Sandler et al., "MobileNetV2: Inverted Residuals
and Linear Bottlenecks", 2018; Tan and Le, "EfficientNet", 2019; the Lite variants have no squeeze and
excitation, and ReLU6, which quantizes well).
"""

from typing import NamedTuple

import keras
from keras import layers

from livecam.training.networks.blocks import normalize


class MBConvStage(NamedTuple):
    """Blocks of one width with `kernel` x `kernel` filters, the first with `stride`, numbered from `first`.

    A block expands its input to `expansion` times as many channels.
    """

    first: int
    repeats: int
    channels: int
    kernel: int
    stride: int
    expansion: int = 6


STEM_CHANNELS = 24
"""Input channels of the first stage, at 1/4 of the input size."""
STEM_STAGES = (MBConvStage(0, 1, 16, 3, 1, 1), MBConvStage(1, 2, STEM_CHANNELS, 3, 2))
"""The first three blocks of EfficientNet-Lite0, the slowest; livecam has plain convolutions instead."""
LITE0 = (
    MBConvStage(3, 2, 40, 5, 2),
    MBConvStage(5, 3, 80, 3, 2),
    MBConvStage(8, 3, 112, 5, 1),
    MBConvStage(11, 4, 192, 5, 2),
)
"""Its stages from 1/8 on, without the last, which only serves classification."""


def channel_adapter(x: keras.KerasTensor) -> keras.KerasTensor:
    """Convert features at 1/4 to the input channels of the first stage."""
    return normalize(layers.Conv2D(STEM_CHANNELS, 1, use_bias=False, name="enter_conv")(x), "enter")


def teacher_stem(image: keras.KerasTensor) -> keras.KerasTensor:
    """Build EfficientNet-Lite0's stem: from an image, RGB in [0, 1], to features at 1/4."""
    x = layers.Rescaling(2.0, offset=-1.0, name="scale")(image)
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.ReLU(6.0, name="stem")(normalize(x, "stem"))
    for stage in STEM_STAGES:
        x = mbconv_stage(x, stage)
    return x


def mbconv_stage(x: keras.KerasTensor, stage: MBConvStage) -> keras.KerasTensor:
    """Apply the blocks of a stage to (batch, height, width, channels); `stride` times smaller."""
    for i in range(stage.repeats):
        expanded = x.shape[-1] * stage.expansion if stage.expansion > 1 else None
        stride = stage.stride if i == 0 else 1
        y = mbconv_block(x, f"block{stage.first + i}", expanded, stage.channels, stage.kernel, stride)
        x = layers.Add(name=f"block{stage.first + i}_sum")([x, y]) if i else y
    return x


def mbconv_block(
    x: keras.KerasTensor, name: str, expanded: int | None, channels: int, kernel: int, stride: int = 1
) -> keras.KerasTensor:
    """Apply one inverted residual without its sum; `expanded` channels inside, None: no expansion."""
    if expanded is not None:
        x = layers.Conv2D(expanded, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = layers.ReLU(6.0, name=f"{name}_expand")(normalize(x, f"{name}_expand"))
    x = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depth_conv"
    )(x)
    x = layers.ReLU(6.0, name=f"{name}_depth")(normalize(x, f"{name}_depth"))
    return normalize(
        layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project_conv")(x), f"{name}_project"
    )
