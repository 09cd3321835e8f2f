"""The things that are kept beside the person: each is followed through a clip, then SAM is asked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from livecam.frames import Frame, Matte, Size
from livecam.labelling.following import Anchor, Follower
from livecam.labelling.prompts import Box, Point, Prompt
from livecam.labelling.suggest import bounds, within
from livecam.labelling.wishes import Wish

_SLACK = 0.05
"""The box of the last mask is wider by this share of its sides: a thing turns, or comes nearer."""
_RADIUS = 24.0
_LEAST_SIDE = 4.0
_JUMP_AREA, _JUMP_OVERLAP = 2.0, 0.45
"""From one chosen frame to the next: so many times the pixels, or so little (IoU) of the box, is a jump."""


class Answer(Protocol):
    """What SAM says of a prompt: `Candidate` of `livecam.labelling.sam`, or a stand-in."""

    @property
    def number(self) -> int: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def matte(self) -> Matte: ...  # noqa: D102


class Looked(Protocol):
    """A picture that SAM has looked at."""

    def segment(self, prompt: Prompt) -> Sequence[Answer]: ...  # noqa: D102


class Last(NamedTuple):
    """What was found of a thing in the chosen frame before: where its anchor was, its box, its pixels."""

    place: Point
    box: Box
    area: int


@dataclass(frozen=True)
class Sighting:
    """A thing in a frame: what was asked, which answer was taken (None: lost, or nothing found).

    `reasons` says why it should be looked at; empty where all is well.
    """

    prompt: Prompt | None
    answer: Answer | None
    last: Last | None
    reasons: tuple[str, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """For labels.jsonl."""
        return {
            "point": list(self.prompt.keep[0]) if self.prompt and self.prompt.keep else None,
            "box": list(self.prompt.box) if self.prompt and self.prompt.box else None,
            "score": plain_score(self.answer.score) if self.answer else None,
            "candidate": self.answer.number if self.answer else None,
            "last": [list(self.last.place), list(self.last.box), self.last.area] if self.last else None,
        }


def plain_score(score: float) -> float | None:
    """A score for JSON, which knows no NaN."""
    return round(float(score), 4) if math.isfinite(score) else None


def read_last(plain: Mapping[str, Any]) -> Last | None:
    """The `last` of what `as_plain` gave."""
    last = plain.get("last")
    return Last(Point(*last[0]), Box(*last[1]), int(last[2])) if last else None


@dataclass(frozen=True)
class _Thing:
    """One point to keep, or one box with the points in it, as first given."""

    anchor: Point
    points: tuple[Point, ...]
    box: Box | None

    @property
    def radius(self) -> float:
        if self.box is None:
            return _RADIUS
        sides = (self.box.right - self.box.left, self.box.bottom - self.box.top)
        return max(8.0, min(sides) / 2)


class Things:
    """What one wish means in the frames after it."""

    def __init__(self, wish: Wish, frame: Frame) -> None:
        """Begin at the frame that `wish` is about.

        Each box is a thing, and so is each point to keep outside all boxes: two chairs are two questions.
        """
        self.size = Size.of(frame)
        self._things = _sort(wish)
        anchors = [Anchor(thing.anchor, thing.radius) for thing in self._things]
        self._follower = Follower(frame, anchors + [Anchor(point) for point in wish.drop])
        self._lasts: list[Last | None] = [None] * len(self._things)
        self._lost = [False] * len(self._things)

    @property
    def count(self) -> int:
        """How many things there are to ask for."""
        return len(self._things)

    def follow(self, frame: Frame) -> None:
        """Look at the next frame."""
        self._follower.follow(frame)

    def drops(self) -> tuple[Point, ...]:
        """Where the points to drop are now, without those that are lost."""
        return tuple(place for place in self._follower.places()[len(self._things) :] if place)

    def remember(self, lasts: Sequence[Last | None]) -> None:
        """Take up what an earlier run found in the frame that was just looked at."""
        if len(lasts) == len(self._things):
            self._lasts = [last or mine for last, mine in zip(lasts, self._lasts, strict=True)]

    def find(self, seen: Looked) -> list[Sighting]:
        """Ask SAM for each thing in the frame that was just looked at."""
        places = self._follower.places()
        drops = self.drops()
        found = [
            self._find(seen, number, place, drops) for number, place in enumerate(places[: len(self._things)])
        ]
        self.remember([sighting.last for sighting in found])
        return found

    def _find(self, seen: Looked, number: int, place: Point | None, drops: tuple[Point, ...]) -> Sighting:
        thing, last = self._things[number], self._lasts[number]
        if place is None:
            reason = f"what was kept at {thing.anchor} is lost: hidden, or out of the picture"
            return Sighting(None, None, None, (reason,))
        expected = _shifted(last.box, last.place, place, self.size) if last else None
        prompt = self._prompt(thing, place, expected, drops)
        answer = _best(seen.segment(prompt), expected)
        body = answer.matte > 0.5
        area = int(body.sum())
        if not area:
            return Sighting(prompt, answer, None, (f"SAM finds nothing at {prompt.keep[0]}",))
        now = Last(place, bounds(np.asarray(body)), area)
        return Sighting(prompt, answer, now, tuple(_odd(prompt, answer, last, expected, now)))

    def _prompt(self, thing: _Thing, place: Point, expected: Box | None, drops: tuple[Point, ...]) -> Prompt:
        away = Point(place.x - thing.anchor.x, place.y - thing.anchor.y)
        points = tuple(
            Point(
                float(np.clip(point.x + away.x, 0, self.size.width - 1)),
                float(np.clip(point.y + away.y, 0, self.size.height - 1)),
            )
            for point in thing.points
        )
        box = expected or (_shifted(thing.box, thing.anchor, place, self.size) if thing.box else None)
        return Prompt(keep=points, drop=drops, box=box)


def _sort(wish: Wish) -> list[_Thing]:
    things = []
    for box in wish.boxes:
        inside = tuple(point for point in wish.keep if box.holds(point))
        middle = Point((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        things.append(_Thing(inside[0] if inside else middle, inside, box))
    loose = [point for point in wish.keep if not any(box.holds(point) for box in wish.boxes)]
    return things + [_Thing(point, (point,), None) for point in loose]


def _shifted(box: Box, before: Point, now: Point, size: Size) -> Box | None:
    """A box carried along, a little wider; None where too little of it is still in the picture."""
    x, y = now.x - before.x, now.y - before.y
    wide, high = (box.right - box.left) * _SLACK, (box.bottom - box.top) * _SLACK
    moved = Box(box.left + x - wide, box.top + y - high, box.right + x + wide, box.bottom + y + high)
    seen = within(moved, size)
    return seen if min(seen.right - seen.left, seen.bottom - seen.top) >= _LEAST_SIDE else None


def _best(answers: Sequence[Answer], expected: Box | None) -> Answer:
    """SAM's favourite; once a thing was found before, the one that is nearest to that as well."""
    if expected is None:
        return answers[0]

    def worth(answer: Answer) -> float:
        body = np.asarray(answer.matte > 0.5)
        return trust(answer.score) + (overlap(bounds(body), expected) if body.any() else 0.0)

    return max(answers, key=worth)


def _odd(prompt: Prompt, answer: Answer, last: Last | None, expected: Box | None, now: Last) -> list[str]:
    reasons = []
    for point in prompt.keep:
        if answer.matte[round(point.y), round(point.x)] < 0.5:
            reasons.append(f"the kept point {point} is not in what SAM found")
    if last and expected:
        times = max(now.area, last.area) / max(1, min(now.area, last.area))
        if times > _JUMP_AREA:
            word = "larger" if now.area > last.area else "smaller"
            reasons.append(f"what is kept at {now.place} is {times:.1f} times {word} than before")
        elif overlap(now.box, expected) < _JUMP_OVERLAP:
            reasons.append(f"what is kept at {now.place} is not where it should have moved to")
    return reasons


def trust(score: float) -> float:
    """A score that can be compared: of damaged weights it may be no number."""
    return score if math.isfinite(score) else -1.0


def overlap(first: Box, second: Box) -> float:
    """The IoU of two boxes, 0 to 1."""
    wide = min(first.right, second.right) - max(first.left, second.left) + 1
    high = min(first.bottom, second.bottom) - max(first.top, second.top) + 1
    both = max(0.0, wide) * max(0.0, high)
    areas = [(box.right - box.left + 1) * (box.bottom - box.top + 1) for box in (first, second)]
    return both / (sum(areas) - both)
