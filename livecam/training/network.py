"""The compact encoder-decoder: strided convolutions down, transposed ones up, a softmax of three classes.

Every convolution is a plain 3x3 (dilated at the bottom, where the picture is 16 times smaller), since these
train fast and run fast on a processor. Besides the three classes of a trimap the network tells, for each
pixel, which share of a contour pixel is foreground; the matte is foreground + contour x share, soft from the
start (the unknown region of a trimap, resolved: cf. Chen et al., "Semantic Human Matting", 2018).
"""

from dataclasses import dataclass

import keras
from keras import layers

CLASSES = ("foreground", "background", "contour")
DILATIONS = (1, 2, 4, 4)
"""Of the steps at 1/16, one after the other and over again."""


@dataclass(frozen=True)
class Network:
    """Settings of a network.

    `size` is (width, height) in pixels, both divisible by 16; `widths` are the channels at 1/2, 1/4, 1/8 and
    1/16 of it; `depths` how many further convolutions follow the strided one at 1/4, 1/8 and 1/16.
    """

    name: str
    size: tuple[int, int]
    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int]


NETWORKS = {
    network.name: network
    for network in (
        Network("person", (256, 144), (16, 32, 96, 192), (1, 3, 6)),
        Network("person-lite", (176, 96), (16, 32, 96, 192), (1, 3, 6)),
        Network("tiny", (64, 48), (8, 8, 16, 16), (0, 0, 1)),
    )
}


def _convolve(
    x: keras.KerasTensor, width: int, name: str, stride: int = 1, dilation: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(
        width, 3, strides=stride, dilation_rate=dilation, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    return layers.ReLU(name=name)(x)


def _rise(x: keras.KerasTensor, skip: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.Conv2DTranspose(
        skip.shape[-1], 2, strides=2, padding="same", use_bias=False, name=f"{name}_up"
    )(x)
    x = layers.BatchNormalization(momentum=0.97, name=f"{name}_up_norm")(x)
    return layers.ReLU(name=f"{name}_sum")(layers.Add(name=f"{name}_add")([x, skip]))


def _context(x: keras.KerasTensor) -> keras.KerasTensor:
    """What the whole picture says about every place of it (squeeze and excitation, Hu et al. 2018)."""
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="context_pool")(x)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name="context_gate")(pooled)
    return layers.Multiply(name="context")([x, gate])


def build(network: Network) -> keras.Model:
    """Build the network, untrained.

    Input: float32 RGB in [0, 1], shape (batch, height, width, 3). Outputs: ``classes``, the softmax over
    foreground, background and contour, (batch, height, width, 3), and ``matte``, (batch, height, width, 1),
    in [0, 1].
    """
    width, height = network.size
    picture = keras.Input((height, width, 3), name="picture")
    x = layers.Rescaling(2.0, offset=-1.0, name="scale")(picture)
    skips = []
    x = _convolve(x, network.widths[0], "down2", stride=2)
    for level, (channels, depth) in enumerate(zip(network.widths[1:], network.depths, strict=True), start=2):
        skips.append(x)
        x = _convolve(x, channels, f"down{2**level}", stride=2)
        for i in range(depth):
            # At the bottom the dilations make each place see the whole picture.
            dilation = DILATIONS[i % len(DILATIONS)] if level == 4 else 1
            step = _convolve(x, channels, f"stay{2**level}_{i}", dilation=dilation)
            x = layers.Add(name=f"stay{2**level}_{i}_sum")([x, step])
    x = _context(x)
    for level in (3, 2, 1):
        skip = skips.pop()
        x = _rise(x, skip, f"up{2**level}")
        x = _convolve(x, max(8, skip.shape[-1] * 2 // 3), f"blend{2**level}")
    x = layers.Conv2DTranspose(4, 2, strides=2, padding="same", name="head")(x)
    classes = layers.Softmax(name="classes")(x[..., :3])
    share = layers.Activation("sigmoid", name="share")(x[..., 3:])
    # Named by layers, since the exported graph calls its outputs after them.
    contour = layers.Multiply(name="contour_part")([classes[..., 2:], share])
    matte = layers.Add(name="matte")([classes[..., :1], contour])
    return keras.Model(picture, {"classes": classes, "matte": matte}, name=network.name)


def learner(model: keras.Model) -> keras.Model:
    """The same layers up to the logits, (batch, height, width, 4), which the loss takes."""
    return keras.Model(model.input, model.get_layer("head").output, name=f"{model.name}_learner")
