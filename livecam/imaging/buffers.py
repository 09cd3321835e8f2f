"""Large arrays without the price of fresh memory.

The system clears each page of a new frame-sized array when it is first touched, which takes longer than the
sums that fill it. So memory is used again: once the array that was handed out and every view of it are gone,
and never before. Whoever keeps a frame keeps its memory.
"""

import math
import weakref
from collections import deque
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Of each size; what a frame on its way needs of it, with those that a recorder is still busy with.
_KEPT = 8
# Bytes; 4K's mattes take half of it. Larger ones are pictures, which are read once.
_LARGEST = 1 << 26

Kind = TypeVar("Kind", bound=np.generic)

_free_blocks: dict[int, deque[NDArray[np.uint8]]] = {}


def pooled_empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Like `np.pooled_empty`: an array that nobody else has, with anything in it."""
    kind = np.dtype(dtype)
    count = math.prod(shape)
    # Powers of two, as parts of a picture differ from frame to frame. What isn't touched takes no memory.
    size = 1 << max(0, count * kind.itemsize - 1).bit_length()
    if size > _LARGEST:
        return np.empty(shape, kind)
    spare = _free_blocks.get(size)
    if spare is None:
        spare = _free_blocks[size] = deque(maxlen=_KEPT)
    try:
        memory = spare.pop()
    except IndexError:
        memory = np.empty(size, np.uint8)
    # Through a memoryview, as then every view of the array, however far down, keeps this very one alive.
    root = np.frombuffer(memory.data, kind, count)
    weakref.finalize(root, spare.append, memory).atexit = False
    return root.reshape(shape)


def pooled_empty_like(array: NDArray[Kind]) -> NDArray[Kind]:
    """Memory for an array of the same shape and kind."""
    return pooled_empty(array.shape, array.dtype)
