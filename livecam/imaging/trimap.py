"""Trimaps in the format of the Oxford-IIIT Pet set.

The values are 1 = foreground, 2 = background, 3 = unknown. The Pet set calls the third class "contour"
(Parkhi et al., "Cats and Dogs", CVPR 2012), the matting literature "unknown". This module loads no Keras:
training and annotation both use it.
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
CERTAIN_BACKGROUND, CERTAIN_FOREGROUND = 0.1, 0.9
"""Alpha values; in `trimap_from_uncertainty` a pixel between them is unknown."""

Trimap = NDArray[np.uint8]
"""uint8 (height, width) with the values 1, 2 and 3."""


def read_trimap(path: Path) -> Trimap:
    """Read a trimap from an 8-bit PNG.

    The PNG is grayscale, or has a palette whose indices are the labels.

    Raises:
        ImageError: the file is missing, damaged or no 8-bit PNG, or has values other than 1, 2 and 3.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode, trimap = image.mode, np.array(image)
    except Exception as error:  # Pillow's decoders raise anything on damage: struct.error, SyntaxError
        problem = f"{path} can't be read as a trimap ({os_error_reason(error)})"
        raise ImageError(problem, "write it again as an 8-bit PNG", path=path) from error
    if mode not in ("L", "P"):
        raise ImageError(
            f"{path} is no trimap: an 8-bit grey PNG with the values 1, 2 and 3 is needed", path=path
        )
    if trimap.min() < FOREGROUND or trimap.max() > UNKNOWN:
        raise ImageError(
            f"{path} holds values from {trimap.min()} to {trimap.max()}",
            "write it again with 1 (foreground), 2 (background) and 3 (contour) only",
            path=path,
        )
    return cast(Trimap, trimap)


def resize_trimap(trimap: Trimap, size: Size) -> Trimap:
    """Resize to the nearest pixel, because labels cannot be interpolated."""
    # Not INTER_NEAREST, which takes the upper left pixel of each block instead of the middle.
    return cast(Trimap, cv2.resize(trimap, tuple(size), interpolation=cv2.INTER_NEAREST_EXACT))


def trimap_from_matte(matte: Matte, band: int = 1) -> Trimap:
    """Return a trimap whose unknown pixels are the soft ones and a band along the outline.

    The band has `band` pixels on each side of the outline.
    """
    hard = (matte > 0.5).astype(np.uint8)
    kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    outline = cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, kernel)
    trimap = np.where(hard == 1, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(outline > 0) | ((matte > 0.05) & (matte < 0.95))] = UNKNOWN
    return trimap


def trimap_from_uncertainty(matte: Matte) -> Trimap:
    """Return a trimap whose unknown pixels are the uncertain ones, dilated by one pixel.

    The outline itself is always unknown.
    """
    kernel = np.ones((3, 3), np.uint8)
    uncertain = ((matte > CERTAIN_BACKGROUND) & (matte < CERTAIN_FOREGROUND)).astype(np.uint8)
    outline = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, kernel)
    trimap = np.where(matte > 0.5, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(cv2.dilate(uncertain, kernel) > 0) | (outline > 0)] = UNKNOWN
    return trimap
