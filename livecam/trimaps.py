"""Pets-style trimaps: uint8, (height, width), 1 = foreground, 2 = background, 3 = contour, as Oxford-IIIT Pet stores it.

Source: Parkhi et al., "Cats and Dogs", CVPR 2012. No Keras here: training and labelling both read this.
"""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.errors import TrainingError
from livecam.frames import Matte, Size

FOREGROUND, BACKGROUND, CONTOUR = 1, 2, 3

Trimap = NDArray[np.uint8]


def read_trimap(path: Path) -> Trimap:
    """Read a trimap's PNG.

    Raises:
        TrainingError: no picture, or values other than 1, 2 and 3.
    """
    trimap = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if trimap is None or trimap.ndim != 2 or trimap.dtype != np.uint8:
        raise TrainingError(f"{path} is no trimap: an 8-bit grey PNG with the values 1, 2 and 3 is needed")
    if trimap.min() < FOREGROUND or trimap.max() > CONTOUR:
        raise TrainingError(f"{path} holds values other than 1 (foreground), 2 (background), 3 (contour)")
    return cast(Trimap, trimap)


def resize_trimap(trimap: Trimap, size: Size) -> Trimap:
    """Resize by the nearest pixel: labels are names, and between two names lies none."""
    return cast(Trimap, cv2.resize(trimap, tuple(size), interpolation=cv2.INTER_NEAREST))


def trimap_of(matte: Matte, band: int = 1) -> Trimap:
    """The trimap of a matte: its soft part, widened by `band` pixels around the outline, is the contour."""
    hard = (matte > 0.5).astype(np.uint8)
    outline = cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, np.ones((2 * band + 1, 2 * band + 1), np.uint8))
    trimap = np.where(hard == 1, FOREGROUND, BACKGROUND).astype(np.uint8)
    trimap[(outline > 0) | ((matte > 0.05) & (matte < 0.95))] = CONTOUR
    return trimap
