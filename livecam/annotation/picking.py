"""Which of SAM's answers is the thing that is meant, and what is odd about it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livecam.annotation.appearance import Likeness
from livecam.annotation.mask_cleanup import without_specks
from livecam.annotation.observation import Answer, Last, Looked, trust
from livecam.annotation.prompts import Point, Prompt
from livecam.annotation.suggest import bounds
from livecam.core.types import Frame, Matte

_JUMP_AREA, _JUMP_SHAPE = 2.0, 0.5
"""From one chosen frame to the next: so many times the pixels, or so little (IoU) of the shape, is a jump."""
_SAME_SHAPE = 0.65
"""IoU with what was found last, for a thing that was lost."""


class Told(NamedTuple):
    """One of SAM's answers, without specks."""

    number: int
    score: float
    matte: Matte


def ask(seen: Looked, prompt: Prompt) -> list[Told]:
    """SAM's answers to a prompt, its favourite first."""
    return [
        Told(answer.number, answer.score, without_specks(answer.matte, prompt.keep))
        for answer in seen.segment(prompt)
    ]


def likest(answers: Sequence[Told], prompt: Prompt, expected: Sequence[Last]) -> Told:
    """Of SAM's answers (a chair, its seat, chair and wall) the one most like what was found before."""

    def worth(answer: Told) -> float:
        alike = sum(each.likeness.agreement(answer.matte, each.box) for each in expected)
        return trust(answer.score) + alike - len(missed(prompt, answer))

    return max(answers, key=worth)


def last_of(place: Point, frame: Frame, matte: Matte) -> Last | None:
    """What is remembered of a thing that was found; None where its matte is empty."""
    body = np.asarray(matte > 0.5)
    area = int(body.sum())
    if not area:
        return None
    box = bounds(body)
    return Last(place, box, area, Likeness.of(frame, matte, box))


def missed(prompt: Prompt, answer: Answer) -> list[str]:
    """A reason for each kept point that isn't in what SAM found."""
    return [
        f"the kept point {point} is not in what SAM found"
        for point in prompt.keep
        if answer.matte[round(point.y), round(point.x)] < 0.5
    ]


def jumps(expected: Last, now: Last, matte: Matte) -> list[str]:
    """Reasons why a matte is too far from what was found before."""
    times = max(now.area, expected.area) / max(1, min(now.area, expected.area))
    if times > _JUMP_AREA:
        word = "larger" if now.area > expected.area else "smaller"
        return [f"what is kept at {now.place} is {times:.1f} times {word} than before"]
    if expected.likeness.agreement(matte, expected.box) < _JUMP_SHAPE:
        return [f"what is kept at {now.place} has another shape than before, or is not where it should be"]
    return []


def is_same(last: Last, now: Last, matte: Matte) -> bool:
    """Whether a thing that was lost, and is looked for where it was, is what was found there."""
    alike = last.likeness.agreement(matte, last.box) >= _SAME_SHAPE
    return alike and last.likeness.is_as_coloured_as(now.likeness)
