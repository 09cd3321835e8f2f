"""Training of a user's own model: record, annotate, fine-tune, compare, install.

Each stage is done once, and an interrupted run continues with the next stage. The directory of a name (see
`journal`) has, when everything is done::

    journal.json            the settings of the run, and the result of each stage
    recording/*.mp4         the camera's recording
    labels/                 frames and trimaps in Pets layout, as `livecam label` writes them
    run/                    the fine-tune: its checkpoint, and tuned.keras
    model/NAME.*            the model, whether or not it was installed
    before-after.png        held-out frames: before, after and ground truth
    .in-use                 locked while a livecam process works here
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from livecam.annotation.config import AnnotationSettings
from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import FileWriteError, LivecamError
from livecam.core.fileio import os_error_reason
from livecam.core.locking import exclusive_lock
from livecam.core.paths import expand_user
from livecam.core.progress import Notify, ProgressLine
from livecam.models.model_card import ModelCard
from livecam.models.registry import install, list_user, resolve_model
from livecam.models.segmenter import LiteRTSegmenter
from livecam.personalization.config import PersonalizationSettings
from livecam.personalization.guided_recording import record_guided
from livecam.personalization.journal import create_workspace, open_journal
from livecam.personalization.results import (
    AnnotationCounts,
    ComparisonResult,
    FinetuneResult,
    Installation,
    Recording,
    StageResult,
)
from livecam.personalization.sample_split import split_samples
from livecam.sources.base import Source
from livecam.sources.factory import open_source

__all__ = [
    "Annotate",
    "PersonalizationResult",
    "PersonalizationSettings",
    "PersonalizationWorkflow",
    "annotate_sources",
]

Annotate = Callable[[AnnotationSettings, Notify], None]
"""Annotates the sources of the settings into their directory, in Pets layout."""
Result = TypeVar("Result", bound=StageResult)


@dataclass(frozen=True)
class PersonalizationResult:
    """Result of a run.

    Attributes:
        name: name of the model.
        installed: whether the model was installed.
        reason: why it was not installed; "" if it was.
        figures: the table of figures before and after.
        comparison_image: file with held-out frames before, after and in truth.
        seconds: duration of fine-tune and comparison.
        held_out: IoU in % on held-out frames, before and after.
    """

    name: str
    installed: bool
    reason: str
    figures: str
    comparison_image: Path
    seconds: float
    held_out: tuple[float, float]


class PersonalizationWorkflow:
    """Runs the stages that are not finished."""

    def __init__(
        self,
        settings: PersonalizationSettings,
        notify: Notify,
        annotate: Annotate,
        clock: Clock | None = None,
    ) -> None:
        """Create a workflow.

        Args:
            settings: what to record, annotate and train.
            notify: receives a line for each step of the progress.
            annotate: annotates the sources (`annotate_sources`, or a test double).
            clock: the time source.
        """
        self.settings, self._notify, self._annotate_sources = settings, notify, annotate
        self.clock: Clock = clock or SystemClock()

    def learn(self) -> PersonalizationResult:
        """Run all stages that are not finished.

        Raises:
            UsageError: the settings can't be used, or are not those of the earlier run.
            FolderInUseError: another process works under this name.
            FileWriteError: nothing can be written.
            LivecamError: errors of a stage.
        """
        self.settings.resolve()
        name = self.settings.name
        try:
            with exclusive_lock(
                create_workspace(name), "wait until that has finished, or take another --name"
            ):
                return self._run_stages()
        except LivecamError:
            raise
        except OSError as error:
            problem = f"can't write what is learnt ({os_error_reason(error)})"
            raise FileWriteError(problem, "free space, then give the same command again") from error

    def _run_stages(self) -> PersonalizationResult:
        name = self.settings.name
        self.journal = open_journal(name, self.settings.fingerprint())
        self.folder = self.journal.folder
        recording = self._stage("record", Recording, self._record)
        counts = self._stage("label", AnnotationCounts, lambda: self._annotate(recording))
        tuned = self._stage("tune", FinetuneResult, lambda: self._finetune(counts))
        compared = self._stage("compare", ComparisonResult, lambda: self._compare(counts, tuned))
        installed = not compared.reason and self.settings.install
        if installed:
            if name not in list_user():  # the user removed it since, and asks for it again
                self.journal.results.pop("install", None)
            self._stage("install", Installation, self._install)
        seconds = sum(self.journal.seconds.get(stage, 0.0) for stage in ("tune", "compare"))
        return PersonalizationResult(
            name,
            installed,
            compared.reason,
            str(compared),
            self._comparison_image,
            seconds,
            compared.held_out,
        )

    @property
    def _comparison_image(self) -> Path:
        return self.folder / "before-after.png"

    @property
    def _model(self) -> Path:
        return self.folder / "model" / f"{self.settings.name}.tflite"

    def _stage(self, stage: str, kind: type[Result], run: Callable[[], Result]) -> Result:
        """Return the stored result of a stage, or run it and store its result."""
        finished = self.journal.results.get(stage)
        if isinstance(finished, kind):
            return finished
        start = self.clock.now()
        result = run()
        self.journal.finish(stage, result, self.clock.now() - start)
        return result

    def _record(self) -> Recording:
        settings = self.settings
        if settings.annotation.sources:
            return Recording(tuple(str(expand_user(each).absolute()) for each in settings.annotation.sources))

        def camera() -> Source:
            return open_source(settings.camera, size=settings.size, fps=settings.fps, clock=self.clock)

        path = record_guided(camera, self.folder / "recording", settings.seconds, self._notify, self.clock)
        return Recording((str(path),))

    def _annotate(self, recording: Recording) -> AnnotationCounts:
        labels = self.folder / "labels"
        annotation = replace(self.settings.annotation, sources=recording.sources, out=labels)
        self._annotate_sources(annotation, self._notify)
        train, select, test = split_samples(labels)
        return AnnotationCounts(len(train), len(select), len(test))

    def _finetune(self, counts: AnnotationCounts) -> FinetuneResult:
        # Imported here: the heavy stages need Keras.
        from livecam.personalization.stages import run_finetune

        settings = self.settings
        self._notify(ProgressLine(f"learning from {counts.train} frames of yours", "tune"))
        return run_finetune(
            self.folder, settings.base, settings.data, settings.backgrounds, self._model, self._notify
        )

    def _compare(self, counts: AnnotationCounts, tuned: FinetuneResult) -> ComparisonResult:
        from livecam.personalization.stages import run_comparison

        settings = self.settings
        result = run_comparison(
            self.folder, settings.base, settings.data, self._model, self._comparison_image
        )
        self._describe(counts, tuned, result)
        return result

    def _describe(self, counts: AnnotationCounts, tuned: FinetuneResult, result: ComparisonResult) -> None:
        """Add the data and the figures of the fine-tune to the model card."""
        path = self._model.with_suffix(".json")
        card, base = ModelCard.read(path), ModelCard.read(resolve_model(self.settings.base))
        learnt = {
            "base": base.name,
            "base_sha256": base.sha256,
            "date": datetime.now(timezone.utc).date().isoformat(),
            "frames": counts.to_dict(),
            "kept_points": len(self.settings.annotation.keep),
            "share_of_new_weights": tuned.alpha,
            "held_out_iou": dict(zip(("before", "after"), result.held_out, strict=True)),
            "regression_miou": dict(zip(("before", "after"), result.regression, strict=True)),
        }
        replace(card, metadata=card.metadata | {"learnt": learnt}).write(path)

    def _install(self) -> Installation:
        card = self._model.with_suffix(".json")
        LiteRTSegmenter.load(str(card))
        return Installation(str(install(card, self.settings.name)))


def annotate_sources(settings: AnnotationSettings, notify: Notify) -> None:
    """Annotate by SAM or from ground truth, as `livecam label` does.

    Raises:
        LivecamError: errors of `annotate`.
    """
    from livecam.annotation.job import Progress, annotate

    first: tuple[int, float] | None = None

    def on_progress(progress: Progress) -> None:
        nonlocal first
        done, total, now = progress.done, progress.total, time.monotonic()
        if progress.stage != "label":
            return
        first = first or (done, now)
        if done % 6 == 1 or done == total:
            passed, steps = now - first[1], done - first[0]
            left = passed / steps * (total - done) if steps else None
            notify(ProgressLine(f"labelling {done}/{total}", "label", done, total, seconds_left=left))

    notify(str(annotate(settings, notify=notify, progress=on_progress)))
