"""The two layouts in which a model file returns its class probabilities."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CLASSES = ("foreground", "background", "contour")
"""The classes of a pixel, in the order of a trimap's values 1, 2 and 3; also output names."""
OUTPUT_LAYOUTS = (("classes",), CLASSES)
"""The output names of each layout: all classes in one output, or one packed output for each class."""


def decode_class_outputs(outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """Return the softmax over foreground, background and contour.

    Args:
        outputs: the outputs of a network by name, without the batch axis. ``classes`` has shape
            (height, width, 3). ``foreground``, ``background`` and ``contour`` are packed for
            `depth_to_space2`, because that takes a network less time.

    Returns:
        A new float32 array (height, width, 3); None if the outputs hold no class probabilities.
    """
    if "classes" in outputs:
        return np.array(outputs["classes"], np.float32)
    if not all(name in outputs for name in CLASSES):
        return None
    return np.stack([depth_to_space2(outputs[name]) for name in CLASSES], axis=-1)


def depth_to_space2(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unpack blocks of 2 x 2 pixels from the last axis.

    Args:
        packed: shape (height / 2, width / 2, 4); the 4 values of a block are the upper two pixels from left
            to right, then the lower two.

    Returns:
        An array of shape (height, width).
    """
    height, width, _ = packed.shape
    rows = packed.reshape(height, width, 2, 2).swapaxes(1, 2)
    return np.asarray(rows.reshape(2 * height, 2 * width))
