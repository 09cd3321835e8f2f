"""Clips and pictures to a data set in Pets layout: SAM draws, the compact model and people point.

The way of a clip: look through it and choose frames; learn what is wanted; go through it again, following
what is kept, and label the chosen frames. One full frame is in memory at a time.
"""

from collections.abc import Callable, Iterator

from livecam.annotation.annotator import FrameAnnotator, ImagePredictor, annotate_from_ground_truth
from livecam.annotation.config import (
    AnnotationSettings,
    LabelReport,
    PersonSource,
    Progress,
    most_common_reason,
    to_dict,
)
from livecam.annotation.frame_selection import FramePlan, plan_frames
from livecam.annotation.ground_truth import GroundTruthMattes
from livecam.annotation.media import MediaItem, collect_media
from livecam.annotation.prompt_file import ClipPrompts, FramePrompts, load_prompt_file, validate_frame_prompts
from livecam.annotation.recording import record_camera
from livecam.annotation.store import AnnotationRecord, AnnotationStore, claim_directory
from livecam.annotation.web.click_page import CLICKS, Ask, collect_clicks
from livecam.annotation.web.review_page import write_review
from livecam.core.errors import AnnotationError, ImageError, UsageError, VideoError
from livecam.core.locking import exclusive_lock
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter

__all__ = ["AnnotationSettings", "LabelReport", "PersonSource", "Progress", "annotate"]

Notify = Callable[[str], None]


def annotate(
    settings: AnnotationSettings,
    sam: ImagePredictor | None = None,
    *,
    segmenter: MatteModel | None = None,
    tell: Notify = lambda words: None,
    progress: Callable[[Progress], None] = lambda progress: None,
    ask: Ask = collect_clicks,
) -> LabelReport:
    """Make a data set, or go on with one that was interrupted.

    Args:
        settings: what is wanted.
        sam: SAM; loaded from the settings' preset if None and needed.
        segmenter: the compact model; loaded by the settings' name if None and needed.
        tell: hears a line about what is left out.
        progress: hears how far it is.
        ask: asks a person for points, where clicks are wanted.

    Raises:
        UsageError: sources, points, prompts or mattes that can't be used, or a folder that is not ours.
        AnnotationError: SAM can't be loaded, mattes don't fit, nothing can be read, or nothing written, or
            another livecam is at work in the folder.
        LivecamError: whatever camera, model and clips raise.
    """
    # What can be wrong is found before anything takes long, and before the folder is there.
    materials = collect_media(settings.sources) if settings.sources else []
    if not materials and settings.camera is None:
        collect_media(())
    _check_prompts(settings, materials)
    claim_directory(settings.out)
    with exclusive_lock(settings.out):
        made = AnnotationStore.begin(settings.out, to_dict(settings), again=settings.again)
        if settings.camera is not None:
            materials = _with_camera(settings, materials, progress)
        run = AnnotationJob(settings, made, materials, tell, progress)
        if settings.mattes:
            run.choose()
            return run.finish(run.import_ground_truth())
        sam = (sam or _load_sam(settings.preset)) if settings.needs_sam else None
        asked = settings.person is not PersonSource.NONE
        model = (segmenter or LiteRTSegmenter.load(settings.model)) if asked else None
        run.choose()
        return run.finish(run.annotate_with_sam(sam, model, ask))


class AnnotationJob:
    """One run over all materials."""

    def __init__(
        self,
        settings: AnnotationSettings,
        made: AnnotationStore,
        materials: list[MediaItem],
        tell: Notify,
        progress: Callable[[Progress], None],
    ) -> None:
        self._settings, self._made, self._materials = settings, made, materials
        self._tell, self._progress = tell, progress
        self._plans: list[FramePlan] = []
        self._skipped: list[str] = []
        path = settings.prompts
        self._said = load_prompt_file(path, materials) if path else {}
        self._truth = GroundTruthMattes(settings.mattes, materials) if settings.mattes else None

    def choose(self) -> None:
        """Choose frames of every clip."""
        for material in self._materials:
            wanted = [number for number in self._said.get(material.stem, {}) if number is not None]
            try:
                plan = plan_frames(
                    material,
                    self._settings.out,
                    self._settings.frames,
                    wanted,
                    lambda count: self._progress(Progress("choose", count, 0)),
                )
            except (VideoError, ImageError) as error:
                self._skip(material, error)
                continue
            if self._truth:
                self._truth.check_count(material, plan.frame_count)
            self._plans.append(plan)
        if not self._plans:
            raise AnnotationError(f"none of {len(self._materials)} sources can be read; name others")

    def annotate_with_sam(
        self, sam: ImagePredictor | None, segmenter: MatteModel | None, ask: Ask
    ) -> Iterator[AnnotationRecord]:
        """Label with SAM, or where it isn't needed with the compact model alone."""
        wishes = self._wishes(segmenter, ask)
        for plan in self._plans:
            _check_wishes(plan, wishes[plan.media.stem], self._settings)
        clerk = FrameAnnotator(self._made, sam, segmenter, self._settings)
        for plan in self._plans:
            yield from self._guarded(plan, clerk.annotate_clip(plan, wishes[plan.media.stem]))

    def import_ground_truth(self) -> Iterator[AnnotationRecord]:
        """Label with known mattes."""
        for plan in self._plans:
            if self._truth:
                yield from self._guarded(plan, annotate_from_ground_truth(self._made, plan, self._truth))

    def finish(self, labels: Iterator[AnnotationRecord]) -> LabelReport:
        """Label everything, then lists and the page to look at."""
        total = sum(len(plan.selected) for plan in self._plans)
        for done, _ in enumerate(labels, 1):
            self._progress(Progress("label", done, total))
        split = self._made.sync_files()
        write_review(self._made)
        kept = sum(map(self._made.is_accepted, self._made.labels.values()))
        undecided = [label for name, label in self._made.labels.items() if name not in self._made.decisions]
        aside = [label.reasons for label in undecided if label.reasons]
        return LabelReport(
            self._settings.out,
            kept,
            len(aside),
            len(split.train),
            len(split.test),
            tuple(self._skipped),
            split.note,
            most_common_reason(aside),
        )

    def _guarded(self, plan: FramePlan, labels: Iterator[AnnotationRecord]) -> Iterator[AnnotationRecord]:
        try:
            yield from labels
        except (VideoError, ImageError) as error:
            self._skip(plan.media, error)

    def _skip(self, material: MediaItem, error: Exception) -> None:
        if len(self._materials) == 1:
            raise error
        self._skipped.append(str(material.path))
        self._tell(f"left out: {error}")

    def _wishes(self, segmenter: MatteModel | None, ask: Ask) -> dict[str, dict[int, FramePrompts]]:
        """Whatever was said first: on the command line, in the file, by clicks."""
        said = dict(self._said)
        line = FramePrompts(self._settings.keep, self._settings.drop, self._settings.boxes)
        if line:
            said = {plan.media.stem: ClipPrompts({None: line}) for plan in self._plans}
        if self._settings.click:
            path = self._settings.out / CLICKS
            silent = [plan for plan in self._plans if plan.media.stem not in said]
            if silent and not path.exists():
                ask(silent, path, segmenter, self._tell)
            said = load_prompt_file(path, self._materials) | said if path.exists() else said
        return {plan.media.stem: _numbered(said.get(plan.media.stem, {}), plan) for plan in self._plans}


def _numbered(wishes: ClipPrompts, plan: FramePlan) -> dict[int, FramePrompts]:
    return {plan.selected[0] if number is None else number: wish for number, wish in wishes.items()}


def _check_wishes(plan: FramePlan, wishes: dict[int, FramePrompts], settings: AnnotationSettings) -> None:
    for number, wish in wishes.items():
        if number >= plan.frame_count:
            raise UsageError(f"{plan.media.path} has no frame {number}; its last is {plan.frame_count - 1}")
        validate_frame_prompts(wish, plan.size)
        if settings.person is PersonSource.NONE and wish.drop and not (wish.keep or wish.boxes):
            raise UsageError("points to drop alone keep nothing; add --keep x,y or --box, or the person")


def _check_prompts(settings: AnnotationSettings, materials: list[MediaItem]) -> None:
    """What can be checked before anything is written."""
    count = len(materials) + (settings.camera is not None)
    if count > 1 and (settings.keep or settings.drop or settings.boxes):
        raise UsageError(
            f"--keep, --drop and --box mean places in one clip or picture, not in {count}; "
            "say them for each in a file: --prompts FILE.json, or with --click"
        )
    if settings.prompts and settings.camera is None:
        load_prompt_file(settings.prompts, materials)
    if settings.mattes and settings.camera is not None:
        raise UsageError("--mattes can't know what the camera will see; label a clip")
    if settings.mattes:
        GroundTruthMattes(settings.mattes, materials)


def _with_camera(
    settings: AnnotationSettings, materials: list[MediaItem], progress: Callable[[Progress], None]
) -> list[MediaItem]:
    def show(seconds: float) -> None:
        progress(Progress("record", int(seconds), round(settings.seconds)))

    path = settings.out / "recordings" / "camera.mp4"
    record_camera(settings.camera or "", settings.seconds, path, progress=show, size=settings.size)
    return collect_media([*settings.sources, str(path)])


def _load_sam(preset: str) -> ImagePredictor:
    from livecam.annotation.sam.predictor import SamPredictor

    return SamPredictor.load(preset)
