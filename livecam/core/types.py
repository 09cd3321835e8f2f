"""The vocabulary: what a frame, a matte and a size are, and the checks at the door.

frame   uint8 RGB, shape (height, width, 3)
cutout  uint8 RGBA, shape (height, width, 4), straight alpha; what nobody may see is 0 in all four channels
matte   float32 in [0, 1], shape (height, width), 1 = keep (a person, a pet, what you chose to keep)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FrameError, MatteError

Frame = NDArray[np.uint8]
RgbaFrame = NDArray[np.uint8]
Matte = NDArray[np.float32]


class VideoFrame(NamedTuple):
    """Image of a video with its time in seconds from the start and its number from 0."""

    image: Frame
    timestamp: float
    number: int


_BITS_OF_ONE = np.float32(1.0).view(np.uint32)


def check_frame(frame: object) -> Frame:
    """Give back `picture` if it is one.

    Raises:
        FrameError: it is not uint8 of shape (height, width, 3) with at least one pixel.
    """
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"a frame is a NumPy array, not {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise FrameError(f"a frame is uint8 RGB (height, width, 3), not {frame.dtype} {frame.shape}")
    return frame


def check_matte(matte: object, shape: tuple[int, int]) -> Matte:
    """Give back `matte` if it is one of `shape` (height, width).

    Raises:
        MatteError: another type or shape, or a value that is not a number in [0, 1].
    """
    if not isinstance(matte, np.ndarray) or matte.dtype != np.float32 or matte.shape != shape:
        found = f"{matte.dtype} {matte.shape}" if isinstance(matte, np.ndarray) else type(matte).__name__
        raise MatteError(f"a matte is float32 {shape}, not {found}")
    if not _is_unit_range(matte):
        raise MatteError("a matte holds numbers in [0, 1] only")
    return matte


def _is_unit_range(matte: Matte) -> bool:
    # As whole numbers the bits of a float have its order, and those of negative ones and NaN lie above 1.0's:
    # one pass instead of two.
    if matte.view(np.uint32).max() <= _BITS_OF_ONE:
        return True
    # Minus zero is a zero too. NaN fails both comparisons, as np.min and np.max hand it on.
    return bool(matte.min() >= 0.0 and matte.max() <= 1.0)
