"""Data parallelism: one step of training computed by several devices of this machine.

Each device holds all weights and computes its share of every batch; gradients, batch statistics and losses
are those of the whole batch. So a run on several devices differs from a run on one by rounding only. The work
is done by Keras' distribution API (``keras.distribution.DataParallel``).
"""

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import keras

from livecam.core.errors import UsageError

BACKEND = "jax"
"""The backend that shares batches among devices. Keras 3 accepts a distribution on TensorFlow and on PyTorch
too, and ignores it there: everything would run on one device without a word."""


def data_parallel(devices: int) -> AbstractContextManager[Any]:
    """Return the context in which models are made and trained on the first `devices` devices.

    With one device the context does nothing. Enter it before the model is made: variables made outside stay
    on one device.

    Raises:
        UsageError: Keras' backend cannot do that, or there are fewer devices.
    """
    if devices == 1:
        return contextlib.nullcontext()
    backend = keras.backend.backend()
    if backend != BACKEND:
        raise UsageError(
            f"--devices {devices} needs Keras on JAX, and it runs on {backend}; set KERAS_BACKEND=jax "
            "(pip install 'livecam[jax]')"
        )
    found = keras.distribution.list_devices()
    if devices > len(found):
        raise UsageError(
            f"--devices {devices} is more than JAX finds here ({', '.join(found)}); give {len(found)} or less"
        )
    distribution = keras.distribution.DataParallel(devices=found[:devices])
    scope: AbstractContextManager[Any] = distribution.scope()
    return scope
