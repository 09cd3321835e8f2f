"""Drawn scenes with a moving green person and red chair, and fakes of SAM and the compact model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livecam.annotation.prompts import Point, Prompt
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from tests.support.fakes import PERSON
from tests.support.tiny_clip import write_video

ROOM_SIZE = Size(192, 108)
CHAIR = (190, 60, 40)


def draw_scene(
    number: int = 0, *, person: bool = True, chair: bool = True, size: Size = ROOM_SIZE, seed: int = 3
) -> Frame:
    """Draw frame `number` of a clip: the person sways, the chair moves right by two pixels per frame."""
    random = np.random.default_rng(seed)
    coarse = random.integers(110, 220, (size.height // 6, size.width // 6, 3)).astype(np.uint8)
    frame = np.ascontiguousarray(cv2.resize(coarse, tuple(size), interpolation=cv2.INTER_CUBIC))
    if chair:
        _paste(frame, CHAIR, chair_place(number), size, seed)
    if person:
        x, y = person_place(number)
        cv2.ellipse(frame, (x, y - 22), (11, 13), 0, 0, 360, PERSON, -1)
        cv2.ellipse(frame, (x, y + 26), (24, 34), 0, 0, 360, PERSON, -1)
    return frame


def person_place(number: int) -> tuple[int, int]:
    return 130 + round(9 * np.sin(number / 4)), 55


def chair_place(number: int) -> Point:
    """Return the center of the chair in pixels."""
    return Point(30.0 + 2 * (number % 20), 60.0)


def _paste(frame: Frame, color: tuple[int, int, int], place: Point, size: Size, seed: int) -> None:
    left, top, side = int(place.x) - 16, int(place.y) - 20, (40, 32)
    weave = np.random.default_rng(seed + 1).integers(-24, 25, (side[0] // 4, side[1] // 4, 1))
    cloth = np.repeat(np.repeat(weave, 4, axis=0), 4, axis=1) + np.array(color)
    part = frame[top : top + side[0], left : left + side[1]]
    part[:] = np.clip(cloth, 0, 255)[: part.shape[0], : part.shape[1]]


def is_near(frame: Frame, color: tuple[int, int, int], reach: int = 34) -> np.ndarray[Any, Any]:
    """Return the mask of pixels whose channels differ from `color` by at most `reach` levels."""
    return (np.abs(frame.astype(int) - np.array(color)) <= reach).all(axis=2)


def write_scenes(path: Path, count: int = 30, draw: Callable[[int], Frame] = draw_scene) -> Path:
    """Write a lossless clip of scenes."""
    write_video(path, [draw(number) for number in range(count)])
    return path


class GreenModel:
    """Fake of the compact model; finds the person by its green."""

    def __init__(self, find: Callable[[Frame], Matte] | None = None) -> None:
        self._find = find

    def predict(self, frame: Frame) -> Matte:
        if self._find:
            return self._find(frame)
        return is_near(frame, PERSON).astype(np.float32)


@dataclass(frozen=True)
class FakeCandidate:
    index: int
    iou_score: float
    matte: Matte


Tamper = Callable[[int, Prompt, list[FakeCandidate]], Sequence[FakeCandidate]]


class FakeSam:
    """Fake of SAM; selects the region of the color under the point, or at the center of the box."""

    def __init__(self, tamper: Tamper | None = None) -> None:
        self.embed_count = 0
        self.prompts: list[Prompt] = []
        self.before_embed: Callable[[int], None] = lambda count: None
        self._tamper = tamper

    def embed(self, frame: Frame) -> "FakeEmbedding":
        self.before_embed(self.embed_count)
        self.embed_count += 1
        return FakeEmbedding(self, frame, self.embed_count - 1)

    def answer(self, number: int, prompt: Prompt, answers: list[FakeCandidate]) -> Sequence[FakeCandidate]:
        self.prompts.append(prompt)
        return self._tamper(number, prompt, answers) if self._tamper else answers


class FakeEmbedding:
    def __init__(self, sam: FakeSam, frame: Frame, number: int) -> None:
        self._sam, self._frame, self._number = sam, frame, number

    def predict(self, prompt: Prompt) -> Sequence[FakeCandidate]:
        body = np.zeros(self._frame.shape[:2], np.float32)
        for point in prompt.positive or (_middle(prompt),):
            body = np.maximum(body, _region(self._frame, point))
        whole = FakeCandidate(0, 0.96, np.asarray(cv2.blur(body, (3, 3)), np.float32))
        part = body.copy()
        part[: self._frame.shape[0] // 2] = 0
        answers = [whole, FakeCandidate(2, 0.7, part), FakeCandidate(1, 0.4, np.ones_like(body))]
        return self._sam.answer(self._number, prompt, answers)


def _middle(prompt: Prompt) -> Point:
    assert prompt.box is not None
    return Point((prompt.box.left + prompt.box.right) / 2, (prompt.box.top + prompt.box.bottom) / 2)


def _region(frame: Frame, point: Point) -> Matte:
    x, y = round(point.x), round(point.y)
    colors: tuple[tuple[int, int, int], ...] = (PERSON, CHAIR)
    near = [is_near(frame, color) for color in colors]
    alike = next((each for each in near if each[y, x]), is_near(frame, tuple(frame[y, x]), 12))
    _, parts = cv2.connectedComponents(alike.astype(np.uint8))
    return (parts == parts[y, x]).astype(np.float32)


def low_scores(score: float) -> Tamper:
    """Multiply the scores of all candidates by `score`."""
    return lambda number, prompt, answers: [
        replace(each, iou_score=score * each.iou_score) for each in answers
    ]
