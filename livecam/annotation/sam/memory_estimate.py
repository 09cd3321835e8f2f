"""What memory a SAM takes, before it is loaded, and what there is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from livecam.core.errors import AnnotationError

_MEMINFO = Path("/proc/meminfo")
_FLOAT = 4  # bytes
_MB = 1e6
# TensorFlow and KerasHub themselves: measured with base and large (scripts/measure_sam.py).
_RUNTIME = 930 * _MB
# Attention maps that exist at once: measured likewise.
_MAPS = 4
# While the file of weights is read, beside the weights themselves.
_READING = 1.25
# Weights beside the image encoder's: its neck, the prompt encoder, the mask decoder.
_REST = 5e6
_SAID = ("hidden_size", "num_layers", "num_heads", "intermediate_dim", "patch_size", "window_size")


class EncoderConfig(NamedTuple):
    """What of SAM's image encoder takes memory; the rest of SAM is small beside it.

    Attributes:
        hidden: width of a token.
        layers: how many.
        heads: of attention.
        middle: width of the inner dense layers.
        window: tokens a side that a layer attends to; as many as `cells` where one layer attends to all.
        cells: tokens a side.
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
        weights: of the network itself, as long as it is loaded.
        look: while it looks at one picture.
    """

    weights: float
    embedding: float

    @classmethod
    def of(cls, encoder: EncoderConfig) -> "MemoryEstimate":
        """Of a SAM with this image encoder."""
        hidden, layers, heads, middle, window, cells = encoder
        tokens = cells**2
        weights = layers * (4 * hidden**2 + 2 * hidden * middle) + hidden * (3 * 16**2 + tokens) + _REST
        look = _MAPS * heads * tokens * window**2 + tokens * (4 * hidden + 2 * middle)
        return cls(_FLOAT * weights, _FLOAT * look)

    @classmethod
    def of_preset(cls, name: str) -> "MemoryEstimate | None":
        """Of a preset by its name; None for others."""
        return _PRESETS.get(name)

    @classmethod
    def of_config(cls, config: dict[str, Any]) -> "MemoryEstimate | None":
        """Of a preset's config.json; None if it says too little."""
        try:
            said = config["config"]["image_encoder"]["config"]
            hidden, layers, heads, middle, patch, window = (int(said[name]) for name in _SAID)
            cells = int(said["image_shape"][0]) // patch
            window = cells if said["global_attention_layer_indices"] else window
            return cls.of(EncoderConfig(hidden, layers, heads, middle, window, cells))
        except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):
            return None

    @property
    def whole(self) -> float:
        """To load it and look at one picture."""
        return _RUNTIME + max(_READING * self.weights, self.weights + self.embedding)

    def batch(self, most: int = 4) -> int:
        """How many pictures to look at together with what memory is free now."""
        free = available_memory()
        return most if free is None else max(1, min(most, int(0.5 * free / self.embedding)))


_PRESETS = {
    "sam_base_sa1b": MemoryEstimate.of(EncoderConfig(768, 12, 12, 3072)),
    "sam_large_sa1b": MemoryEstimate.of(EncoderConfig(1024, 24, 16, 4096)),
    "sam_huge_sa1b": MemoryEstimate.of(EncoderConfig(1280, 32, 16, 5120)),
}


def available_memory() -> float | None:
    """Bytes that can be had without swapping; None where Linux doesn't say."""
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024.0 if found else None


def check_memory(preset: str, footprint: MemoryEstimate) -> None:
    """See that a preset fits into what memory is free.

    Raises:
        AnnotationError: it doesn't.
    """
    free = available_memory()
    if free is None or footprint.whole <= free:
        return
    smaller = [
        f"--preset {name} ({_gigabytes(other.whole)})"
        for name, other in _PRESETS.items()
        if other.whole <= free and other.whole < footprint.whole
    ]
    remedy = f"use {smaller[-1]}" if smaller else "close other programs, or use a machine with more"
    raise AnnotationError(
        f"{preset} needs about {_gigabytes(footprint.whole)} of memory, {_gigabytes(free)} are free; {remedy}"
    )


@contextmanager
def oom_as_error(doing: str) -> Iterator[None]:
    """Have memory that runs out in here said in one line.

    Raises:
        AnnotationError: it ran out.
    """
    try:
        yield
    except Exception as error:
        # TensorFlow's and PyTorch's own, which this module need not import.
        if not isinstance(error, MemoryError) and type(error).__name__ not in _EXHAUSTED:
            raise
        raise AnnotationError(
            f"memory ran out while {doing}; close other programs, or use a smaller preset or picture"
        ) from error


_EXHAUSTED = ("ResourceExhaustedError", "OutOfMemoryError")


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:.1f} GB"
