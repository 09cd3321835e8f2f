"""What a narrower network has learnt, in a wider one of the same layers.

The wider network begins by saying exactly what the narrower one says: its first channels are the old ones,
its further ones look at the picture in ways drawn by chance, and nobody listens to them yet (after Chen,
Goodfellow and Shlens, "Net2Net", 2016).
"""

import keras
import numpy as np
from numpy.typing import NDArray

from livecam.errors import TrainingError


def widen(narrow: keras.Model, wide: keras.Model) -> None:
    """Give `wide`, untrained, the weights of `narrow`; of two alike it is a copy.

    Raises:
        TrainingError: other layers, or `wide` is narrower somewhere.
    """
    old, new = narrow.get_weights(), wide.get_weights()
    names = [[weight.path for weight in model.weights] for model in (narrow, wide)]
    if names[0] != names[1]:
        raise TrainingError("the two networks have other layers")
    if any(o.ndim != n.ndim or np.any(np.array(o.shape) > n.shape) for o, n in zip(old, new, strict=True)):
        raise TrainingError("the network to begin with is wider somewhere")
    kinds = [layer for layer in wide.layers for _ in layer.weights]
    wide.set_weights([_place(o, n, _inputs(kind)) for o, n, kind in zip(old, new, kinds, strict=True)])


def _inputs(layer: keras.layers.Layer) -> int | None:
    """The axis of a kernel that counts what it looks at; None for weights of a channel alone."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return 3
    return 2 if isinstance(layer, keras.layers.Conv2D) else None


def _place(old: NDArray[np.float32], new: NDArray[np.float32], inputs: int | None) -> NDArray[np.float32]:
    placed: NDArray[np.float32] = new.copy()
    if old.ndim == 4 and inputs is not None:
        # Old channels don't listen to new ones.
        outputs = 5 - inputs
        listening = [slice(None)] * 4
        listening[outputs], listening[inputs] = slice(old.shape[outputs]), slice(old.shape[inputs], None)
        placed[tuple(listening)] = 0
    placed[tuple(slice(side) for side in old.shape)] = old
    return placed
