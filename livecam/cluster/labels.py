"""`livecam label` on a cluster: workers select and annotate, the driver keeps the lists of the data set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livecam.annotation.annotator import ImagePredictor
from livecam.annotation.config import AnnotationReport, AnnotationSettings, PersonSource
from livecam.annotation.frame_selection import select_item
from livecam.annotation.job import OnProgress, annotate
from livecam.annotation.media import MediaItem
from livecam.annotation.records import AnnotationRecord
from livecam.annotation.runner import AnnotationTask, LocalRunner, Selection, SelectionTask
from livecam.annotation.store import AnnotationStore, encode_files, is_recorded, write_files
from livecam.cluster.assets import Asset, all_paths, model_asset, path_asset
from livecam.cluster.messages import Job, Report, Task, is_node_error, portable
from livecam.cluster.pool import PoolStats, TaskDone, TaskFailed, TaskUpdate, WorkerPool
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.errors import ImageError, LivecamError, VideoError
from livecam.core.progress import Notify
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import Trimap
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter

_PROGRESS_FRAMES = 50
"""Frames that a worker reads between two reports."""


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame that a worker has annotated; `files` are those that it could not write into the data set."""

    record: AnnotationRecord
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class LabelWork:
    """What a worker gets: a task, and the absolute path of its clip or image."""

    task: SelectionTask | AnnotationTask
    path: Path

    @property
    def item(self) -> MediaItem:
        """The clip or image, with the path that the user gave."""
        return self.task.item if isinstance(self.task, SelectionTask) else self.task.plan.media


class LabelJob:
    """Selects and annotates the frames of media items on a worker; see `Job`."""

    def __init__(self, settings: AnnotationSettings, folder: SharedFolder) -> None:
        """Describe the job; nothing is loaded.

        Raises:
            UsageError: there is no such model.
        """
        self._settings, self._folder = settings, folder
        self._model = model_asset(settings.model) if settings.person is not PersonSource.NONE else None
        self._sam = path_asset(settings.preset) if settings.needs_sam else None
        self.files = FileSet.of(all_paths([each for each in (self._model, self._sam) if each]))
        self.folders = (folder,)

    def load(self, work: Workspace) -> None:
        """Load SAM and the compact model, each with one thread."""
        sam = self.load_sam(self._sam, work) if self._sam else None
        model = self.load_model(self._model, work) if self._model else None
        self._sink = _WorkerSink(work, self._folder.path)
        self._runner = LocalRunner(self._settings, self._sink, sam, model)

    def load_sam(self, asset: Asset, work: Workspace) -> ImagePredictor:
        """Load SAM."""
        # Imported here: SAM is not always used.
        from livecam.annotation.sam.predictor import SamPredictor

        return SamPredictor.load(asset.local_name(work), threads=1)

    def load_model(self, asset: Asset, work: Workspace) -> MatteModel:
        """Load the compact model."""
        return LiteRTSegmenter.load(asset.local_name(work), threads=1)

    def run(self, value: LabelWork, work: Workspace, report: Report) -> Any:
        """Select the frames of an item, or annotate them; an unreadable item is a result.

        Returns:
            A selection, None, or the error of the item.
        """
        item = replace(value.item, path=work.local(value.path))
        try:
            if isinstance(value.task, SelectionTask):
                return _select(value.task, item, report)
            self._annotate(value.task, item, report)
        except (VideoError, ImageError) as error:
            if is_node_error(error):
                raise
            return portable(error)
        return None

    def _annotate(self, task: AnnotationTask, item: MediaItem, report: Report) -> None:
        self._sink.begin(task, report)
        local = AnnotationTask(replace(task.plan, media=item), task.prompts)
        for _, found in self._runner.annotate([local]):
            if isinstance(found, LivecamError):
                raise found


def _select(task: SelectionTask, item: MediaItem, report: Report) -> Selection:
    reported = 0

    def progress(count: int) -> None:
        nonlocal reported
        if count - reported >= _PROGRESS_FRAMES:
            report(count - reported)
            reported = count

    selection = select_item(item, task.count, task.required, progress)
    report(selection["frames"] - reported)
    return selection


class _WorkerSink:
    """What the annotator writes into on a worker; see `RecordSink`."""

    def __init__(self, work: Workspace, folder: Path) -> None:
        self._work, self._folder = work, folder
        self.records: dict[str, AnnotationRecord] = {}

    def begin(self, task: AnnotationTask, report: Report) -> None:
        """Get ready for the next item."""
        self._report, self._source = report, str(task.plan.media.path)
        self.records = {record.name: record for record in task.done}

    def is_done(self, name: str, source: str) -> bool:
        """Return whether a frame is annotated."""
        return is_recorded(self.records, name, self._source, self._folder)

    def add(
        self, record: AnnotationRecord, frame: Frame, trimap: Trimap, matte: Matte, overlay: Frame
    ) -> None:
        """Write the files where the data set is visible, else send them; the driver writes the line."""
        record = replace(record, source=self._source)
        files = encode_files(record, frame, trimap, matte, overlay)
        if self._work.shares(self._folder):
            write_files(self._folder, files)
            files = {}
        self._report(AnnotatedFrame(record, files))
        self.records[record.name] = record


class ClusterRunner:
    """Does the work of `annotate` on a pool of workers; see `MediaRunner`."""

    def __init__(self, pool: WorkerPool, store: AnnotationStore) -> None:
        self._pool, self._store = pool, store

    def select(
        self, tasks: Sequence[SelectionTask], progress: Callable[[int], None]
    ) -> Iterator[tuple[MediaItem, Selection | LivecamError]]:
        """Yield the selection of each item, as workers finish."""
        frames = 0
        for event in self._pool.run((_task(task, task.item) for task in tasks), len(tasks)):
            if isinstance(event, TaskUpdate):
                frames += event.value
                progress(frames)
            else:
                yield event.task.value.item, event.error if isinstance(event, TaskFailed) else event.value

    def annotate(
        self, tasks: Sequence[AnnotationTask]
    ) -> Iterator[tuple[MediaItem, AnnotationRecord | LivecamError]]:
        """Yield the record of each selected frame, as workers finish."""
        waiting = []
        for task in tasks:
            done = self._done(task)
            yield from ((task.plan.media, record) for record in done)
            if len(done) < len(task.plan.selected):
                waiting.append(task)
        for event in self._pool.run(self._with_records(waiting), len(waiting)):
            work: LabelWork = event.task.value
            if isinstance(event, TaskFailed):
                yield work.item, event.error
            elif isinstance(event, TaskUpdate) and isinstance(work.task, AnnotationTask):
                yield from ((work.item, record) for record in self._keep(work.task, event.value))
            elif isinstance(event, TaskDone) and event.value is not None:
                yield work.item, event.value

    def _done(self, task: AnnotationTask) -> list[AnnotationRecord]:
        names = [task.plan.media.name(number) for number in task.plan.selected]
        source = str(task.plan.media.path)
        return [self._store.records[name] for name in names if self._store.is_done(name, source)]

    def _with_records(self, tasks: Sequence[AnnotationTask]) -> Iterator[Task]:
        for task in tasks:
            task.done = self._done(task)
            yield _task(task, task.plan.media)

    def _keep(self, task: AnnotationTask, found: AnnotatedFrame) -> Iterator[AnnotationRecord]:
        """Write what a worker has sent, and the line of the frame; a lost worker may have sent it before."""
        record = found.record
        if self._store.is_done(record.name, record.source):
            return
        write_files(self._store.folder, found.files)
        self._store.add_record(record)
        # A next attempt goes on after this frame.
        task.done.append(record)
        yield record


def label_on_cluster(
    settings: AnnotationSettings,
    *,
    notify: Notify = lambda message: None,
    progress: OnProgress = lambda progress: None,
    job: Callable[[AnnotationSettings, SharedFolder], Job] = LabelJob,
) -> tuple[AnnotationReport, PoolStats]:
    """Make a data set as `annotate` does, inside `livecam.cluster.session.open_cluster`.

    Args:
        settings: what to annotate.
        notify: receives a line for each source that is left out.
        progress: receives the progress of each stage.
        job: makes what the workers do.

    Raises:
        LivecamError: as `annotate`, or no worker can be started.
    """
    stats = PoolStats()

    @contextmanager
    def runner(store: AnnotationStore) -> Iterator[ClusterRunner]:
        try:
            with (
                SharedFolder.offer(store.folder) as folder,
                WorkerPool(job(settings, folder), stats=stats, notify=notify) as pool,
            ):
                yield ClusterRunner(pool, store)
        finally:
            # What a worker was writing when it was killed; no other process writes here.
            for path in store.folder.rglob(".*.partial-*"):
                with suppress(OSError):
                    path.unlink()

    return annotate(settings, notify=notify, progress=progress, runner=runner), stats


def _task(value: SelectionTask | AnnotationTask, item: MediaItem) -> Task:
    return Task(LabelWork(value, item.path.absolute()), str(item.path), FileSet.of([item.path]))
