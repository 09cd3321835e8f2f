"""Compact encoder-decoder: strided convolutions down, transposed convolutions up, a softmax of three classes.

Convolutions are plain 3x3 (dilated at 1/16), which train and run fast on a CPU. The lower encoder of
`person-large` has EfficientNet-Lite0's blocks (`efficientnet_lite`). Besides the three classes of a trimap,
the network predicts which fraction of a contour pixel is foreground. The matte is foreground + contour x
fraction, soft from the start (cf. Chen et al., "Semantic Human Matting", 2018).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import keras
from keras import layers

from livecam.core.geometry import Size
from livecam.training.networks.blocks import conv_block, decoder_block
from livecam.training.networks.efficientnet_lite import LITE0, MBConvStage, channel_adapter, mbconv_stage
from livecam.training.networks.registry import register_network
from livecam.training.networks.separable import SeparableNetwork, build_decoder, build_features

DILATIONS = (1, 2, 4, 4)
"""Dilations of the convolutions at 1/16, repeated cyclically."""


@dataclass(frozen=True)
class MattingNetConfig:
    """Settings of a network.

    `size` is (width, height) in pixels, both divisible by 16; `widths` are the channels of plain
    convolutions at 1/2, 1/4 and so on of it; `depths` how many further ones follow the strided one at 1/4,
    1/8 and so on. Below them come `stages` of inverted residuals, if any. `blends` are the channels on the
    way up, from the level above the lowest on; by default two thirds of those on the way down.
    """

    name: str
    size: tuple[int, int]
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    stages: tuple[MBConvStage, ...] = ()
    blends: tuple[int, ...] = ()


AnyNetwork: TypeAlias = MattingNetConfig | SeparableNetwork
SLIM = (
    MBConvStage(3, 2, 40, 5, 2, 3),
    MBConvStage(5, 3, 80, 3, 2, 3),
    MBConvStage(8, 2, 112, 5, 1, 3),
    MBConvStage(11, 2, 192, 5, 2, 3),
)
"""EfficientNet-Lite0's stages with half its expansion channels and fewer repeats."""
LITE = (
    MBConvStage(3, 1, 40, 5, 2, 3),
    MBConvStage(5, 2, 80, 3, 2, 3),
    MBConvStage(8, 1, 112, 5, 1, 3),
    MBConvStage(11, 2, 192, 5, 2, 3),
)
"""`SLIM` with the first blocks of each stage only, whose trained weights are the first ones."""
ARCHITECTURES: dict[str, AnyNetwork] = {
    network.name: network
    for network in (
        SeparableNetwork("person", (256, 144), 16, 48, SLIM, (64, 40, 24, 16)),
        MattingNetConfig("person-large", (256, 160), (16, 48), (2,), LITE0, (112, 64, 32, 12)),
        SeparableNetwork("person-lite", (160, 96), 12, 32, LITE, (48, 32, 20, 10)),
        MattingNetConfig("tiny", (64, 48), (8, 8, 16, 16), (0, 0, 1)),
    )
}


def _squeeze_excite(x: keras.KerasTensor) -> keras.KerasTensor:
    """Scale channels by a gate from their global averages (squeeze and excitation, Hu et al. 2018)."""
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="context_pool")(x)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name="context_gate")(pooled)
    return layers.Multiply(name="context")([x, gate])


def _encoder(x: keras.KerasTensor, network: MattingNetConfig) -> list[keras.KerasTensor]:
    """Return the features at 1/2, at 1/4, and so on to the lowest level."""
    x = conv_block(x, network.widths[0], "down2", stride=2)
    features = [x]
    for level, (channels, depth) in enumerate(zip(network.widths[1:], network.depths, strict=True), start=2):
        x = conv_block(x, channels, f"down{2**level}", stride=2)
        for i in range(depth):
            # At 1/16 the dilations extend the receptive field to the whole image.
            dilation = DILATIONS[i % len(DILATIONS)] if level == 4 else 1
            block = conv_block(x, channels, f"stay{2**level}_{i}", dilation=dilation)
            x = layers.Add(name=f"stay{2**level}_{i}_sum")([x, block])
        features.append(x)
    if not network.stages:
        return [*features[:-1], _squeeze_excite(x)]
    x = channel_adapter(x)
    for stage in network.stages:
        x = mbconv_stage(x, stage)
        # Of two stages of one size the later has the better features.
        features = [*features, x] if stage.stride == 2 else [*features[:-1], x]
    return features


def _features(x: keras.KerasTensor, network: MattingNetConfig) -> keras.KerasTensor:
    """Apply encoder and decoder; return the features at 1/2 that the head reads."""
    skips = _encoder(x, network)
    x = skips.pop()
    blends = network.blends or [max(8, skip.shape[-1] * 2 // 3) for skip in skips[::-1]]
    for blend in blends:
        level = 2 ** len(skips)
        x = decoder_block(x, skips.pop(), f"up{level}")
        x = conv_block(x, blend, f"blend{level}")
    return x


def build_model(network: AnyNetwork) -> keras.Model:
    """Build the network, untrained.

    Input: float32 RGB in [0, 1], shape (batch, height, width, 3). Outputs: ``classes``,
    the softmax over foreground, background and contour, (batch, height, width, 3), and ``matte``,
    (batch, height, width, 1), in [0, 1].
    """
    width, height = network.size
    image = keras.Input((height, width, 3), name="picture")
    x = layers.Rescaling(2.0, offset=-1.0, name="scale")(image)
    x = (
        _features(x, network)
        if isinstance(network, MattingNetConfig)
        else build_decoder(build_features(x, network), network)
    )
    x = layers.Conv2DTranspose(4, 2, strides=2, padding="same", name="head")(x)
    classes = layers.Softmax(name="classes")(x[..., :3])
    fraction = layers.Activation("sigmoid", name="share")(x[..., 3:])
    # Separate layers, because the exported graph names its outputs after layers.
    contour = layers.Multiply(name="contour_part")([classes[..., 2:], fraction])
    matte = layers.Add(name="matte")([classes[..., :1], contour])
    return keras.Model(image, {"classes": classes, "matte": matte}, name=network.name)


def build_at_size(network: AnyNetwork, size: Size | None) -> keras.Model:
    """Build a network for another input size, or for its own if `size` is None."""
    return build_model(replace(network, size=(size.width, size.height)) if size else network)


for _network in ARCHITECTURES.values():
    register_network(_network.name, recipe="livecam.training.matting:MattingRecipe")(
        partial(build_at_size, _network)
    )


def resize_network(model: keras.Model, size: Size) -> keras.Model:
    """Build the same network, with the same weights, for another input size.

    A network of `ARCHITECTURES` is built again, because sides that cannot be halved need other layers; any
    other network is cloned.
    """
    network = ARCHITECTURES.get(model.name)
    other = build_model(replace(network, size=(size.width, size.height))) if network else None
    if other is None or [w.shape for w in other.weights] != [w.shape for w in model.weights]:
        image = keras.Input((size.height, size.width, 3), name="picture")
        other = keras.models.clone_model(model, input_tensors=image)
    other.set_weights(model.get_weights())
    return other


def freeze_batch_norm(model: keras.Model) -> None:
    """Freeze batch normalisation.

    Statistics of a long training are less noisy than those of single batches; a short fine-tune gets better
    results with them.
    """
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def logits_model(model: keras.Model) -> keras.Model:
    """Return a model of the same layers up to the logits, (batch, height, width, 4), for the loss."""
    return keras.Model(model.input, model.get_layer("head").output, name=f"{model.name}_learner")
