"""Estimate of the memory of a SAM before it is loaded, and the free memory."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from livecam.core.errors import AnnotationError

_MEMINFO = Path("/proc/meminfo")
_FLOAT_BYTES = 4
_MB = 1e6
# TensorFlow and KerasHub themselves: measured with base and large (scripts/measure_sam.py).
_RUNTIME_BYTES = 930 * _MB
# Attention maps that exist at the same time: measured in the same way.
_ATTENTION_MAPS = 4
# Peak while the weights file is read, as a multiple of the weights.
_READING_FACTOR = 1.25
# Number of weights of the neck, the prompt encoder and the mask decoder.
_OTHER_WEIGHTS = 5e6
_CONFIG_KEYS = ("hidden_size", "num_layers", "num_heads", "intermediate_dim", "patch_size", "window_size")


class EncoderConfig(NamedTuple):
    """Sizes of SAM's image encoder that determine the memory; the rest of SAM is small.

    Attributes:
        hidden: width of a token.
        layers: number of transformer layers.
        heads: attention heads of a layer.
        middle: width of the inner dense layers.
        window: tokens per side that a layer attends to; equal to `cells` if one layer attends to all.
        cells: tokens per side.
    """

    hidden: int
    layers: int
    heads: int
    middle: int
    window: int = 64
    cells: int = 64


@dataclass(frozen=True)
class MemoryEstimate:
    """Memory in bytes.

    Attributes:
        weights: weights of the network.
        embedding: activations while the embedding of one image is computed.
        runtime: the libraries that run the network.
    """

    weights: float
    embedding: float
    runtime: float = _RUNTIME_BYTES

    @classmethod
    def of(cls, encoder: EncoderConfig) -> "MemoryEstimate":
        """Return the estimate for a SAM with this image encoder."""
        hidden, layers, heads, middle, window, cells = encoder
        tokens = cells**2
        weights = (
            layers * (4 * hidden**2 + 2 * hidden * middle) + hidden * (3 * 16**2 + tokens) + _OTHER_WEIGHTS
        )
        activations = _ATTENTION_MAPS * heads * tokens * window**2 + tokens * (4 * hidden + 2 * middle)
        return cls(_FLOAT_BYTES * weights, _FLOAT_BYTES * activations)

    @classmethod
    def of_preset(cls, name: str) -> "MemoryEstimate | None":
        """Return the estimate for a preset of `PRESETS`; None for another name."""
        return _PRESETS.get(name)

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> "MemoryEstimate | None":
        """Return the estimate for a preset's config.json; None if sizes are missing."""
        try:
            encoder = config["config"]["image_encoder"]["config"]
            hidden, layers, heads, middle, patch, window = (int(encoder[name]) for name in _CONFIG_KEYS)
            cells = int(encoder["image_shape"][0]) // patch
            window = cells if encoder["global_attention_layer_indices"] else window
            return cls.of(EncoderConfig(hidden, layers, heads, middle, window, cells))
        except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
            return None

    @property
    def total(self) -> float:
        """Memory to load SAM and compute the embedding of one image."""
        return self.runtime + max(_READING_FACTOR * self.weights, self.weights + self.embedding)

    def batch(self, max_size: int = 4) -> int:
        """Return the number of images in a batch for the memory that is free now, at least 1."""
        free = available_memory()
        return max_size if free is None else max(1, min(max_size, int(0.5 * free / self.embedding)))


_PRESETS = {
    # Measured (scripts/measure_sam.py mobile): LiteRT keeps the weights in float16 and in float32.
    "mobile_sam": MemoryEstimate(weights=60 * _MB, embedding=350 * _MB, runtime=150 * _MB),
    "sam_base_sa1b": MemoryEstimate.of(EncoderConfig(768, 12, 12, 3072)),
    "sam_large_sa1b": MemoryEstimate.of(EncoderConfig(1024, 24, 16, 4096)),
    "sam_huge_sa1b": MemoryEstimate.of(EncoderConfig(1280, 32, 16, 5120)),
}


def available_memory() -> float | None:
    """Return the bytes that are available without swapping; None except on Linux."""
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024.0 if found else None


def check_memory(preset: str, estimate: MemoryEstimate) -> None:
    """Check that a preset fits into the free memory.

    Raises:
        AnnotationError: it does not; the message names a smaller preset that does.
    """
    free = available_memory()
    if free is None or estimate.total <= free:
        return
    smaller = [
        f"--preset {name} ({_gigabytes(other.total)})"
        for name, other in _PRESETS.items()
        if other.total <= free and other.total < estimate.total
    ]
    remedy = f"use {smaller[-1]}" if smaller else "close other programs, or use a machine with more"
    raise AnnotationError(
        f"{preset} needs about {_gigabytes(estimate.total)} of memory, {_gigabytes(free)} are free; {remedy}"
    )


@contextmanager
def oom_as_error(activity: str) -> Iterator[None]:
    """Raise AnnotationError if the memory runs out in the `with` block.

    Args:
        activity: what was done, for the message ("while ...").
    """
    try:
        yield
    except Exception as error:
        # Compared by name: TensorFlow's and PyTorch's errors, without an import of either.
        if not isinstance(error, MemoryError) and type(error).__name__ not in _EXHAUSTED:
            raise
        raise AnnotationError(
            f"memory ran out while {activity}; close other programs, or use a smaller preset or image"
        ) from error


_EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError")


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:.1f} GB"
