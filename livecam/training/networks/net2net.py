"""What a smaller network has learnt, in a wider or deeper one.

A wider network begins by saying exactly what the narrower one says: its first channels are the old ones, its
further ones look at the picture in ways drawn by chance, and nobody listens to them yet (after Chen,
Goodfellow and Shlens, "Net2Net", 2016). A deeper one says nearly the same: its further steps add little to
what they pass on.
"""

import keras
import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import TrainingError

NEW_BLOCK_GAIN = 0.1
"""How loud a further step is at first. Silence would teach it nothing: ReLU has no slope there."""


def transfer_weights(narrow: keras.Model, wide: keras.Model) -> None:
    """Give `wide`, untrained, the weights of `narrow`; of two alike it is a copy.

    `wide` may have more channels, and more steps that add to what they pass on (``stay``).

    Raises:
        TrainingError: other layers, or `wide` is narrower or less deep somewhere.
    """
    old, new = _by_path(narrow), _by_path(wide)
    further = new.keys() - old.keys()
    if old.keys() - new.keys() or not all(path.startswith("stay") for path in further):
        raise TrainingError("the two networks have other layers")
    if any(o.ndim != new[p].ndim or np.any(np.array(o.shape) > new[p].shape) for p, o in old.items()):
        raise TrainingError("the network to begin with is wider somewhere")
    kinds = {weight.path: layer for layer in wide.layers for weight in layer.weights}
    wide.set_weights(
        [_place(old[p], n, _inputs(kinds[p])) if p in old else _damp_new_block(p, n) for p, n in new.items()]
    )


def _by_path(model: keras.Model) -> dict[str, NDArray[np.float32]]:
    return {weight.path: value for weight, value in zip(model.weights, model.get_weights(), strict=True)}


def _damp_new_block(path: str, new: NDArray[np.float32]) -> NDArray[np.float32]:
    return new * np.float32(NEW_BLOCK_GAIN) if path.endswith("/gamma") else new


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
