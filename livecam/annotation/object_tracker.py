"""The things that are kept beside the person: each is followed through a clip, then SAM is asked.

Of SAM's candidates the one is taken that is most like what was found first and last, put where the thing
has moved to. A thing that following has lost (behind somebody, after a cut) is asked for where it was last,
and taken if shape and colours are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.geometry import bounding_box, clip_box
from livecam.annotation.mask_cleanup import remove_small_regions
from livecam.annotation.observation import (
    EmbeddedImageLike,
    MaskCandidateLike,
    Observation,
    TrackState,
    finite_score,
)
from livecam.annotation.point_tracker import PointTracker, TrackedPoint
from livecam.annotation.prompt_file import FramePrompts
from livecam.annotation.prompts import Box, Point, Prompt
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte

_SLACK = 0.05
"""The box of the last mask is wider by this share of its sides: a thing turns, or comes nearer."""
_RADIUS = 24.0
_LEAST_SIDE = 4.0


class CleanCandidate(NamedTuple):
    """One of SAM's answers, without specks."""

    number: int
    score: float
    matte: Matte


@dataclass(frozen=True)
class _TrackedObject:
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


class _View(NamedTuple):
    """A frame, what SAM made of it, and the points to drop in it."""

    seen: EmbeddedImageLike
    frame: Frame
    drops: tuple[Point, ...]


class ObjectTracker:
    """What one wish means in the frames after it."""

    def __init__(self, wish: FramePrompts, frame: Frame) -> None:
        """Begin at the frame that `wish` is about.

        Each box is a thing, and so is each point to keep outside all boxes: two chairs are two questions.
        """
        self.size = Size.of(frame)
        self._things = _sort(wish)
        anchors = [TrackedPoint(thing.anchor, thing.radius) for thing in self._things]
        self._follower = PointTracker(frame, anchors + [TrackedPoint(point) for point in wish.drop])
        self._lasts: list[TrackState | None] = [None] * len(self._things)
        self._firsts: list[TrackState | None] = [None] * len(self._things)

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

    def remember(self, lasts: Sequence[TrackState | None]) -> None:
        """Take up what was found, now or by an earlier run, in the frame that was just looked at."""
        if len(lasts) != len(self._things):
            return
        for number, last in enumerate(lasts):
            if last is not None:
                self._lasts[number] = last
                self._firsts[number] = self._firsts[number] or last
                if self._follower.places()[number] is None:
                    self._follower.put(number, last.place)

    def find(self, seen: EmbeddedImageLike, frame: Frame) -> list[Observation]:
        """Ask SAM for each thing in `picture`, which was just looked at."""
        view, places = _View(seen, frame, self.drops()), self._follower.places()
        found = [self._find(view, number, place) for number, place in enumerate(places[: self.count])]
        self.remember([sighting.state for sighting in found])
        return found

    def _find(self, view: _View, number: int, place: Point | None) -> Observation:
        thing, last = self._things[number], self._lasts[number]
        if last is None:
            return self._find_first(view, thing, place)
        if place is None:
            return self._find_lost(view, number, last)
        expected = last.translated_to(place)
        prompt, answer, now = self._ask(view, thing, expected, self._firsts[number])
        if now is None:
            return Observation(prompt, answer, expected, (_nothing_at(place),))
        reasons = (*uncovered_points(prompt, answer), *discontinuities(expected, now, answer.matte))
        # What is doubtful is not what the next frame is compared with.
        return Observation(prompt, answer, expected if reasons else now, reasons)

    def _find_first(self, view: _View, thing: _TrackedObject, place: Point | None) -> Observation:
        if place is None:
            return Observation(None, None, None, (_lost(thing),))
        away = (place.x - thing.anchor.x, place.y - thing.anchor.y)
        box = self._wider(thing.box.moved(*away)) if thing.box else None
        prompt = self._prompt(thing, place, box, view.drops)
        answer = min(
            predict_candidates(view.seen, prompt), key=lambda answer: len(uncovered_points(prompt, answer))
        )
        now = track_state_at(place, view.frame, answer.matte)
        if now is not None and box is None:
            # Once more with its own box, which draws it better (Zhang et al., "PerSAM", ICLR 2024).
            prompt, answer, now = self._ask(view, thing, now, None)
        reasons = uncovered_points(prompt, answer) if now else [_nothing_at(place)]
        return Observation(prompt, answer, now, tuple(reasons))

    def _find_lost(self, view: _View, number: int, last: TrackState) -> Observation:
        """Ask where it was last: things that stand still come back where they were."""
        prompt, answer, now = self._ask(view, self._things[number], last, self._firsts[number])
        if now is None or not reidentify(last, now, answer.matte):
            return Observation(None, None, None, (_lost(self._things[number]),))
        return Observation(prompt, answer, now)

    def _ask(
        self, view: _View, thing: _TrackedObject, expected: TrackState, first: TrackState | None
    ) -> tuple[Prompt, CleanCandidate, TrackState | None]:
        """Ask within the box where it should be, and within one as large as at first.

        A box that is a little too large makes an answer that is, and that the next box: it would creep.
        """
        place, likely = expected.place, [expected]
        prompts = [self._prompt(thing, place, self._wider(expected.box), view.drops)]
        if first is not None:
            likely.append(first.translated_to(place))
            box = self._wider(likely[1].box)
            prompts += [replace(prompts[0], box=box)] if box not in (None, prompts[0].box) else []
        answers = [answer for prompt in prompts for answer in predict_candidates(view.seen, prompt)]
        answer = best_match(answers, prompts[0], likely)
        return prompts[0], answer, track_state_at(place, view.frame, answer.matte)

    def _prompt(
        self, thing: _TrackedObject, place: Point, box: Box | None, drops: tuple[Point, ...]
    ) -> Prompt:
        away = Point(place.x - thing.anchor.x, place.y - thing.anchor.y)
        points = tuple(
            Point(
                float(np.clip(point.x + away.x, 0, self.size.width - 1)),
                float(np.clip(point.y + away.y, 0, self.size.height - 1)),
            )
            for point in thing.points
        )
        # Of a box that has left the picture its middle remains.
        return Prompt(positive=points or (() if box else (place,)), negative=drops, box=box)

    def _wider(self, box: Box) -> Box | None:
        """A box a little wider, within the picture; None where too little of it is there."""
        wide, high = (box.right - box.left) * _SLACK, (box.bottom - box.top) * _SLACK
        seen = clip_box(Box(box.left - wide, box.top - high, box.right + wide, box.bottom + high), self.size)
        return seen if min(seen.right - seen.left, seen.bottom - seen.top) >= _LEAST_SIDE else None


def _nothing_at(place: Point) -> str:
    return f"SAM finds nothing at {place}"


def _lost(thing: _TrackedObject) -> str:
    return f"what was kept at {thing.anchor} is lost: hidden, or out of the picture"


def _sort(wish: FramePrompts) -> list[_TrackedObject]:
    things = []
    for box in wish.boxes:
        inside = tuple(point for point in wish.keep if box.holds(point))
        middle = Point((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        things.append(_TrackedObject(inside[0] if inside else middle, inside, box))
    loose = [point for point in wish.keep if not any(box.holds(point) for box in wish.boxes)]
    return things + [_TrackedObject(point, (point,), None) for point in loose]


_JUMP_AREA, _JUMP_SHAPE = 2.0, 0.5
"""From one chosen frame to the next: so many times the pixels, or so little (IoU) of the shape, is a jump."""


_SAME_SHAPE = 0.65
"""IoU with what was found last, for a thing that was lost."""


def predict_candidates(seen: EmbeddedImageLike, prompt: Prompt) -> list[CleanCandidate]:
    """SAM's answers to a prompt, its favourite first."""
    return [
        CleanCandidate(answer.number, answer.score, remove_small_regions(answer.matte, prompt.positive))
        for answer in seen.predict(prompt)
    ]


def best_match(
    answers: Sequence[CleanCandidate], prompt: Prompt, expected: Sequence[TrackState]
) -> CleanCandidate:
    """Of SAM's answers (a chair, its seat, chair and wall) the one most like what was found before."""

    def worth(answer: CleanCandidate) -> float:
        alike = sum(each.appearance.shape_iou(answer.matte, each.box) for each in expected)
        return finite_score(answer.score) + alike - len(uncovered_points(prompt, answer))

    return max(answers, key=worth)


def track_state_at(place: Point, frame: Frame, matte: Matte) -> TrackState | None:
    """What is remembered of a thing that was found; None where its matte is empty."""
    body = np.asarray(matte > 0.5)
    area = int(body.sum())
    if not area:
        return None
    box = bounding_box(body)
    return TrackState(place, box, area, AppearanceDescriptor.of(frame, matte, box))


def uncovered_points(prompt: Prompt, answer: MaskCandidateLike) -> list[str]:
    """A reason for each kept point that isn't in what SAM found."""
    return [
        f"the kept point {point} is not in what SAM found"
        for point in prompt.positive
        if answer.matte[round(point.y), round(point.x)] < 0.5
    ]


def discontinuities(expected: TrackState, now: TrackState, matte: Matte) -> list[str]:
    """Reasons why a matte is too far from what was found before."""
    times = max(now.area, expected.area) / max(1, min(now.area, expected.area))
    if times > _JUMP_AREA:
        word = "larger" if now.area > expected.area else "smaller"
        return [f"what is kept at {now.place} is {times:.1f} times {word} than before"]
    if expected.appearance.shape_iou(matte, expected.box) < _JUMP_SHAPE:
        return [f"what is kept at {now.place} has another shape than before, or is not where it should be"]
    return []


def reidentify(last: TrackState, now: TrackState, matte: Matte) -> bool:
    """Whether a thing that was lost, and is looked for where it was, is what was found there."""
    alike = last.appearance.shape_iou(matte, last.box) >= _SAME_SHAPE
    return alike and last.appearance.similar_color(now.appearance)
