"""Labels a clip: follows what is wanted, asks SAM in the chosen frames, writes down what came out."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.ground_truth import GroundTruthMattes, check_size
from livecam.annotation.media import IndexedFrame
from livecam.annotation.object_tracker import ObjectTracker
from livecam.annotation.observation import (
    EmbeddedImageLike,
    Observation,
    score_to_json,
    track_state_from_dict,
)
from livecam.annotation.overlay import draw_annotation
from livecam.annotation.person import (
    PersonAnnotation,
    estimate_person,
    low_score_reasons,
    person_from_model,
    segment_person,
    union,
)
from livecam.annotation.prompt_file import FramePrompts
from livecam.annotation.prompts import Point, Prompt
from livecam.annotation.store import AnnotationRecord, AnnotationStore
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import trimap_from_matte, trimap_from_uncertainty
from livecam.models.base import MatteModel


class ImagePredictor(Protocol):
    """SAM, or a stand-in."""

    def embed(self, frame: Frame) -> EmbeddedImageLike: ...  # noqa: D102


class FrameAnnotator:
    """Labels with SAM and the compact model, as the settings say."""

    def __init__(
        self,
        made: AnnotationStore,
        sam: ImagePredictor | None,
        segmenter: MatteModel | None,
        settings: AnnotationSettings,
    ) -> None:
        """`segmenter` is the compact model: None where only things are kept.

        `sam`: None without things.
        """
        self._made, self._sam, self._segmenter = made, sam, segmenter
        self._preset, self._person_by = settings.preset, settings.person

    def annotate_clip(self, plan: FramePlan, wishes: dict[int, FramePrompts]) -> Iterator[AnnotationRecord]:
        """Label the chosen frames, each once; those that are done already come as they are.

        Args:
            plan: the clip and its chosen frames.
            wishes: what is kept and dropped, from a frame's number on.

        Raises:
            VideoError, ImageError: it can't be read any more.
            AnnotationError: the labels can't be written.
        """
        material, things = plan.media, None
        areas: tuple[float, float] | None = None
        for moment in plan.selected_frames():
            if moment.number in wishes:
                things = ObjectTracker(wishes[moment.number], moment.frame)
            elif things is not None:
                things.follow(moment.frame)
            if moment.number not in plan.selected:
                continue
            name = material.name(moment.number)
            if not self._made.is_done(name, str(material.path)):
                self._label(plan, moment, things, areas)
            label = self._made.labels[name]
            if things is not None:
                things.remember([track_state_from_dict(plain) for plain in label.things])
            areas = _areas(label)
            yield label

    def _label(
        self,
        plan: FramePlan,
        moment: IndexedFrame,
        things: ObjectTracker | None,
        areas: tuple[float, float] | None,
    ) -> None:
        frame, seen = moment.frame, self._look(moment.frame, things)
        drops = things.drops() if things is not None else ()
        drawn = self._segment_person(frame, seen, drops, areas)
        sightings = things.find(seen, frame) if things is not None and seen is not None else []
        found = [sighting.answer for sighting in sightings if sighting.answer]
        mattes = [answer.matte for answer in found] + ([drawn.matte] if drawn else [])
        matte = union(mattes, frame.shape[:2])
        answers = [*found, *(drawn.candidates if drawn else ())]
        reasons = [*low_score_reasons(answers), *(drawn.reasons if drawn else ())]
        reasons += [reason for sighting in sightings for reason in sighting.reasons]
        reasons += _kept_drops(matte, drops)
        trimap = trimap_from_uncertainty(matte)
        asked = [*(drawn.prompts if drawn else ()), *(s.prompt for s in sightings if s.prompt)]
        label = _label(plan, moment, self._preset, reasons, drawn, sightings)
        self._made.add(label, frame, trimap, matte, draw_annotation(frame, trimap, asked))

    def _look(self, frame: Frame, things: ObjectTracker | None) -> EmbeddedImageLike | None:
        """Have SAM look at a frame, the slow part, if there is anything to ask it.

        One at a time: to look at several together, every frame of the clip between them would have to be
        kept, and 0.04 s of each saved.
        """
        asked = self._person_by is PersonSource.SAM or (things is not None and things.count)
        return self._sam.embed(frame) if asked and self._sam is not None else None

    def _segment_person(
        self,
        frame: Frame,
        seen: EmbeddedImageLike | None,
        drops: tuple[Point, ...],
        areas: tuple[float, float] | None,
    ) -> PersonAnnotation | None:
        if self._segmenter is None:
            return None
        person = estimate_person(self._segmenter, frame)
        if self._person_by is PersonSource.MODEL or seen is None:
            return person_from_model(person)
        return segment_person(person, seen, drops, areas)


def annotate_from_ground_truth(
    made: AnnotationStore, plan: FramePlan, truth: GroundTruthMattes
) -> Iterator[AnnotationRecord]:
    """Label the chosen frames with mattes that are known; like `FrameAnnotator.annotate_clip`.

    Raises:
        VideoError, ImageError: frames or mattes can't be read.
        AnnotationError: mattes of another size, or the labels can't be written.
    """
    material = plan.media
    for moment, matte in zip(plan.selected_frames(), truth.mattes(material, plan.frame_count), strict=False):
        if moment.number not in plan.selected:
            continue
        check_size(matte, moment.frame, truth.path)
        name = material.name(moment.number)
        if not made.is_done(name, str(material.path)):
            trimap = trimap_from_matte(matte)
            overlay = draw_annotation(moment.frame, trimap)
            made.add(_label(plan, moment, "mattes", [], None, []), moment.frame, trimap, matte, overlay)
        yield made.labels[name]


def _label(
    plan: FramePlan,
    moment: IndexedFrame,
    preset: str,
    reasons: Sequence[str],
    drawn: PersonAnnotation | None,
    sightings: Sequence[Observation],
) -> AnnotationRecord:
    material = plan.media
    return AnnotationRecord(
        name=material.name(moment.number),
        stem=material.stem,
        source=str(material.path),
        number=moment.number,
        seconds=round(moment.seconds, 4),
        preset=preset,
        reasons=tuple(reasons),
        person=_plain(drawn) if drawn else {},
        things=tuple(sighting.as_plain() for sighting in sightings),
    )


def _areas(label: AnnotationRecord) -> tuple[float, float] | None:
    areas = label.person.get("areas")
    return (float(areas[0]), float(areas[1])) if areas else None


def _plain(drawn: PersonAnnotation) -> dict[str, Any]:
    return {
        "scores": [score_to_json(answer.score) for answer in drawn.candidates],
        "candidates": [answer.number for answer in drawn.candidates],
        "agreement": None if drawn.agreement is None else round(drawn.agreement, 4),
        "areas": [round(area, 6) for area in drawn.areas],
        "prompts": [_plain_prompt(prompt) for prompt in drawn.prompts],
    }


def _plain_prompt(prompt: Prompt) -> dict[str, Any]:
    return {
        "keep": [list(point) for point in prompt.positive],
        "drop": [list(point) for point in prompt.negative],
        "box": list(prompt.box) if prompt.box else None,
    }


def _kept_drops(matte: Matte, drops: Sequence[Point]) -> list[str]:
    inside = [point for point in drops if matte[round(point.y), round(point.x)] >= np.float32(0.5)]
    return [f"{_at(point)} was to be dropped, but is kept" for point in inside]


def _at(point: Point) -> str:
    return f"{point.x:.0f},{point.y:.0f}"
