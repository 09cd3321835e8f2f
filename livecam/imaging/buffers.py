"""A pool of memory blocks for large arrays.

The operating system clears each page of newly allocated memory at the first write, which takes longer than
the computation that fills a frame. So blocks are used again: when an array from the pool and all of its views
are gone, and never before. A caller that keeps a frame keeps its memory.
"""

import math
import weakref
from collections import deque
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Free blocks of each size: what one frame needs on its way, plus the frames that a recorder still encodes.
_MAX_FREE_BLOCKS = 8
# Bytes. The mattes of a 4K frame take half of it. Larger arrays are images, which are read only once.
_MAX_BLOCK_BYTES = 1 << 26

Kind = TypeVar("Kind", bound=np.generic)

_free_blocks: dict[int, deque[NDArray[np.uint8]]] = {}


def pooled_empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an uninitialized array like `np.empty`, in memory from the pool; thread-safe."""
    kind = np.dtype(dtype)
    count = math.prod(shape)
    # Powers of two, because the size of a region differs from frame to frame. Unused pages take no memory.
    size = 1 << max(0, count * kind.itemsize - 1).bit_length()
    if size > _MAX_BLOCK_BYTES:
        return np.empty(shape, kind)
    free = _free_blocks.get(size)
    if free is None:
        free = _free_blocks[size] = deque(maxlen=_MAX_FREE_BLOCKS)
    try:
        block = free.pop()
    except IndexError:
        block = np.empty(size, np.uint8)
    # Through a memoryview: then `base` of every view, at any depth, refers to `root` and keeps it alive.
    root = np.frombuffer(block.data, kind, count)
    weakref.finalize(root, free.append, block).atexit = False
    return root.reshape(shape)


def pooled_empty_like(array: NDArray[Kind]) -> NDArray[Kind]:
    """Return an uninitialized array from the pool with the shape and dtype of `array`."""
    return pooled_empty(array.shape, array.dtype)
