"""Drawn images with known shapes, to train and test the small SAM of the tests."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from livecam.annotation.prompts import Box, Point
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte

KINDS = ("disc", "ellipse", "rectangle", "triangle", "star", "ring", "cross")
_FINE = 4  # bits of a pixel's fraction that OpenCV draws with


@dataclass(frozen=True, eq=False)
class Drawing:
    """Image and the visible part of each shape in it.

    Attributes:
        frame: image of the requested size.
        mattes: one per shape, of the frame's size; overlapping pixels belong to the upper shape.
        kinds: one of `KINDS` per shape.
    """

    frame: Frame
    mattes: tuple[Matte, ...]
    kinds: tuple[str, ...]


def draw(rng: np.random.Generator, size: Size, most: int = 5) -> Drawing:
    """Draw two to `most` slightly overlapping shapes of different colors on a textured background."""
    ground, colors = _ground(rng, size), []
    ground_color = ground.reshape(-1, 3).mean(0)
    mattes: list[Matte] = []
    kinds: list[str] = []
    frame = ground
    target_count = int(rng.integers(2, most + 1))
    for _ in range(4 * target_count):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        matte = shape(kind, rng, size)
        area = float(matte.sum())
        # At most 15 % of an earlier shape may be hidden.
        if area < 30 or any(float((matte * other).sum()) > 0.15 * float(other.sum()) for other in mattes):
            continue
        color = _distinct_color(rng, [ground_color, *colors])
        paint = color + rng.normal(0, rng.uniform(0, 6), 3) + _slope(rng, size, 12)[..., None]
        frame = frame + (paint - frame) * matte[..., None]
        mattes = [other * (1 - matte) for other in mattes]
        mattes.append(matte)
        kinds.append(kind)
        colors.append(color)
        if len(mattes) == target_count:
            break
    noise = cv2.resize(
        rng.normal(0, 1, (size.height // 2 + 1, size.width // 2 + 1, 3)).astype(np.float32), tuple(size)
    )
    frame = frame + noise * rng.uniform(0, 6)
    return Drawing(np.clip(np.rint(frame), 0, 255).astype(np.uint8), tuple(mattes), tuple(kinds))


def shape(kind: str, rng: np.random.Generator, size: Size) -> Matte:
    """Return the matte of one shape at a random position, completely inside the image."""
    most = 0.46 * min(size)
    radius = float(np.clip(rng.uniform(0.13, 0.3) * math.sqrt(size.width * size.height), 3, most))
    x = rng.uniform(radius, size.width - 1 - radius) if size.width > 2 * radius + 1 else size.width / 2
    y = rng.uniform(radius, size.height - 1 - radius) if size.height > 2 * radius + 1 else size.height / 2
    return draw_shape(kind, Point(x, y), radius, size, turn=rng.uniform(0, 2 * math.pi))


def draw_shape(kind: str, centre: Point, radius: float, size: Size, turn: float = 0.0) -> Matte:
    """Draw one of `KINDS` inside the circle of `centre` and `radius`; return its matte."""
    levels = np.zeros((size.height, size.width), np.uint8)
    if kind in ("disc", "ring", "ellipse"):
        axes = (radius, radius * (0.6 if kind == "ellipse" else 1.0))
        cv2.ellipse(
            levels, _fine(*centre), _fine(*axes), math.degrees(turn), 0, 360, 255, -1, cv2.LINE_AA, _FINE
        )
        if kind == "ring":
            cv2.circle(levels, _fine(*centre), _fine(radius * 0.5, 0)[0], 0, -1, cv2.LINE_AA, _FINE)
    else:
        corners = np.array(_corners(kind), np.float64) * radius
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        points = np.rint((corners @ rotation + np.array(centre)) * 2**_FINE).astype(np.int32)
        cv2.fillPoly(levels, [points], 255, cv2.LINE_AA, _FINE)
    return levels.astype(np.float32) / np.float32(255)


def point_on(rng: np.random.Generator, matte: Matte) -> Point:
    """Return a random pixel well inside a shape."""
    solid = np.pad((matte > 0.9).astype(np.uint8), 1)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return _any_of(rng, depth >= 0.4 * depth.max())


def point_off(rng: np.random.Generator, matte: Matte) -> Point:
    """Return a random pixel outside a shape, in most cases near it."""
    reach = max(3, int(math.sqrt(float(matte.sum())) * rng.choice([0.2, 0.5, 2.0])))
    solid = (matte > 0.02).astype(np.uint8)
    clear, near = (cv2.dilate(solid, np.ones((side, side), np.uint8)) for side in (5, 2 * reach + 5))
    beside = (near > 0) & (clear == 0)
    return _any_of(rng, beside if beside.any() else solid == 0)


def box_of(matte: Matte) -> Box:
    """Return the tight box around a shape, at the outer edges of its pixels."""
    rows, columns = np.flatnonzero((matte > 0.5).any(1)), np.flatnonzero((matte > 0.5).any(0))
    return Box(columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5)


def iou(predicted: Matte, true: Matte) -> float:
    """Compute the IoU of two mattes thresholded at 0.5."""
    first, second = predicted > 0.5, true > 0.5
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def _any_of(rng: np.random.Generator, where: np.ndarray) -> Point:
    rows, columns = np.nonzero(where)
    chosen = int(rng.integers(len(rows)))
    return Point(float(columns[chosen]), float(rows[chosen]))


def _corners(kind: str) -> list[tuple[float, float]]:
    if kind == "rectangle":
        return [(-0.85, -0.53), (0.85, -0.53), (0.85, 0.53), (-0.85, 0.53)]
    if kind == "triangle":
        return [(math.cos(angle), math.sin(angle)) for angle in (0, 2 * math.pi / 3, 4 * math.pi / 3)]
    if kind == "star":
        turns = [(i * math.pi / 5, 1.0 if i % 2 == 0 else 0.5) for i in range(10)]
        return [(reach * math.cos(angle), reach * math.sin(angle)) for angle, reach in turns]
    arm = [(0.95, -0.3), (0.95, 0.3), (0.3, 0.3)]  # a quarter of a cross
    turned = []
    for _ in range(4):
        turned += arm
        arm = [(-y, x) for x, y in arm]
    return turned


def _fine(*numbers: float) -> tuple[int, ...]:
    return tuple(round(number * 2**_FINE) for number in numbers)


def _slope(rng: np.random.Generator, size: Size, most: float) -> np.ndarray:
    down, across = np.mgrid[: size.height, : size.width].astype(np.float32)
    angle, steep = rng.uniform(0, 2 * math.pi), rng.uniform(0, most)
    way = math.cos(angle) * (across / size.width - 0.5) + math.sin(angle) * (down / size.height - 0.5)
    return np.asarray(way * 2 * steep, np.float32)


def _ground(rng: np.random.Generator, size: Size) -> np.ndarray:
    ground = rng.uniform(20, 235, 3).astype(np.float32) + _slope(rng, size, 40)[..., None]
    texture = rng.integers(3)
    if texture == 0:  # clouds
        cells = rng.normal(0, 1, (int(rng.integers(4, 24)),) * 2).astype(np.float32)
        ground = ground + cv2.resize(cells, tuple(size), interpolation=cv2.INTER_CUBIC)[..., None] * 8
    elif texture == 1:  # stripes
        waves = np.sin(_slope(rng, size, 1)[..., None] * rng.uniform(20, 120))
        ground = ground + np.asarray(waves, np.float32) * rng.uniform(3, 10)
    return np.asarray(ground, np.float32)


def _distinct_color(rng: np.random.Generator, taken: list[np.ndarray]) -> np.ndarray:
    """Return a random color at least 90 levels from all of `taken`, or else the most distant of 24."""
    tried = rng.uniform(0, 255, (24, 3)).astype(np.float32)
    nearest = np.min([np.linalg.norm(tried - other, axis=1) for other in taken], axis=0)
    fine = np.flatnonzero(nearest > 90)
    return np.asarray(tried[fine[0] if len(fine) else int(nearest.argmax())])
