"""Initialize a small network with the weights of a larger trained one: `person-large` or `person`.

Layers of the same name and shapes are copied. Where the student has fewer expansion channels in an inverted
residual, the channels that change the block's output most are kept (channel pruning: He, Zhang and Sun,
"Channel Pruning for Accelerating Very Deep Neural Networks", 2017; here by the statistics of the
normalisations, without data). The mean contribution of the removed channels is added to the last
normalisation. Layers that the teacher does not have keep their initial weights.
"""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from livecam.core.errors import TrainingError

Array = NDArray[np.float32]
LIMIT = 6.0
"""Maximum output of the ReLU6 after a depthwise convolution."""


def slim(teacher: keras.Model, student: keras.Model) -> int:
    """Copy and prune the weights of `teacher` into `student`; return how many of its layers took some.

    Raises:
        TrainingError: no layer fits.
    """
    theirs = {layer.name: layer for layer in teacher.layers if layer.weights}
    taken = _slim_stem(theirs, student)
    for block in _blocks(student):
        if f"{block}_project_conv" in theirs:
            taken += _slim_block(theirs, student, block)
    for layer in student.layers:
        if not layer.name.startswith("block") and _fits(layer, theirs.get(layer.name)):
            layer.set_weights(theirs[layer.name].get_weights())
            taken += 1
    if not taken:
        raise TrainingError(f"{teacher.name} has no layer that {student.name} could begin with")
    return taken


def _fits(layer: keras.layers.Layer, other: keras.layers.Layer | None) -> bool:
    """Return whether `layer` has weights and all have the same shapes as those of `other`."""
    if other is None or not layer.weights:
        return False
    return [w.shape for w in layer.weights] == [w.shape for w in other.weights]


def _blocks(model: keras.Model) -> list[str]:
    return [
        layer.name.removesuffix("_project_conv")
        for layer in model.layers
        if layer.name.startswith(("block", "enter")) and layer.name.endswith("_project_conv")
    ]


def _slim_stem(theirs: dict[str, keras.layers.Layer], student: keras.Model) -> int:
    """Keep the channels at 1/2 that the next convolution weighs most; return how many layers took weights."""
    names = ("down2_conv", "down2_norm", "down4_conv")
    if not all(name in theirs for name in names):
        return 0
    (stem,), (reader,) = (theirs[name].get_weights() for name in ("down2_conv", "down4_conv"))
    width, readers = student.get_layer("down2_norm").output.shape[-1], student.get_layer("down4_norm")
    if stem.shape[-1] <= width or reader.shape[-1] != readers.output.shape[-1]:
        return 0
    gamma, *others = theirs["down2_norm"].get_weights()
    kept = _largest(np.abs(gamma) * np.abs(reader).sum(axis=(0, 1, 3)), width)
    student.get_layer("down2_conv").set_weights([stem[..., kept]])
    student.get_layer("down2_norm").set_weights([values[kept] for values in (gamma, *others)])
    student.get_layer("down4_conv").set_weights([reader[:, :, kept]])
    return len(names)


def _largest(values: Array, count: int) -> NDArray[np.intp]:
    """Return the indices of the `count` largest values, in rising order."""
    return np.sort(np.argsort(values)[::-1][:count])


def _slim_block(theirs: dict[str, keras.layers.Layer], student: keras.Model, block: str) -> int:
    """Keep the expansion channels of largest variance; return how many layers took weights."""
    (project,) = theirs[f"{block}_project_conv"].get_weights()
    (mine,) = student.get_layer(f"{block}_project_conv").get_weights()
    if project.shape[-1] != mine.shape[-1] or project.shape[2] < mine.shape[2]:
        return 0
    norm = theirs[f"{block}_depth_norm"]
    mean, variance = clipped_moments(*norm.get_weights()[:2])
    info = variance * (project[0, 0] ** 2).sum(axis=-1)
    kept = _largest(info, mine.shape[2])
    lost = np.setdiff1d(np.arange(project.shape[2]), kept)
    weights = {
        f"{block}_{name}": [w[..., kept] for w in theirs[f"{block}_{name}"].get_weights()]
        for name in ("expand_conv", "expand_norm", "depth_norm")
    }
    weights[f"{block}_depth_conv"] = [w[:, :, kept] for w in theirs[f"{block}_depth_conv"].get_weights()]
    weights[f"{block}_project_conv"] = [project[:, :, kept]]
    gamma, beta, average, spread = theirs[f"{block}_project_norm"].get_weights()
    # Without the removed channels the sum is lower by their mean.
    weights[f"{block}_project_norm"] = [gamma, beta, average - mean[lost] @ project[0, 0, lost], spread]
    for name, values in weights.items():
        layer = student.get_layer(name)
        if [w.shape for w in layer.weights] != [v.shape for v in values]:
            raise TrainingError(f"{name} has another shape in {student.name}; give it the teacher's widths")
        layer.set_weights(values)
    return len(weights)


def clipped_moments(gamma: Array, beta: Array, points: int = 401) -> tuple[Array, Array]:
    """Return mean and variance of ReLU6(gamma z + beta), z of a standard normal distribution.

    This is the distribution of a normalisation's output after its activation, per channel.
    """
    z = np.linspace(-4, 4, points, dtype=np.float64)
    density = np.exp(-(z**2) / 2)
    density /= density.sum()
    output = np.clip(gamma[:, None] * z + beta[:, None], 0, LIMIT)
    mean = output @ density
    variance = ((output - mean[:, None]) ** 2) @ density
    return mean.astype(np.float32), variance.astype(np.float32)


def can_be_slimmed(larger: keras.Model, model: keras.Model) -> bool:
    """Return whether `slim` is the way from `larger` to `model`; otherwise they have equal layers."""
    if not is_separable(model):
        return False
    return not is_separable(larger) or bool(larger.count_params() > model.count_params())


def is_separable(model: keras.Model) -> bool:
    """Return whether the network's decoder has separable convolutions, as students of `slim` have."""
    return any(
        isinstance(layer, layers.DepthwiseConv2D) and layer.name.startswith("blend") for layer in model.layers
    )
