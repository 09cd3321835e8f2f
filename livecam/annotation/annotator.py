"""Annotation of the selected frames of one clip, by SAM and the compact model or from ground truth."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from livecam.annotation.config import AnnotationSettings, PersonSource
from livecam.annotation.frame_selection import FramePlan
from livecam.annotation.ground_truth import GroundTruthMattes, check_size
from livecam.annotation.media import IndexedFrame
from livecam.annotation.object_tracker import ObjectTracker
from livecam.annotation.observation import EmbeddedImageLike, Observation
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
from livecam.annotation.prompts import Point
from livecam.annotation.records import AnnotationRecord, ObjectRecord, PersonRecord
from livecam.annotation.store import AnnotationStore
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import Trimap, trimap_from_matte, trimap_from_uncertainty
from livecam.models.base import MatteModel

Areas = tuple[float, float]
"""Fraction of the image covered by the person, for SAM and for the compact model."""


class ImagePredictor(Protocol):
    """SAM (`livecam.annotation.sam.predictor.SamPredictor`), or a test double."""

    def embed(self, frame: Frame) -> EmbeddedImageLike: ...  # noqa: D102


class RecordSink(Protocol):
    """Where results go: `AnnotationStore`, or what a worker of a cluster sends to it.

    Attributes:
        records: the annotated frames by name.
    """

    records: dict[str, AnnotationRecord]

    def is_done(self, name: str, source: str) -> bool:
        """Return whether a frame is annotated.

        Raises:
            UsageError: a frame of another source has the same name.
        """

    def add(
        self, record: AnnotationRecord, frame: Frame, trimap: Trimap, matte: Matte, overlay: Frame
    ) -> None:
        """Keep the results of one frame.

        Raises:
            AnnotationError: they can't be written.
        """


class FrameAnnotator:
    """Annotates clips with SAM and the compact model."""

    def __init__(
        self,
        store: RecordSink,
        sam: ImagePredictor | None,
        segmenter: MatteModel | None,
        settings: AnnotationSettings,
    ) -> None:
        """Create an annotator.

        Args:
            store: where the results go.
            sam: None if neither the person nor objects need SAM.
            segmenter: the compact model; None if only objects are annotated.
            settings: the preset's name, and the source of the person.
        """
        self._store, self._sam, self._segmenter = store, sam, segmenter
        self._preset, self._person_source = settings.preset, settings.person

    def annotate_clip(self, plan: FramePlan, prompts: dict[int, FramePrompts]) -> Iterator[AnnotationRecord]:
        """Annotate the selected frames, and yield their records; frames that are done are not done again.

        Args:
            plan: the clip and its selected frames.
            prompts: the prompts of the objects, by the number of the frame from which they apply.

        Raises:
            VideoError, ImageError: the clip can't be read any more.
            AnnotationError: the results can't be written.
        """
        tracker: ObjectTracker | None = None
        areas: Areas | None = None
        for indexed in plan.selected_frames():
            if indexed.number in prompts:
                tracker = ObjectTracker(prompts[indexed.number], indexed.frame)
            elif tracker is not None:
                tracker.follow(indexed.frame)
            if indexed.number not in plan.selected:
                continue
            name = plan.media.name(indexed.number)
            if not self._store.is_done(name, str(plan.media.path)):
                self._annotate(plan, indexed, tracker, areas)
            record = self._store.records[name]
            if tracker is not None:
                tracker.restore([each.state for each in record.objects])
            areas = record.person.areas if record.person else None
            yield record

    def _annotate(
        self, plan: FramePlan, indexed: IndexedFrame, tracker: ObjectTracker | None, previous: Areas | None
    ) -> None:
        frame, embedding = indexed.frame, self._embed(indexed.frame, tracker)
        negative = tracker.negative_points() if tracker is not None else ()
        person = self._segment_person(frame, embedding, negative, previous)
        found = tracker.find(embedding, frame) if tracker is not None and embedding is not None else []
        selected = [each.candidate for each in found if each.candidate]
        mattes = [each.matte for each in selected] + ([person.matte] if person else [])
        matte = union(mattes, frame.shape[:2])
        reasons = low_score_reasons([*selected, *(person.candidates if person else ())])
        reasons += person.reasons if person else ()
        reasons += [reason for each in found for reason in each.reasons]
        reasons += _covered_negatives(matte, negative)
        trimap = trimap_from_uncertainty(matte)
        prompts = [*(person.prompts if person else ()), *(each.prompt for each in found if each.prompt)]
        record = _record(plan, indexed, self._preset, reasons, person, found)
        self._store.add(record, frame, trimap, matte, draw_annotation(frame, trimap, prompts))

    def _embed(self, frame: Frame, tracker: ObjectTracker | None) -> EmbeddedImageLike | None:
        """Compute SAM's embedding of one frame, the slow part, if SAM is needed.

        Batches would save 0.04 s of each frame, but need all frames of the clip between them in memory.
        """
        needed = self._person_source is PersonSource.SAM or (tracker is not None and tracker.count)
        return self._sam.embed(frame) if needed and self._sam is not None else None

    def _segment_person(
        self,
        frame: Frame,
        embedding: EmbeddedImageLike | None,
        negative: tuple[Point, ...],
        previous: Areas | None,
    ) -> PersonAnnotation | None:
        if self._segmenter is None:
            return None
        estimate = estimate_person(self._segmenter, frame)
        if self._person_source is PersonSource.MODEL or embedding is None:
            return person_from_model(estimate)
        return segment_person(estimate, embedding, negative, previous)


def annotate_from_ground_truth(
    store: AnnotationStore, plan: FramePlan, ground_truth: GroundTruthMattes
) -> Iterator[AnnotationRecord]:
    """Annotate the selected frames with known mattes, like `FrameAnnotator.annotate_clip`.

    Raises:
        VideoError, ImageError: frames or mattes can't be read.
        AnnotationError: a matte has another size, or the results can't be written.
    """
    media = plan.media
    mattes = ground_truth.mattes(media, plan.frame_count)
    for indexed, matte in zip(plan.selected_frames(), mattes, strict=False):
        if indexed.number not in plan.selected:
            continue
        check_size(matte, indexed.frame, ground_truth.path)
        name = media.name(indexed.number)
        if not store.is_done(name, str(media.path)):
            trimap = trimap_from_matte(matte)
            overlay = draw_annotation(indexed.frame, trimap)
            store.add(_record(plan, indexed, "mattes", [], None, []), indexed.frame, trimap, matte, overlay)
        yield store.records[name]


def _record(
    plan: FramePlan,
    indexed: IndexedFrame,
    preset: str,
    reasons: Sequence[str],
    person: PersonAnnotation | None,
    found: Sequence[Observation],
) -> AnnotationRecord:
    media = plan.media
    return AnnotationRecord(
        name=media.name(indexed.number),
        stem=media.stem,
        source=str(media.path),
        number=indexed.number,
        seconds=round(indexed.seconds, 4),
        preset=preset,
        reasons=tuple(reasons),
        person=PersonRecord.of(person) if person else None,
        objects=tuple(map(ObjectRecord.of, found)),
    )


def _covered_negatives(matte: Matte, negative: Sequence[Point]) -> list[str]:
    """Return a reason for each negative point inside the matte."""
    inside = [point for point in negative if matte[round(point.y), round(point.x)] >= np.float32(0.5)]
    return [f"{point.x:.0f},{point.y:.0f} was to be dropped, but is kept" for point in inside]
