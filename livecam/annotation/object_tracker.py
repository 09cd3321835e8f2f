"""Tracking of the objects beside the person: each is followed through a clip, then segmented by SAM.

Of SAM's candidates the tracker selects the one that is most similar to the first and the last accepted mask,
moved to the object's present position. An object that the point tracker has lost (occlusion, scene cut) is
segmented at its last position, and accepted if shape and colors are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.geometry import bounding_box, clip_box
from livecam.annotation.mask_cleanup import remove_small_regions
from livecam.annotation.mask_dispute import settle_dispute
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

_BOX_MARGIN = 0.05
"""Fraction of its sides by which the last mask's box is extended: objects turn, or come nearer."""
_POINT_RADIUS = 24.0  # pixels around a point without a box
_MIN_BOX_SIDE = 4.0  # pixels of a box inside the image
_MAX_AREA_RATIO = 2.0
"""A larger ratio of the areas in two consecutive selected frames is a discontinuity."""
_MIN_SHAPE_IOU = 0.5
"""A smaller IoU with the expected shape is a discontinuity."""
_MIN_REIDENTIFICATION_IOU = 0.65
"""IoU with the last accepted shape that identifies a lost object."""
_EQUAL_RATING = 0.02
"""Two candidates of which one is rated higher by less than this are equally good for SAM."""


@dataclass(frozen=True, eq=False)
class CleanCandidate:
    """A mask candidate without small regions."""

    index: int
    iou_score: float
    matte: Matte


@dataclass(frozen=True)
class _TrackedObject:
    """One positive point, or one box with the points in it, as given in the first frame."""

    tracked_point: Point
    points: tuple[Point, ...]
    box: Box | None

    @property
    def radius(self) -> float:
        if self.box is None:
            return _POINT_RADIUS
        sides = (self.box.right - self.box.left, self.box.bottom - self.box.top)
        return max(8.0, min(sides) / 2)


class _FrameContext(NamedTuple):
    """A frame, its SAM embedding, and the negative points in it."""

    embedding: EmbeddedImageLike
    frame: Frame
    negative: tuple[Point, ...]


class ObjectTracker:
    """Tracks the objects of one set of prompts through the frames after it."""

    def __init__(self, prompts: FramePrompts, frame: Frame) -> None:
        """Start at the frame that `prompts` belong to.

        Each box is an object, and so is each positive point outside all boxes: two points on two chairs are
        two objects.
        """
        self.size = Size.of(frame)
        self._objects = _split_objects(prompts)
        tracked_points = [TrackedPoint(each.tracked_point, each.radius) for each in self._objects]
        self._points = PointTracker(
            frame, tracked_points + [TrackedPoint(point) for point in prompts.negative]
        )
        self._last: list[TrackState | None] = [None] * len(self._objects)
        self._first: list[TrackState | None] = [None] * len(self._objects)

    @property
    def count(self) -> int:
        """Number of objects."""
        return len(self._objects)

    def follow(self, frame: Frame) -> None:
        """Track the points into the next frame of the clip."""
        self._points.follow(frame)

    def negative_points(self) -> tuple[Point, ...]:
        """Return the present positions of the negative points, without the lost ones."""
        return tuple(point for point in self._points.positions()[len(self._objects) :] if point)

    def restore(self, states: Sequence[TrackState | None]) -> None:
        """Adopt the states of the last frame, found now or by an earlier run.

        A different number of states is ignored: they belong to other prompts.
        """
        if len(states) != len(self._objects):
            return
        for number, state in enumerate(states):
            if state is not None:
                self._last[number] = state
                self._first[number] = self._first[number] or state
                if self._points.positions()[number] is None:
                    self._points.set_position(number, state.tracked_point)

    def find(self, embedding: EmbeddedImageLike, frame: Frame) -> list[Observation]:
        """Segment each object in the frame that `follow` received last."""
        context = _FrameContext(embedding, frame, self.negative_points())
        positions = self._points.positions()[: self.count]
        found = [self._find(context, number, position) for number, position in enumerate(positions)]
        self.restore([observation.state for observation in found])
        return found

    def _find(self, context: _FrameContext, number: int, position: Point | None) -> Observation:
        tracked, last = self._objects[number], self._last[number]
        if last is None:
            return self._find_first(context, tracked, position)
        if position is None:
            return self._find_lost(context, number, last)
        expected = last.translated_to(position)
        prompt, candidate, state = self._predict(context, tracked, expected, self._first[number])
        if state is None:
            return Observation(prompt, candidate, expected, (_nothing_at(position),))
        reasons = (*uncovered_points(prompt, candidate), *discontinuities(expected, state, candidate.matte))
        # A suspicious mask is not what the next frame is compared with.
        return Observation(prompt, candidate, expected if reasons else state, reasons)

    def _find_first(
        self, context: _FrameContext, tracked: _TrackedObject, position: Point | None
    ) -> Observation:
        if position is None:
            return Observation(None, None, None, (_lost(tracked),))
        shift = (position.x - tracked.tracked_point.x, position.y - tracked.tracked_point.y)
        box = self._extend(tracked.box.translated(*shift)) if tracked.box else None
        prompt = self._prompt(tracked, position, box, context.negative)
        candidate = best_match(context.frame, predict_candidates(context.embedding, prompt), prompt)
        state = track_state_at(position, context.frame, candidate.matte)
        if state is not None and box is None:
            # A second prompt with the mask's own box improves the mask (Zhang et al., "PerSAM", ICLR 2024).
            prompt, candidate, state = self._predict(context, tracked, state, None)
        reasons = uncovered_points(prompt, candidate) if state else [_nothing_at(position)]
        return Observation(prompt, candidate, state, tuple(reasons))

    def _find_lost(self, context: _FrameContext, number: int, last: TrackState) -> Observation:
        """Look at the last position: an object that was covered is usually still there."""
        prompt, candidate, state = self._predict(context, self._objects[number], last, self._first[number])
        if state is None or not reidentify(last, state, candidate.matte):
            return Observation(None, None, None, (_lost(self._objects[number]),))
        return Observation(prompt, candidate, state)

    def _predict(
        self,
        context: _FrameContext,
        tracked: _TrackedObject,
        expected: TrackState,
        first: TrackState | None,
    ) -> tuple[Prompt, CleanCandidate, TrackState | None]:
        """Prompt with the expected box, and with a box of the first mask's size.

        The second box prevents drift: a slightly too large box gives a slightly too large mask, and that the
        next box.
        """
        position, references = expected.tracked_point, [expected]
        prompts = [self._prompt(tracked, position, self._extend(expected.box), context.negative)]
        if first is not None:
            references.append(first.translated_to(position))
            box = self._extend(references[1].box)
            prompts += [replace(prompts[0], box=box)] if box not in (None, prompts[0].box) else []
        candidates = [each for prompt in prompts for each in predict_candidates(context.embedding, prompt)]
        candidate = best_match(context.frame, candidates, prompts[0], references)
        return prompts[0], candidate, track_state_at(position, context.frame, candidate.matte)

    def _prompt(
        self, tracked: _TrackedObject, position: Point, box: Box | None, negative: tuple[Point, ...]
    ) -> Prompt:
        shift = Point(position.x - tracked.tracked_point.x, position.y - tracked.tracked_point.y)
        points = tuple(
            Point(
                float(np.clip(point.x + shift.x, 0, self.size.width - 1)),
                float(np.clip(point.y + shift.y, 0, self.size.height - 1)),
            )
            for point in tracked.points
        )
        # If the box has left the image, its centre is the only prompt left.
        return Prompt(positive=points or (() if box else (position,)), negative=negative, box=box)

    def _extend(self, box: Box) -> Box | None:
        """Extend a box by its margin within the image; None if too little of it is inside."""
        x, y = (box.right - box.left) * _BOX_MARGIN, (box.bottom - box.top) * _BOX_MARGIN
        inside = clip_box(Box(box.left - x, box.top - y, box.right + x, box.bottom + y), self.size)
        shortest = min(inside.right - inside.left, inside.bottom - inside.top)
        return inside if shortest >= _MIN_BOX_SIDE else None


def _nothing_at(position: Point) -> str:
    return f"SAM finds nothing at {position}"


def _lost(tracked: _TrackedObject) -> str:
    return f"what was kept at {tracked.tracked_point} is lost: hidden, or out of the frame"


def _split_objects(prompts: FramePrompts) -> list[_TrackedObject]:
    objects = []
    for box in prompts.boxes:
        inside = tuple(point for point in prompts.positive if box.contains(point))
        centre = Point((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        objects.append(_TrackedObject(inside[0] if inside else centre, inside, box))
    loose = [point for point in prompts.positive if not any(box.contains(point) for box in prompts.boxes)]
    return objects + [_TrackedObject(point, (point,), None) for point in loose]


def predict_candidates(embedding: EmbeddedImageLike, prompt: Prompt) -> list[CleanCandidate]:
    """Return SAM's candidates for a prompt without small regions, highest score first."""
    return [
        CleanCandidate(each.index, each.iou_score, remove_small_regions(each.matte, prompt.positive))
        for each in embedding.predict(prompt)
    ]


def best_match(
    frame: Frame, candidates: Sequence[CleanCandidate], prompt: Prompt, references: Sequence[TrackState] = ()
) -> CleanCandidate:
    """Return the candidate (a chair, its seat, chair and wall) most similar to the reference states.

    Where equally good candidates differ, their colors decide (`settle_dispute`).
    """

    def rating(candidate: CleanCandidate) -> float:
        similarity = sum(each.appearance.shape_iou(candidate.matte, each.box) for each in references)
        return finite_score(candidate.iou_score) + similarity - len(uncovered_points(prompt, candidate))

    ratings = [rating(candidate) for candidate in candidates]
    best = int(np.argmax(ratings))
    equal = [
        candidate.matte
        for number, candidate in enumerate(candidates)
        if number != best and ratings[number] >= ratings[best] - _EQUAL_RATING
    ]
    settled = settle_dispute(frame, candidates[best].matte, equal)
    if settled is candidates[best].matte:
        return candidates[best]
    return replace(candidates[best], matte=remove_small_regions(settled, prompt.positive))


def track_state_at(tracked_point: Point, frame: Frame, matte: Matte) -> TrackState | None:
    """Return the state of an object with this matte; None if the matte is empty."""
    body = np.asarray(matte > 0.5)
    area = int(body.sum())
    if not area:
        return None
    box = bounding_box(body)
    return TrackState(tracked_point, box, area, AppearanceDescriptor.of(frame, matte, box))


def uncovered_points(prompt: Prompt, candidate: MaskCandidateLike) -> list[str]:
    """Return a reason for each positive point outside the mask."""
    return [
        f"the kept point {point} is not in what SAM found"
        for point in prompt.positive
        if candidate.matte[round(point.y), round(point.x)] < 0.5
    ]


def discontinuities(expected: TrackState, state: TrackState, matte: Matte) -> list[str]:
    """Return the reasons why a mask differs too much from the expected state."""
    ratio = max(state.area, expected.area) / max(1, min(state.area, expected.area))
    if ratio > _MAX_AREA_RATIO:
        change = "larger" if state.area > expected.area else "smaller"
        return [f"what is kept at {state.tracked_point} is {ratio:.1f} times {change} than before"]
    if expected.appearance.shape_iou(matte, expected.box) < _MIN_SHAPE_IOU:
        place = f"what is kept at {state.tracked_point}"
        return [f"{place} has another shape than before, or is not where it should be"]
    return []


def reidentify(last: TrackState, state: TrackState, matte: Matte) -> bool:
    """Return whether a mask at the last position of a lost object is that object."""
    same_shape = last.appearance.shape_iou(matte, last.box) >= _MIN_REIDENTIFICATION_IOU
    return same_shape and last.appearance.similar_color(state.appearance)
