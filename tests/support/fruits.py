"""A drawn picture of four fruits on a table, with the matte of each."""

from typing import NamedTuple

import cv2
import numpy as np

from livecam.annotation.prompts import Box, Point
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte

SIZE = Size(640, 480)


class Fruit(NamedTuple):
    """One fruit: its place, half axes and turn (degrees), color, and the roughness of its skin."""

    name: str
    centre: Point
    axes: tuple[int, int]
    angle: float
    color: tuple[int, int, int]
    roughness: float

    @property
    def matte(self) -> Matte:
        """The matte of the fruit, 1 inside."""
        shape = np.zeros((SIZE.height, SIZE.width), np.uint8)
        cv2.ellipse(shape, _whole(self.centre), self.axes, self.angle, 0, 360, 255, -1, cv2.LINE_AA)
        return np.asarray(shape / np.float32(255), np.float32)

    @property
    def box(self) -> Box:
        """The box around the matte."""
        rows, columns = np.nonzero(self.matte > 0.5)
        return Box(float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max()))


FRUITS = (
    Fruit("apple", Point(150, 200), (74, 70), 0, (178, 32, 38), 4),
    Fruit("orange", Point(330, 260), (80, 79), 0, (236, 132, 24), 12),
    Fruit("lemon", Point(510, 180), (76, 52), 25, (242, 214, 60), 9),
    Fruit("plum", Point(190, 372), (52, 46), -20, (72, 34, 88), 3),
)


def draw_fruits() -> Frame:
    """Draw the fruits, each lit from the top left and with its shadow, on a table of wood."""
    rng = np.random.default_rng(16)
    rows, columns = np.mgrid[: SIZE.height, : SIZE.width].astype(np.float32)
    grain = 9 * np.sin(rows / 7 + 2 * np.sin(columns / 90)) + rng.normal(0, 2, rows.shape)
    image = np.stack([164 + grain, 122 + grain, 84 + 0.8 * grain], axis=-1).astype(np.float32)
    for fruit in FRUITS:
        shadow = np.zeros(rows.shape, np.float32)
        place = (int(fruit.centre.x) + 16, int(fruit.centre.y + 0.75 * fruit.axes[1]))
        cv2.ellipse(shadow, place, (fruit.axes[0], fruit.axes[1] // 2), 0, 0, 360, 1, -1)
        image *= 1 - 0.55 * cv2.GaussianBlur(shadow, (0, 0), 9)[..., None]
    for fruit in FRUITS:
        image += (_lit(fruit, rows, columns, rng) - image) * fruit.matte[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def _lit(fruit: Fruit, rows: Matte, columns: Matte, rng: np.random.Generator) -> np.ndarray:
    """Return the colors of a fruit's surface as of an ellipsoid, with a highlight."""
    turn = np.deg2rad(fruit.angle)
    x, y = columns - fruit.centre.x, rows - fruit.centre.y
    across = (x * np.cos(turn) + y * np.sin(turn)) / fruit.axes[0]
    down = (y * np.cos(turn) - x * np.sin(turn)) / fruit.axes[1]
    depth = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    light = np.clip(-0.45 * across - 0.55 * down + 0.7 * depth, 0, None)
    skin = cv2.GaussianBlur(rng.normal(0, fruit.roughness, rows.shape), (0, 0), 1.2)
    color = np.array(fruit.color, np.float32) * (0.35 + 0.85 * light)[..., None] + skin[..., None]
    return np.asarray(color + 170 * (light**24)[..., None], np.float32)


def _whole(point: Point) -> tuple[int, int]:
    return int(point.x), int(point.y)
