"""The array types of frames and mattes, and their checks.

Frame      uint8 RGB, shape (height, width, 3)
RgbaFrame  uint8 RGBA, shape (height, width, 4), straight alpha; where alpha is 0, all four channels are 0
Matte      float32 in [0, 1], shape (height, width), 1 = keep (a person, a pet, a chosen object)
Motion     float32 in [0, 1], shape (height, width), 0 = colors as in the last frames, 1 = they have changed
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FrameError, MatteError

Frame = NDArray[np.uint8]
RgbaFrame = NDArray[np.uint8]
Matte = NDArray[np.float32]
Motion = NDArray[np.float32]


class VideoFrame(NamedTuple):
    """Image of a video with its time in seconds from the start and its number from 0."""

    image: Frame
    timestamp: float
    number: int


_BITS_OF_ONE = np.float32(1.0).view(np.uint32)


def check_frame(frame: object) -> Frame:
    """Return `frame` if it is a frame.

    Raises:
        FrameError: not a uint8 array of shape (height, width, 3) with at least one pixel.
    """
    if not isinstance(frame, np.ndarray):
        raise FrameError(f"a frame is a NumPy array, not {type(frame).__name__}")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise FrameError(f"a frame is uint8 RGB (height, width, 3), not {frame.dtype} {frame.shape}")
    return frame


def check_matte(matte: object, shape: tuple[int, int]) -> Matte:
    """Return `matte` if it is a matte of `shape`, (height, width).

    Raises:
        MatteError: not a float32 array of that shape, or a value is NaN or outside [0, 1].
    """
    if not isinstance(matte, np.ndarray) or matte.dtype != np.float32 or matte.shape != shape:
        actual = f"{matte.dtype} {matte.shape}" if isinstance(matte, np.ndarray) else type(matte).__name__
        raise MatteError(f"a matte is float32 {shape}, not {actual}")
    if not _is_unit_range(matte):
        raise MatteError("a matte holds numbers in [0, 1] only")
    return matte


def _is_unit_range(matte: Matte) -> bool:
    # The bits of non-negative floats have the order of the floats, and those of negative floats and NaN are
    # above the bits of 1.0: one pass over the memory instead of two.
    if matte.view(np.uint32).max() <= _BITS_OF_ONE:
        return True
    # Negative zero is allowed. NaN fails both comparisons, because np.min and np.max propagate it.
    return bool(matte.min() >= 0.0 and matte.max() <= 1.0)
