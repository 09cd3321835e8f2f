"""Transfer of weights to a wider or deeper network (Chen, Goodfellow and Shlens, "Net2Net", 2016).

A wider network starts with exactly the output of the narrower one: its first channels are the old ones, its
new channels have random input weights, and the weights from new to old channels are 0. A deeper network
starts with nearly the same output: its new residual blocks add little.
"""

import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import TrainingError

NEW_BLOCK_GAIN = 0.1
"""Initial gamma of new residual blocks. Not 0: behind a ReLU the gradient would vanish."""


def transfer_weights(narrow: keras.Model, wide: keras.Model) -> None:
    """Set the weights of `wide`, untrained, to those of `narrow`; a copy if both have the same shapes.

    `wide` may have more channels and more residual blocks (``stay``).

    Raises:
        TrainingError: other layers, or `wide` is narrower or less deep somewhere.
    """
    old, new = _by_path(narrow), _by_path(wide)
    added = new.keys() - old.keys()
    if old.keys() - new.keys() or not all(path.startswith("stay") for path in added):
        raise TrainingError("the two networks have other layers")
    if any(o.ndim != new[p].ndim or np.any(np.array(o.shape) > new[p].shape) for p, o in old.items()):
        raise TrainingError("the network to begin with is wider somewhere")
    layer_of = {weight.path: layer for layer in wide.layers for weight in layer.weights}
    wide.set_weights(
        [
            _embed(old[p], n, _input_axis(layer_of[p])) if p in old else _damp_new_block(p, n)
            for p, n in new.items()
        ]
    )


def _by_path(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    return {weight.path: value for weight, value in zip(model.weights, model.get_weights(), strict=True)}


def _damp_new_block(path: str, new: NDArray[np.float32]) -> NDArray[np.float32]:
    return new * np.float32(NEW_BLOCK_GAIN) if path.endswith("/gamma") else new


def _input_axis(layer: keras.layers.Layer) -> int | None:
    """Return the axis of a kernel's input channels; None for weights without input channels."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return 3
    return 2 if isinstance(layer, keras.layers.Conv2D) else None


def _embed(old: NDArray[np.float32], new: NDArray[np.float32], input_axis: int | None) -> NDArray[np.float32]:
    embedded: NDArray[np.float32] = new.copy()
    if old.ndim == 4 and input_axis is not None:
        # Old channels get no input from new ones.
        output_axis = 5 - input_axis
        block = [slice(None)] * 4
        block[output_axis], block[input_axis] = (
            slice(old.shape[output_axis]),
            slice(old.shape[input_axis], None),
        )
        embedded[tuple(block)] = 0
    embedded[tuple(slice(side) for side in old.shape)] = old
    return embedded
