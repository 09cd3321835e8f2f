"""Prompts and outputs that compare two ways to run SAM."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecam.annotation.sam.network import PromptTensors

Array = NDArray[np.float32]
Outputs = Mapping[str, Array]


def example_prompts(side: int = 1024) -> dict[str, PromptTensors]:
    """Return one prompt of each kind for the photograph of the astronaut, a square."""
    empty = np.zeros((1, 0, 2, 2), np.float32)
    no_mask = np.zeros((1, 0, side // 4, side // 4, 1), np.float32)
    disc = np.hypot(*(np.mgrid[: side // 4, : side // 4] - np.reshape([60, 110], (2, 1, 1)))) < 35
    mask = np.where(disc, 6, -6).astype(np.float32)[None, None, ..., None]

    def prompt(points: list[list[float]], labels: list[float], boxes: Any, masks: Any) -> PromptTensors:
        given = np.array(points, np.float32).reshape(1, -1, 2), np.array(labels, np.float32).reshape(1, -1)
        return {"points": given[0], "labels": given[1], "boxes": boxes, "masks": masks}

    box = np.array([[[[300, 80], [620, 430]]]], np.float32)
    return {
        "point": prompt([[440, 240], [0, 0]], [1, -1], empty, no_mask),
        "points": prompt([[440, 240], [300, 700], [900, 100], [0, 0]], [1, 1, 0, -1], empty, no_mask),
        "box": prompt([], [], box, no_mask),
        "box and points": prompt([[440, 240], [700, 500]], [1, 0], box, no_mask),
        "mask": prompt([[0, 0]], [-1], empty, mask),
    }


def differences(found: Outputs, expected: Outputs) -> dict[str, dict[str, float]]:
    """Return the largest and the mean difference of embedding, logits and scores."""
    result = {}
    for kind in ("embedding", "logits", "scores"):
        parts = [np.abs(found[name] - expected[name]).ravel() for name in expected if name.startswith(kind)]
        every = np.concatenate(parts)
        result[kind] = {"largest": _rounded(every.max()), "mean": _rounded(every.mean())}
    return result


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def thin(name: str, values: Array) -> Array:
    """Return what a reference holds of an output."""
    return values if name.startswith("scores") else values[:, ::16, ::16]
