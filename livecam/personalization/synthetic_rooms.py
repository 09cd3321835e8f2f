"""Background images that need no download: the procedural backgrounds, and simple rooms drawn by code."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.geometry import Size
from livecam.core.types import Frame

FloatImage = NDArray[np.float32]
SIZE = Size(640, 360)
ROOM_COUNT = 18


def synthetic_backgrounds(size: Size = SIZE, count: int = ROOM_COUNT) -> list[Frame]:
    """Return the procedural backgrounds, then `count` drawn rooms; the same images each time."""
    # Without "bokeh": networks see people in its lights.
    images = [drawing(size) for name, drawing in PROCEDURAL_BACKGROUNDS.items() if name != "bokeh"]
    return images + [draw_room(seed, size) for seed in range(count)]


def draw_room(seed: int, size: Size = SIZE) -> Frame:
    """Draw a wall lit from one side, a floor and some furniture. Returns: uint8 RGB of `size`."""
    rng = np.random.default_rng((71, seed))
    wall = rng.uniform(60, 235) + rng.normal(0, 12, 3)
    across = np.linspace(-1, 1, size.width, dtype=np.float32)[None, :, None]
    light = 1 + rng.uniform(-0.3, 0.3) * across
    room: FloatImage = np.empty((size.height, size.width, 3), np.float32)
    room[:] = wall * light
    floor = int(size.height * rng.uniform(0.72, 0.95))
    room[floor:] *= (rng.uniform(0.4, 0.8) + rng.normal(0, 0.06, 3)).astype(np.float32)
    for _ in range(int(rng.integers(2, 7))):
        _FURNITURE[int(rng.integers(len(_FURNITURE)))](room, floor, rng)
    blurred = cv2.GaussianBlur(room, (0, 0), rng.uniform(0.6, 2.5))
    return np.clip(blurred + rng.normal(0, 1.5, room.shape), 0, 255).astype(np.uint8)


def _random_color(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(part) for part in np.clip(rng.uniform(20, 230) + rng.normal(0, 30, 3), 0, 255))


def _window(room: FloatImage, floor: int, rng: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, top = int(rng.uniform(0, 0.8) * width), int(rng.uniform(0, 0.25) * height)
    right, bottom = left + int(rng.uniform(0.1, 0.3) * width), top + int(rng.uniform(0.2, 0.45) * height)
    cv2.rectangle(room, (left, top), (right, bottom), _random_color(rng), -1)
    cv2.rectangle(room, (left, top), (right, bottom), _random_color(rng), int(rng.integers(2, 8)))
    cv2.line(room, ((left + right) // 2, top), ((left + right) // 2, bottom), _random_color(rng), 3)


def _shelf(room: FloatImage, floor: int, rng: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, across = int(rng.uniform(0, 0.8) * width), int(rng.uniform(0.1, 0.3) * width)
    board = int(rng.uniform(0.2, 0.6) * height)
    at = left
    while at < left + across:
        thick, tall = int(rng.integers(4, 14)), int(rng.uniform(0.06, 0.14) * height)
        cv2.rectangle(room, (at, board - tall), (at + thick, board), _random_color(rng), -1)
        at += thick + 1
    cv2.rectangle(room, (left - 6, board), (left + across + 6, board + 5), _random_color(rng), -1)


def _cupboard(room: FloatImage, floor: int, rng: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, across = int(rng.uniform(-0.05, 0.9) * width), int(rng.uniform(0.08, 0.25) * width)
    top = floor - int(rng.uniform(0.2, 0.7) * height)
    foot = min(height, floor + int(0.04 * height))
    cv2.rectangle(room, (left, top), (left + across, foot), _random_color(rng), -1)
    cv2.rectangle(room, (left, top), (left + across, foot), _random_color(rng), 2)


def _lamp(room: FloatImage, floor: int, rng: np.random.Generator) -> None:
    height, width = room.shape[:2]
    x, y = int(rng.uniform(0, 1) * width), int(rng.uniform(0.15, 0.5) * height)
    cv2.line(room, (x, y), (x, floor), _random_color(rng), 3)
    cv2.ellipse(room, (x, y), (int(0.05 * width), int(0.06 * height)), 0, 0, 360, _random_color(rng), -1)


_FURNITURE: tuple[Callable[[FloatImage, int, np.random.Generator], None], ...] = (
    _window,
    _shelf,
    _cupboard,
    _lamp,
)
