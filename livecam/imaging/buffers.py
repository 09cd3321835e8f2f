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

# The weak references to the arrays in use: a reference that is gone itself calls nothing.
_references: dict[int, "weakref.ref[NDArray[Any]]"] = {}
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
    _give_back_when_gone(root, free, block)
    return root.reshape(shape)


def _give_back_when_gone(
    root: NDArray[Any], free: deque[NDArray[np.uint8]], block: NDArray[np.uint8]
) -> None:
    """Append `block` to `free` once `root` is gone; several times faster than `weakref.finalize`."""

    # The default is bound now, because the names of a module are gone at the end of the interpreter.
    def give_back(reference: "weakref.ref[NDArray[Any]]", references: Any = _references) -> None:
        del references[id(reference)]
        free.append(block)

    reference = weakref.ref(root, give_back)
    _references[id(reference)] = reference


def pooled_empty_like(array: NDArray[Kind]) -> NDArray[Kind]:
    """Return an uninitialized array from the pool with the shape and dtype of `array`."""
    return pooled_empty(array.shape, array.dtype)
