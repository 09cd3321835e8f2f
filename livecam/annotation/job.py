"""Annotation of clips and images: from sources to a data set in Pets layout.

Each clip is read twice: first to select frames, then to track the prompted objects and annotate the selected
frames. One full-size frame is in memory at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from livecam.annotation.annotator import ImagePredictor, annotate_from_ground_truth
from livecam.annotation.config import (
    AnnotationReport,
    AnnotationSettings,
    PersonSource,
    Progress,
    most_common_reason,
)
from livecam.annotation.frame_selection import FramePlan, SelectionStore
from livecam.annotation.ground_truth import GroundTruthMattes
from livecam.annotation.media import MediaItem, collect_media
from livecam.annotation.prompt_file import ClipPrompts, FramePrompts, load_prompt_file, validate_frame_prompts
from livecam.annotation.prompts import Box
from livecam.annotation.recording import record_camera
from livecam.annotation.runner import AnnotationTask, LocalRunner, MediaRunner, SelectionTask
from livecam.annotation.sam.text import InstanceFinder, TextSegmenter
from livecam.annotation.store import AnnotationRecord, AnnotationStore, claim_directory
from livecam.annotation.web.click_page import CLICKS, ClickCollector, collect_clicks
from livecam.annotation.web.review_page import write_review
from livecam.core.errors import AnnotationError, ImageError, LivecamError, UsageError, VideoError
from livecam.core.locking import exclusive_lock
from livecam.core.progress import Notify
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter

__all__ = ["AnnotationReport", "AnnotationSettings", "PersonSource", "Progress", "annotate"]

OnProgress = Callable[[Progress], None]
RunnerFactory = Callable[[AnnotationStore], AbstractContextManager[MediaRunner]]


def annotate(
    settings: AnnotationSettings,
    sam: ImagePredictor | None = None,
    *,
    segmenter: MatteModel | None = None,
    notify: Notify = lambda message: None,
    progress: OnProgress = lambda progress: None,
    collect: ClickCollector = collect_clicks,
    finder: InstanceFinder | None = None,
    runner: RunnerFactory | None = None,
) -> AnnotationReport:
    """Make a data set, or continue one that was interrupted.

    Args:
        settings: what to annotate.
        sam: SAM; loaded from the settings' preset if None and needed.
        segmenter: the compact model; loaded by the settings' name if None and needed.
        notify: receives one line for each source that is left out.
        progress: receives the progress of each stage.
        collect: asks the user for prompts, if clicks are requested.
        finder: SAM 3; loaded from the settings' preset if None and needed.
        runner: makes what does the work on each clip and image; by default this process.

    Raises:
        UsageError: sources, points, prompts or mattes can't be used, or the directory has other files.
        AnnotationError: SAM can't be loaded, the mattes don't fit, nothing can be read or written, or another
            livecam process writes into the directory.
        LivecamError: errors of the camera, the model and the clips.
    """
    # All of this fails before anything takes long, and before the directory exists.
    media = settings.resolve()
    claim_directory(settings.out)
    with exclusive_lock(settings.out):
        store = AnnotationStore.begin(settings.out, settings.to_dict(), again=settings.again)
        if settings.camera is not None:
            media = _with_recording(settings, progress)
        job = AnnotationJob(settings, store, media, notify, progress, finder)
        if settings.mattes:
            local = LocalRunner(settings, store, None, None)
            job.select_frames(local)
            return job.finish(job.import_ground_truth())
        has_person = settings.person is not PersonSource.NONE
        if runner is not None:
            # Here the model is only for the page that collects clicks.
            clicking = LiteRTSegmenter.load(settings.model) if has_person and settings.click else None
            with runner(store) as remote:
                job.select_frames(remote)
                return job.finish(job.annotate_with_sam(remote, clicking, collect))
        sam = (sam or _load_sam(settings.preset)) if settings.needs_sam else None
        model = (segmenter or LiteRTSegmenter.load(settings.model)) if has_person else None
        local = LocalRunner(settings, store, sam, model)
        job.select_frames(local)
        return job.finish(job.annotate_with_sam(local, model, collect))


class AnnotationJob:
    """One run over all media items."""

    def __init__(
        self,
        settings: AnnotationSettings,
        store: AnnotationStore,
        media: list[MediaItem],
        notify: Notify,
        progress: OnProgress,
        finder: InstanceFinder | None = None,
    ) -> None:
        self._settings, self._store, self._media, self._finder = settings, store, media, finder
        self._notify, self._progress = notify, progress
        self._plans: list[FramePlan] = []
        self._skipped: list[str] = []
        self._failed: list[str] = []
        path = settings.prompts
        self._file_prompts = load_prompt_file(path, media) if path else {}
        self._ground_truth = GroundTruthMattes(settings.mattes, media) if settings.mattes else None

    def select_frames(self, runner: MediaRunner) -> None:
        """Select the frames of every clip.

        Raises:
            AnnotationError: none of the sources can be read, or the mattes don't fit.
        """
        selections = SelectionStore(self._settings.out)
        tasks = [self._selection_task(item) for item in self._media if item not in selections]
        try:
            for item, found in runner.select(
                tasks, lambda count: self._progress(Progress("choose", count, 0))
            ):
                if isinstance(found, LivecamError):
                    self._skip(item, found)
                else:
                    selections.add(item, found)
        finally:
            if tasks:
                selections.write(self._media)
        self._plans = [selections.plan(item) for item in self._media if item in selections]
        if not self._plans:
            raise AnnotationError(f"none of {len(self._media)} sources can be read; name others")
        for plan in self._plans:
            if self._ground_truth:
                self._ground_truth.check_count(plan.media, plan.frame_count)

    def _selection_task(self, item: MediaItem) -> SelectionTask:
        prompted = [number for number in self._file_prompts.get(item.stem, {}) if number is not None]
        return SelectionTask(item, self._settings.frames, tuple(prompted))

    def annotate_with_sam(
        self, runner: MediaRunner, segmenter: MatteModel | None, collect: ClickCollector
    ) -> Iterator[AnnotationRecord]:
        """Annotate with SAM, or without SAM by the compact model alone."""
        prompts = self._collect_prompts(segmenter, collect)
        for plan in self._plans:
            _check_clip_prompts(plan, prompts[plan.media.stem], self._settings)
        tasks = [AnnotationTask(plan, prompts[plan.media.stem]) for plan in self._plans]
        for item, found in runner.annotate(tasks):
            if isinstance(found, LivecamError):
                self._skip(item, found)
            else:
                yield found

    def _find_texts(self) -> dict[str, ClipPrompts]:
        """Return boxes around what the words name, in the first selected frame of each clip that has it.

        Raises:
            AnnotationError: SAM 3 can't be loaded, or finds nothing in any clip.
        """
        finder = self._finder or TextSegmenter.load(self._settings.text_preset)
        found: dict[str, ClipPrompts] = {}
        for plan in self._plans:
            for text in self._settings.object_texts:
                number, boxes = _first_instances(plan, finder, text)
                if not boxes:
                    self._notify(f"{plan.media.path}: no {text} was found")
                    continue
                prompts = found.setdefault(plan.media.stem, {})
                before = prompts.get(number, FramePrompts())
                prompts[number] = FramePrompts(boxes=(*before.boxes, *boxes))
        if not found:
            texts = ", ".join(self._settings.object_texts)
            raise AnnotationError(f"SAM 3 finds no {texts}", "name it in other words, or give --keep x,y")
        return found

    def import_ground_truth(self) -> Iterator[AnnotationRecord]:
        """Annotate with known mattes."""
        mattes = self._ground_truth
        if mattes is None:
            return
        for plan in self._plans:
            try:
                yield from annotate_from_ground_truth(self._store, plan, mattes)
            except (VideoError, ImageError) as error:
                self._skip(plan.media, error)

    def finish(self, records: Iterator[AnnotationRecord]) -> AnnotationReport:
        """Annotate all frames; then write the lists and the review page."""
        total = sum(len(plan.selected) for plan in self._plans)
        for done, _ in enumerate(records, 1):
            self._progress(Progress("label", done, total))
        store = self._store
        store.sort_records([item.stem for item in self._media])
        split = store.sync_files()
        write_review(store)
        kept = sum(map(store.is_accepted, store.records.values()))
        undecided = [record for name, record in store.records.items() if name not in store.decisions]
        flagged = [record.reasons for record in undecided if record.reasons]
        return AnnotationReport(
            self._settings.out,
            kept,
            len(flagged),
            len(split.train),
            len(split.test),
            tuple(self._skipped),
            split.note,
            most_common_reason(flagged),
            tuple(self._failed),
        )

    def _skip(self, item: MediaItem, error: Exception) -> None:
        """Leave a source out; raise the error if it is the only one, or is not of the source."""
        if len(self._media) == 1 or isinstance(error, UsageError):
            raise error
        unreadable = isinstance(error, (VideoError, ImageError))
        (self._skipped if unreadable else self._failed).append(str(item.path))
        self._notify(f"left out: {error}")

    def _collect_prompts(
        self, segmenter: MatteModel | None, collect: ClickCollector
    ) -> dict[str, dict[int, FramePrompts]]:
        """Return the prompts by stem and frame number, from options, else the file, else clicks."""
        prompts = dict(self._file_prompts)
        if self._settings.object_texts:
            prompts |= self._find_texts()
        options = FramePrompts(self._settings.keep, self._settings.drop, self._settings.boxes)
        if options:
            prompts = {
                plan.media.stem: _with_options(prompts.get(plan.media.stem, {}), options, plan)
                if self._settings.object_texts
                else ClipPrompts({None: options})
                for plan in self._plans
            }
        if self._settings.click:
            path = self._settings.out / CLICKS
            missing = [plan for plan in self._plans if plan.media.stem not in prompts]
            if missing and not path.exists():
                collect(missing, path, segmenter, self._notify)
            if path.exists():
                prompts = load_prompt_file(path, self._media, has_data_set_names=True) | prompts
        return {plan.media.stem: _by_number(prompts.get(plan.media.stem, {}), plan) for plan in self._plans}


def _first_instances(plan: FramePlan, finder: InstanceFinder, text: str) -> tuple[int, tuple[Box, ...]]:
    """Return the first selected frame with instances of a text, and their boxes; (-1, ()) without any."""
    for indexed in plan.selected_frames():
        if indexed.number in plan.selected:
            boxes = tuple(each.box for each in finder.find(indexed.frame, text))
            if boxes:
                return indexed.number, boxes
    return -1, ()


def _with_options(prompts: ClipPrompts, options: FramePrompts, plan: FramePlan) -> ClipPrompts:
    """Add the prompts of the options to those of words; both may be of the first selected frame."""
    first = prompts.get(plan.selected[0], FramePrompts())
    return {
        **prompts,
        plan.selected[0]: FramePrompts(options.positive, options.negative, (*first.boxes, *options.boxes)),
    }


def _by_number(prompts: ClipPrompts, plan: FramePlan) -> dict[int, FramePrompts]:
    return {plan.selected[0] if number is None else number: each for number, each in prompts.items()}


def _check_clip_prompts(
    plan: FramePlan, prompts: dict[int, FramePrompts], settings: AnnotationSettings
) -> None:
    for number, each in prompts.items():
        if number >= plan.frame_count:
            raise UsageError(f"{plan.media.path} has no frame {number}; its last is {plan.frame_count - 1}")
        validate_frame_prompts(each, plan.size)
        if settings.person is PersonSource.NONE and each.negative and not (each.positive or each.boxes):
            raise UsageError("points to drop alone keep nothing; add --keep x,y or --box, or the person")


def _with_recording(settings: AnnotationSettings, progress: OnProgress) -> list[MediaItem]:
    """Record the camera, and return all media items with the recording."""

    def on_seconds(seconds: float) -> None:
        progress(Progress("record", int(seconds), round(settings.seconds)))

    path = settings.out / "recordings" / "camera.mp4"
    record_camera(settings.camera or "", settings.seconds, path, progress=on_seconds, size=settings.size)
    return collect_media([*settings.sources, str(path)])


def _load_sam(preset: str) -> ImagePredictor:
    # Imported here: SAM is not always used.
    from livecam.annotation.sam.predictor import SamPredictor

    return SamPredictor.load(preset)
