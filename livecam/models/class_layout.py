"""The classes of a trimap as a weights file tells them, in either of two ways."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CLASSES = ("foreground", "background", "contour")
"""What a pixel can be, in the order of a trimap's 1, 2 and 3."""
OUTPUT_LAYOUTS = (("classes",), CLASSES)
"""The outputs that tell them: all in one, or each class in one of its own, packed."""


def decode_class_outputs(told: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """The softmax over foreground, background and contour, float32 (height, width, 3), a new array.

    Args:
        told: a network's outputs by their names. ``classes`` is (height, width, 3) already;
        ``subject``,
            ``backdrop`` and ``contour`` are packed (`depth_to_space2`), as that takes a network less time.

    Returns:
        None if they don't tell the classes.
    """
    if "classes" in told:
        return np.array(told["classes"], np.float32)
    if not all(name in told for name in CLASSES):
        return None
    return np.stack([depth_to_space2(told[name]) for name in CLASSES], axis=-1)


def depth_to_space2(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay pixels out: (height / 2, width / 2, 4), the 4 being two beside each other and two below them."""
    height, width, _ = packed.shape
    rows = packed.reshape(height, width, 2, 2).swapaxes(1, 2)
    return np.asarray(rows.reshape(2 * height, 2 * width))
