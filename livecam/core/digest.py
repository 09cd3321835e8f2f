"""Digest of values: the same for values that are equal to the bit, in every process."""

import hashlib
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

_BYTES = 16


def digest(*values: object) -> str:
    """Return a text of 32 hexadecimal digits for values.

    Arrays count with dtype, shape and every bit; other objects with the values of their attributes. Which
    objects are shared does not count, as it does in a pickle.

    Args:
        values: None, numbers, texts, bytes, arrays, and lists, tuples, deques, mappings and objects of these.
    """
    state = hashlib.blake2b(digest_size=_BYTES)
    _add(state, values)
    return state.hexdigest()


def _add(state: "hashlib.blake2b", value: Any) -> None:
    if isinstance(value, np.ndarray):
        state.update(f"array {value.dtype.str} {value.shape} ".encode())
        state.update(np.ascontiguousarray(value).data)
    elif isinstance(value, np.generic):
        _add(state, np.asarray(value))
    elif isinstance(value, Mapping):
        state.update(b"mapping ")
        _add(state, sorted(value.items()))
    elif isinstance(value, list | tuple | deque):
        state.update(f"list {len(value)} ".encode())
        for each in value:
            _add(state, each)
    elif value is None or isinstance(value, bool | int | float | str | bytes | Enum):
        # The shortest text of a float is that of no other float.
        text = f"{type(value).__name__} {value!r}".encode()
        state.update(f"value {len(text)} ".encode() + text)
    else:
        state.update(f"object {type(value).__qualname__} ".encode())
        _add(state, vars(value))
