"""Weights by the names of PyTorch's EfficientNet-Lite, drawn by chance."""

import numpy as np
from numpy.typing import NDArray

Block = tuple[int, int, int, int, int]
"""Its number, channels in, channels out, kernel, expansion."""
SHIFT, SPREAD = (-0.1, 0.1), (0.5, 1.5)
NORM = {"weight": SPREAD, "bias": SHIFT, "running_mean": SHIFT, "running_var": SPREAD}


def draw_weights(blocks: tuple[Block, ...]) -> dict[str, NDArray[np.float64]]:
    """Those of the stem and of these blocks."""
    rng = np.random.default_rng(5)
    weights = {"_conv_stem.weight": rng.normal(0, 0.3, (32, 3, 3, 3))}

    def norm(name: str, channels: int, loud: float = 1.0) -> None:
        for part, (low, high) in NORM.items():
            weights[f"{name}.{part}"] = rng.uniform(low, high, channels)
        weights[f"{name}.weight"] *= loud

    norm("_bn0", 32)
    for number, given, passed, kernel, expansion in blocks:
        place, wide = f"_blocks.{number}.", given * expansion
        if expansion > 1:
            weights[f"{place}_expand_conv.weight"] = rng.normal(0, given**-0.5, (wide, given, 1, 1))
            norm(f"{place}_bn0", wide)
        weights[f"{place}_depthwise_conv.weight"] = rng.normal(0, 1 / kernel, (wide, 1, kernel, kernel))
        norm(f"{place}_bn1", wide)
        weights[f"{place}_project_conv.weight"] = rng.normal(0, wide**-0.5, (passed, wide, 1, 1))
        norm(f"{place}_bn2", passed, loud=3.0)
    return weights


UPPER = ((0, 32, 16, 3, 1), (1, 16, 24, 3, 6), (2, 24, 24, 3, 6))
LOWER = ((3, 24, 8, 5, 6), (4, 8, 8, 5, 6), (5, 8, 16, 3, 6))
LITE0 = (
    *UPPER,
    *((3, 24, 40, 5, 6), (4, 40, 40, 5, 6)),
    *((5, 40, 80, 3, 6), (6, 80, 80, 3, 6), (7, 80, 80, 3, 6)),
    *((8, 80, 112, 5, 6), (9, 112, 112, 5, 6), (10, 112, 112, 5, 6)),
    *((11, 112, 192, 5, 6), (12, 192, 192, 5, 6), (13, 192, 192, 5, 6), (14, 192, 192, 5, 6)),
)
"""Those that `person` takes."""
