"""Pets-style trimaps: uint8, (height, width), 1 = foreground, 2 = background, 3 = contour (Oxford-IIIT Pet).

Source: Parkhi et al., "Cats and Dogs", CVPR 2012. No Keras here: training and labelling both read this.
"""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livecam.core.errors import ImageError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Matte

FOREGROUND, BACKGROUND, UNKNOWN = 1, 2, 3

Trimap = NDArray[np.uint8]


def read_trimap(path: Path) -> Trimap:
    """Read a trimap's PNG, grey or with a palette (whose indices are the labels): uint8, (height, width).

    Raises:
        ImageError: missing, damaged, no 8-bit PNG, or values other than 1, 2 and 3.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode, trimap = image.mode, np.array(image)
    except Exception as error:  # Pillow's decoders meet damage with anything: struct.error, SyntaxError
        raise ImageError(
            f"{path} can't be read as a trimap ({os_error_reason(error)}); write it again as an 8-bit PNG"
        ) from error
    if mode not in ("L", "P"):
        raise ImageError(f"{path} is no trimap: an 8-bit grey PNG with the values 1, 2 and 3 is needed")
    if trimap.min() < FOREGROUND or trimap.max() > UNKNOWN:
        raise ImageError(
            f"{path} holds values from {trimap.min()} to {trimap.max()}; write it again with "
            "1 (foreground), 2 (background) and 3 (contour) only"
        )
    return cast(Trimap, trimap)


def resize_trimap(trimap: Trimap, size: Size) -> Trimap:
    """Resize by the nearest pixel: labels are names, and between two names lies none."""
    # Not INTER_NEAREST: that one takes the upper left pixel of each block, not its middle.
    return cast(Trimap, cv2.resize(trimap, tuple(size), interpolation=cv2.INTER_NEAREST_EXACT))


def trimap_from_matte(matte: Matte, band: int = 1) -> Trimap:
    """The trimap of a matte: soft parts, and `band` pixels on both sides of the outline, are contour."""
    hard = (matte > 0.5).astype(np.uint8)
    square = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    outline = cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, square)
    trimap = np.where(hard == 1, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(outline > 0) | ((matte > 0.05) & (matte < 0.95))] = UNKNOWN
    return trimap


def trimap_from_uncertainty(matte: Matte) -> Trimap:
    """Contour is what the matte isn't sure of, and one pixel more; never less than the outline itself."""
    square = np.ones((3, 3), np.uint8)
    doubt = ((matte > CERTAIN_BACKGROUND) & (matte < CERTAIN_FOREGROUND)).astype(np.uint8)
    outline = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, square)
    trimap = np.where(matte > 0.5, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(cv2.dilate(doubt, square) > 0) | (outline > 0)] = UNKNOWN
    return trimap


CERTAIN_BACKGROUND, CERTAIN_FOREGROUND = 0.1, 0.9
