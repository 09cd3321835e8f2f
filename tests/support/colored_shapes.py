"""Drawings whose shapes are named by their color: what the small SAM 3 of the tests knows."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from livecam.annotation.person import iou
from livecam.annotation.prompts import Point
from livecam.annotation.sam.text import TextInstance
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from tests.support.synthetic_shapes import draw_shape

WORDS = ("red", "green", "blue")
MAX_INSTANCES = 2
"""Of one color in a drawing: the network has three queries."""
_KINDS = ("disc", "ellipse", "rectangle")


@dataclass(frozen=True, eq=False)
class ColoredDrawing:
    """Image, and its shapes with their colors' names; shapes do not overlap."""

    frame: Frame
    mattes: tuple[Matte, ...]
    texts: tuple[str, ...]

    def instances(self, word: str) -> list[Matte]:
        """Return the mattes of the shapes that `word` names."""
        return [matte for matte, name in zip(self.mattes, self.texts, strict=True) if name == word]

    def is_found(self, instances: Sequence[TextInstance], word: str, min_iou: float = 0.6) -> bool:
        """Return whether `instances` are those of `word`, one for each shape, and no other."""
        true = self.instances(word)
        found = [[iou(each.matte, matte) >= min_iou for each in instances] for matte in true]
        return len(instances) == len(true) and all(sum(row) == 1 for row in found)


def draw_colored(rng: np.random.Generator, size: Size) -> ColoredDrawing:
    """Draw two to four shapes of three colors on a gray, noisy ground."""
    ground = rng.uniform(60, 200) + rng.normal(0, 6, (size.height, size.width, 1))
    image = np.broadcast_to(ground, (size.height, size.width, 3)).astype(np.float32)
    mattes: list[Matte] = []
    texts: list[str] = []
    target = int(rng.integers(2, 5))
    for _ in range(30):
        word = WORDS[int(rng.integers(len(WORDS)))]
        radius = rng.uniform(0.14, 0.24) * min(size)
        center = Point(*(float(rng.uniform(radius, side - radius)) for side in size))
        matte = draw_shape(_KINDS[int(rng.integers(len(_KINDS)))], center, radius, size, rng.uniform(0, 3))
        near = cv2.dilate(matte, np.ones((5, 5), np.uint8))
        if texts.count(word) == MAX_INSTANCES or any(float((near * other).max()) > 0 for other in mattes):
            continue
        color = rng.uniform(10, 70, 3)
        color[WORDS.index(word)] = rng.uniform(180, 250)
        image = image + (color.astype(np.float32) - image) * matte[..., None]
        mattes.append(matte)
        texts.append(word)
        if len(mattes) == target:
            break
    return ColoredDrawing(np.clip(np.rint(image), 0, 255).astype(np.uint8), tuple(mattes), tuple(texts))
