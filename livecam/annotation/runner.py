"""The work on each clip and image: in this process, or on workers (`livecam.cluster.labels`)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from livecam.annotation.annotator import FrameAnnotator, ImagePredictor, RecordSink
from livecam.annotation.config import AnnotationSettings
from livecam.annotation.frame_selection import FramePlan, select_item
from livecam.annotation.media import MediaItem
from livecam.annotation.prompt_file import FramePrompts
from livecam.annotation.records import AnnotationRecord
from livecam.core.errors import ImageError, LivecamError, VideoError
from livecam.models.base import MatteModel


@dataclass(frozen=True)
class SelectionTask:
    """A media item whose frames are selected: at most `count`, and those that are `required`."""

    item: MediaItem
    count: int
    required: tuple[int, ...] = ()


@dataclass
class AnnotationTask:
    """A media item whose selected frames are annotated.

    Attributes:
        plan: the item and its frames.
        prompts: the prompts of the objects, by the number of the frame from which they apply.
        done: the records that there are already; a worker can't look into the data set.
    """

    plan: FramePlan
    prompts: dict[int, FramePrompts]
    done: list[AnnotationRecord] = field(default_factory=list)


Selection = dict[str, Any]
"""The result of `select_item`."""


class MediaRunner(Protocol):
    """Does the work on media items; the results come in any order. An error leaves its item out."""

    def select(
        self, tasks: Sequence[SelectionTask], progress: Callable[[int], None]
    ) -> Iterator[tuple[MediaItem, Selection | LivecamError]]:
        """Yield the selection of each item; `progress` receives the number of frames read so far."""

    def annotate(
        self, tasks: Sequence[AnnotationTask]
    ) -> Iterator[tuple[MediaItem, AnnotationRecord | LivecamError]]:
        """Yield the record of each selected frame, also of those that were annotated before."""


class LocalRunner:
    """Does the work in this process, one item after the other."""

    def __init__(
        self,
        settings: AnnotationSettings,
        store: RecordSink,
        sam: ImagePredictor | None,
        segmenter: MatteModel | None,
    ) -> None:
        self._annotator = FrameAnnotator(store, sam, segmenter, settings)

    def select(
        self, tasks: Sequence[SelectionTask], progress: Callable[[int], None]
    ) -> Iterator[tuple[MediaItem, Selection | LivecamError]]:
        """Select the frames of each item."""
        for task in tasks:
            try:
                yield task.item, select_item(task.item, task.count, task.required, progress)
            except (VideoError, ImageError) as error:
                yield task.item, error

    def annotate(
        self, tasks: Sequence[AnnotationTask]
    ) -> Iterator[tuple[MediaItem, AnnotationRecord | LivecamError]]:
        """Annotate the selected frames of each item."""
        for task in tasks:
            try:
                for record in self._annotator.annotate_clip(task.plan, task.prompts):
                    yield task.plan.media, record
            except (VideoError, ImageError) as error:
                yield task.plan.media, error
