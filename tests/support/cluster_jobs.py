"""Jobs for workers of a cluster that fail in the ways that machines fail. Workers import this module."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from livecam.cluster.assets import Asset
from livecam.cluster.clips import ClipJob, ClipWork
from livecam.cluster.labels import LabelJob, LabelWork
from livecam.cluster.messages import Report
from livecam.cluster.scores import ScoreJob
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.config import LiveSettings
from livecam.core.errors import ModelError
from livecam.datasets.evaluation_set import EvaluationSample
from livecam.evaluation.evaluator import EvaluateSettings
from livecam.evaluation.journal import SampleScore
from livecam.models.base import MatteModel
from livecam.pipeline import Pipeline
from livecam.runtime.clip_batch import ClipOutcome
from livecam.video.codec_threads import limited
from tests.support.synthetic_people import FakeSam, GreenModel


@dataclass
class CountingJob:
    """Writes its process into a file of `folder` for each number, and returns the number's square.

    The first numbers wait until `together` workers have begun.
    """

    folder: Path
    files: FileSet = field(default_factory=FileSet)
    folders: tuple[SharedFolder, ...] = ()
    seconds: float = 0.0
    together: int = 1
    loaded: bool = False

    def load(self, work: Workspace) -> None:
        assert not self.loaded, "models are loaded once per worker"
        self.loaded = True

    def run(self, value: int, work: Workspace, report: Report) -> int:
        assert self.loaded
        with (self.folder / f"begun-{value}").open("a") as file:
            file.write(f"{os.getpid()}\n")
        report(value)
        time.sleep(self.seconds)
        while len(processes(self.folder)) < self.together:
            time.sleep(0.05)
        return value * value


def processes(folder: Path) -> set[str]:
    """Return the processes that have begun a number of a `CountingJob`."""
    return {line for path in folder.glob("begun-*") for line in path.read_text().split()}


@dataclass
class ThreadsJob(CountingJob):
    """Returns the name of the thread that does a task, and how many threads codecs and OpenCV may have."""

    def run(self, value: int, work: Workspace, report: Report) -> tuple[str, int, int]:
        # A number of a thread is used again when it has ended; its name is not.
        return threading.current_thread().name, limited(0), cv2.getNumThreads()


@dataclass
class KillingJob(CountingJob):
    """Kills its own process at the number `deadly`, the first `times` times."""

    deadly: int = 1
    times: int = 1

    def run(self, value: int, work: Workspace, report: Report) -> int:
        square = super().run(value, work, report)
        begun = (self.folder / f"begun-{value}").read_text().count("\n")
        if value == self.deadly and begun <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return square


@dataclass
class FullDiskJob(CountingJob):
    """Finds the disk full on the node that works on the first number, or on all."""

    everywhere: bool = False

    def run(self, value: int, work: Workspace, report: Report) -> int:
        super().run(value, work, report)
        node = node_id()
        full = self.folder / "full-node"
        if not full.exists():
            full.write_text(node)
        if self.everywhere or full.read_text() == node:
            fill_disk()
        return value * value


@dataclass
class CopyJob(CountingJob):
    """Copies a file into `folder`, in upper case."""

    def run(self, value: Any, work: Workspace, report: Report) -> int:
        source, target = value
        content = work.local(source).read_bytes()
        work.output(target).write_bytes(content.upper())
        return len(content)


@dataclass
class BrokenModelJob(CountingJob):
    """Can't be loaded."""

    def load(self, work: Workspace) -> None:
        raise ModelError("the model is damaged", "copy it again")


class DrawnLabelJob(LabelJob):
    """Labels with the fakes of SAM and of the compact model, which know the drawn scenes."""

    def load_sam(self, asset: Asset, work: Workspace) -> FakeSam:
        return FakeSam()

    def load_model(self, asset: Asset, work: Workspace) -> GreenModel:
        return GreenModel()


class KilledLabelJob(DrawnLabelJob):
    """Is killed once, at the third frame of the first clip."""

    def load_sam(self, asset: Asset, work: Workspace) -> FakeSam:
        sam, mark = FakeSam(), self.folders[0].path.parent / "killed"

        def kill(count: int) -> None:
            if count == 2 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        sam.before_embed = kill
        return sam


class FullDiskLabelJob(DrawnLabelJob):
    """Finds the disk full on the node that begins first."""

    def run(self, value: LabelWork, work: Workspace, report: Report) -> Any:
        fill_first_disk(self.folders[0].path.parent / "full-node")
        return super().run(value, work, report)


class KilledClipJob(ClipJob):
    """Is killed once, when half of a clip is written."""

    def run(self, value: ClipWork, work: Workspace, report: Report) -> ClipOutcome:
        mark = self.folders[0].path / "killed"
        if not mark.exists():
            mark.touch()
            build = self._converter._build

            def build_deadly(live: LiveSettings, model: MatteModel) -> Pipeline:
                pipeline = build(live, model)
                pipeline.replace = _killing(pipeline.replace, 6)
                return pipeline

            self._converter._build = build_deadly
        return super().run(value, work, report)


def _killing(replace: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a function that kills its process at the call with this number."""
    calls = 0

    def call(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(*arguments)

    return call


class FullDiskClipJob(ClipJob):
    """Finds the disk full on the node that begins first."""

    def run(self, value: ClipWork, work: Workspace, report: Report) -> ClipOutcome:
        fill_first_disk(self.folders[0].path / "full-node")
        return super().run(value, work, report)


class AlwaysLostPartJob(ClipJob):
    """Loses the recording of the first part of a clip, as a disk that fails."""

    def run(self, value: ClipWork, work: Workspace, report: Report) -> Any:
        result = super().run(value, work, report)
        if value.part is not None and value.part.number == 0:
            work._outputs[value.output].unlink()
        return result


class LostPartJob(AlwaysLostPartJob):
    """Loses it once."""

    def run(self, value: ClipWork, work: Workspace, report: Report) -> Any:
        mark = self.folders[0].path / "lost"
        if value.part is None or value.part.number or mark.exists():
            return ClipJob.run(self, value, work, report)
        mark.touch()
        return super().run(value, work, report)


class CutPartJob(ClipJob):
    """Cuts off the recording of the second part of a clip once, before it is repaired."""

    def run(self, value: ClipWork, work: Workspace, report: Report) -> Any:
        result = super().run(value, work, report)
        mark = self.folders[0].path / "cut"
        if value.part is not None and value.part.number and not mark.exists():
            mark.touch()
            recording = work._outputs[value.output]
            os.truncate(recording, recording.stat().st_size * 3 // 4)
        return result


class KilledScoreJob(ScoreJob):
    """Is killed once, at the second sample."""

    def __init__(self, settings: EvaluateSettings) -> None:
        super().__init__(settings)
        self._mark = settings.out.parent / "killed"

    def run(self, value: tuple[int, EvaluationSample], work: Workspace, report: Report) -> SampleScore:
        if value[0] == 1 and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(value, work, report)


def node_id() -> str:
    """Return Ray's name of the node that this worker is on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def fill_first_disk(mark: Path) -> None:
    """Find the disk full on the node that begins first; `mark` keeps its name."""
    node = node_id()
    if not mark.exists():
        mark.write_text(node)
    if mark.read_text() == node:
        fill_disk()


def fill_disk() -> None:
    """Raise the kernel's own error of a full disk."""
    with Path("/dev/full").open("w") as file:
        file.write("x")
