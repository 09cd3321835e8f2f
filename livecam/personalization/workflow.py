"""Your own model: record, label, tune, compare, install; each stage is done once, whatever interrupts it.

All of it lies in one folder (see `stages`), which holds, when everything is done::

    journal.json            the words it was begun with, and what came of each stage
    recording/*.mp4         what the camera saw
    labels/                 frames and trimaps in Pets layout, as `livecam label` writes them
    run/                    the fine-tune: its state, and tuned.keras
    model/NAME.*            the model, whether or not it was installed
    before-after.png        held-out frames, before, after and in truth
    .in-use                 locked while a livecam learns here
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import FileWriteError, LivecamError
from livecam.core.fileio import os_error_reason
from livecam.core.locking import exclusive_lock
from livecam.models.model_card import ModelCard
from livecam.models.registry import install, list_user, resolve_model
from livecam.models.segmenter import LiteRTSegmenter
from livecam.personalization.config import PersonalizationSettings, absolute_path
from livecam.personalization.guided_recording import record_guided
from livecam.personalization.journal import create_workspace, open_journal
from livecam.personalization.stages import split_samples
from livecam.sources.factory import open_source

__all__ = [
    "Annotator",
    "PersonalizationResult",
    "PersonalizationSettings",
    "PersonalizationWorkflow",
    "annotate_sources",
]

Notify = Callable[[str], None]


@dataclass(frozen=True)
class PersonalizationResult:
    """What came of it: whether it is installed, why not, both figures in words, and the picture."""

    name: str
    installed: bool
    reason: str
    figures: str
    picture: Path
    seconds: float


Annotator = Callable[[PersonalizationSettings, tuple[str, ...], Path, Notify], None]
"""Labels sources into a folder in Pets layout."""


class PersonalizationWorkflow:
    """One walk through the stages."""

    def __init__(
        self, settings: PersonalizationSettings, tell: Notify, labeller: Annotator, clock: Clock | None = None
    ) -> None:
        self.settings, self.tell, self._label_by = settings, tell, labeller
        self.clock: Clock = clock or SystemClock()

    def learn(self) -> PersonalizationResult:
        """Do what isn't done yet.

        Raises:
            UsageError: the words can't be used, or are not those that it was begun with.
            FolderInUseError: another livecam learns under this name.
            LivecamError: whatever a stage meets.
        """
        name = self.settings.name
        try:
            with exclusive_lock(
                create_workspace(name), "wait until that has finished, or take another --name"
            ):
                return self._learn()
        except LivecamError:
            raise
        except OSError as error:
            problem = f"can't write what is learnt ({os_error_reason(error)})"
            raise FileWriteError(problem, "free space, then give the same command again") from error

    def _learn(self) -> PersonalizationResult:
        s = self.settings
        self.journal = open_journal(s.name, s.fingerprint())
        self.folder = self.journal.folder
        sources = self._stage("record", self._record)["sources"]
        self._stage("label", lambda: self._label(tuple(sources)))
        self._stage("tune", self._tune)
        told = self._stage("compare", self._compare)
        if not told["reason"]:
            if s.name not in list_user():  # removed since: who asks again wants it back
                self.journal.results.pop("install", None)
            self._stage("install", self._install)
        seconds = sum(float((self.journal.done(n) or {}).get("took_seconds", 0)) for n in ("tune", "compare"))
        return PersonalizationResult(
            s.name, not told["reason"], told["reason"], told["figures"], self._picture, seconds
        )

    @property
    def _picture(self) -> Path:
        return self.folder / "before-after.png"

    @property
    def _model(self) -> Path:
        return self.folder / "model" / f"{self.settings.name}.tflite"

    def _stage(self, name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        done = self.journal.done(name)
        if done is not None:
            return done
        began = self.clock.now()
        facts = do()
        return self.journal.finish(name, facts | {"took_seconds": round(self.clock.now() - began, 1)})

    def _record(self) -> dict[str, Any]:
        s = self.settings
        if s.sources:
            return {"sources": [absolute_path(source) for source in s.sources]}

        def camera() -> Any:
            return open_source(s.camera, size=s.size, fps=s.fps, clock=self.clock)

        return {
            "sources": [
                str(record_guided(camera, self.folder / "recording", s.seconds, self.tell, self.clock))
            ]
        }

    def _label(self, sources: tuple[str, ...]) -> dict[str, Any]:
        labels = self.folder / "labels"
        self._label_by(self.settings, sources, labels, self.tell)
        learn, choose, test = split_samples(labels)
        return {"learnt": len(learn), "chosen_by": len(choose), "held_out": len(test)}

    def _tune(self) -> dict[str, Any]:
        from livecam.personalization.stages import run_finetune

        s = self.settings
        self.tell(f"learning from {(self.journal.done('label') or {}).get('learnt')} frames of yours")
        return run_finetune(self.folder, s.base, s.data, s.rooms, self._model, self.tell)

    def _compare(self) -> dict[str, Any]:
        from livecam.personalization.stages import run_comparison

        verdict = run_comparison(
            self.folder, self.settings.base, self.settings.data, self._model, self._picture
        )
        facts = {**verdict.as_plain(), "reason": verdict.reason, "figures": str(verdict)}
        self._describe(facts)
        return facts

    def _describe(self, facts: dict[str, Any]) -> None:
        """Add to the card what the model was made of, and how much better it is."""
        path = self._model.with_suffix(".json")
        card, base = ModelCard.read(path), ModelCard.read(resolve_model(self.settings.base))
        labels, tuned = (self.journal.done(stage) or {} for stage in ("label", "tune"))
        learnt = {
            "base": base.name,
            "base_sha256": base.sha256,
            "date": datetime.now(timezone.utc).date().isoformat(),
            "frames": {name: labels.get(name) for name in ("learnt", "chosen_by", "held_out")},
            "kept_points": len(self.settings.keep),
            "share_of_new_weights": tuned.get("share"),
            "held_out_iou": dict(zip(("before", "after"), facts["held_out"], strict=True)),
            "regression_miou": dict(zip(("before", "after"), facts["regression"], strict=True)),
        }
        replace(card, metadata=card.metadata | {"learnt": learnt}).write(path)

    def _install(self) -> dict[str, Any]:
        card = self._model.with_suffix(".json")
        LiteRTSegmenter.load(str(card))
        return {"card": str(install(card, self.settings.name))}


def annotate_sources(
    settings: PersonalizationSettings, sources: tuple[str, ...], out: Path, tell: Notify
) -> None:
    """Label by SAM, or by known mattes, as `livecam label` does.

    Raises:
        LivecamError: whatever labelling meets.
    """
    from livecam.annotation.job import AnnotationSettings, Progress, annotate

    def show(progress: Progress) -> None:
        if progress.stage == "label" and (progress.done % 6 == 1 or progress.done == progress.total):
            tell(f"labelling {progress.done}/{progress.total}")

    names = ("preset", "keep", "drop", "boxes", "prompts", "click", "mattes", "frames", "person")
    wanted = {name: getattr(settings, name) for name in names}
    report = annotate(
        AnnotationSettings(sources, out, model=settings.base, **wanted), tell=tell, progress=show
    )
    tell(str(report))
