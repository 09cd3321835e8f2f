"""Rooms for learning that need no download: the shipped backdrops, and plain rooms drawn by code."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS
from livecam.core.geometry import Size
from livecam.core.types import Frame

Light = NDArray[np.float32]
SIZE = Size(640, 360)
DRAWN = 18
"""How many plain rooms there are."""


def synthetic_backgrounds(size: Size = SIZE, drawn: int = DRAWN) -> list[Frame]:
    """The shipped backdrops, then `drawn` plain rooms: the same ones each time."""
    # Lights alone in the dark are no room: networks see people in them.
    scenes = [drawing(size) for name, drawing in PROCEDURAL_BACKGROUNDS.items() if name != "bokeh"]
    return scenes + [draw_room(seed, size) for seed in range(drawn)]


def draw_room(seed: int, size: Size = SIZE) -> Frame:
    """A wall in one-sided light, a floor, and some of what stands and hangs in rooms, all of it plain."""
    dice = np.random.default_rng((71, seed))
    wall = dice.uniform(60, 235) + dice.normal(0, 12, 3)
    across = np.linspace(-1, 1, size.width, dtype=np.float32)[None, :, None]
    light = 1 + dice.uniform(-0.3, 0.3) * across
    room: Light = np.empty((size.height, size.width, 3), np.float32)
    room[:] = wall * light
    floor = int(size.height * dice.uniform(0.72, 0.95))
    room[floor:] *= (dice.uniform(0.4, 0.8) + dice.normal(0, 0.06, 3)).astype(np.float32)
    for _ in range(int(dice.integers(2, 7))):
        _THINGS[int(dice.integers(len(_THINGS)))](room, floor, dice)
    soft = cv2.GaussianBlur(room, (0, 0), dice.uniform(0.6, 2.5))
    return np.clip(soft + dice.normal(0, 1.5, room.shape), 0, 255).astype(np.uint8)


def _colour(dice: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(part) for part in np.clip(dice.uniform(20, 230) + dice.normal(0, 30, 3), 0, 255))


def _window(room: Light, floor: int, dice: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, top = int(dice.uniform(0, 0.8) * width), int(dice.uniform(0, 0.25) * height)
    right, bottom = left + int(dice.uniform(0.1, 0.3) * width), top + int(dice.uniform(0.2, 0.45) * height)
    cv2.rectangle(room, (left, top), (right, bottom), _colour(dice), -1)
    cv2.rectangle(room, (left, top), (right, bottom), _colour(dice), int(dice.integers(2, 8)))
    cv2.line(room, ((left + right) // 2, top), ((left + right) // 2, bottom), _colour(dice), 3)


def _shelf(room: Light, floor: int, dice: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, across = int(dice.uniform(0, 0.8) * width), int(dice.uniform(0.1, 0.3) * width)
    board = int(dice.uniform(0.2, 0.6) * height)
    at = left
    while at < left + across:
        thick, tall = int(dice.integers(4, 14)), int(dice.uniform(0.06, 0.14) * height)
        cv2.rectangle(room, (at, board - tall), (at + thick, board), _colour(dice), -1)
        at += thick + 1
    cv2.rectangle(room, (left - 6, board), (left + across + 6, board + 5), _colour(dice), -1)


def _cupboard(room: Light, floor: int, dice: np.random.Generator) -> None:
    height, width = room.shape[:2]
    left, across = int(dice.uniform(-0.05, 0.9) * width), int(dice.uniform(0.08, 0.25) * width)
    top = floor - int(dice.uniform(0.2, 0.7) * height)
    foot = min(height, floor + int(0.04 * height))
    cv2.rectangle(room, (left, top), (left + across, foot), _colour(dice), -1)
    cv2.rectangle(room, (left, top), (left + across, foot), _colour(dice), 2)


def _lamp(room: Light, floor: int, dice: np.random.Generator) -> None:
    height, width = room.shape[:2]
    x, y = int(dice.uniform(0, 1) * width), int(dice.uniform(0.15, 0.5) * height)
    cv2.line(room, (x, y), (x, floor), _colour(dice), 3)
    cv2.ellipse(room, (x, y), (int(0.05 * width), int(0.06 * height)), 0, 0, 360, _colour(dice), -1)


_THINGS: tuple[Callable[[Light, int, np.random.Generator], None], ...] = (
    _window,
    _shelf,
    _cupboard,
    _lamp,
)
