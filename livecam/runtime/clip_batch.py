"""Conversion of several clips into one folder: each complete or not at all, and none twice."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from livecam import __version__
from livecam.core.config import LiveSettings
from livecam.core.errors import FrameError, LivecamError, UsageError, VideoError
from livecam.core.fileio import (
    distinct_stem,
    json_bytes,
    list_inputs,
    os_error_reason,
    read_json,
    translate_os_errors,
    write_atomic,
)
from livecam.core.locking import LOCK_FILE, exclusive_lock
from livecam.core.media_types import is_video_file
from livecam.core.paths import expand_user
from livecam.models.base import MatteModel
from livecam.models.segmenter import LiteRTSegmenter
from livecam.pipeline import Pipeline
from livecam.runtime.convert import ConversionResult, Progress, convert_video
from livecam.video.containers import CONTAINER_FORMATS, format_for_path
from livecam.video.metadata import MetadataPolicy
from livecam.video.video_reader import VideoReader

WORK_FOLDER = ".livecam-clips"
"""Folder beside the results that holds the journal, and what is not complete yet."""
_JOURNAL = "journal.json"
_HINT = "delete it, and the clips are converted again"


class ClipState(Enum):
    """What has become of a clip."""

    CONVERTED = "converted"
    DONE_BEFORE = "done before"
    FAILED = "failed"


@dataclass(frozen=True)
class ClipTask:
    """One clip to convert: the input, and the file of the result."""

    input: Path
    output: Path


@dataclass(frozen=True)
class ClipSettings:
    """What the result of a conversion depends on, beside the clip: the stages, and the copied metadata."""

    live: LiveSettings
    metadata: MetadataPolicy = MetadataPolicy.WITHOUT_LOCATION

    def fingerprint(self) -> str:
        """Return a text that differs for other settings, other background files, or another livecam."""
        live = self.live
        values: list[Any] = [__version__, str(live.fit), live.slide_seconds, str(live.picture)]
        values += [live.model, live.threads, self.metadata.name]
        values += [_file_stamp(expand_user(live.background[0])), live.background[0]]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ClipOutcome:
    """Result for one clip.

    Attributes:
        task: the clip.
        state: what has become of it.
        frames: frames of the result.
        seconds: duration of the result.
        problem: why it failed, or what is wrong with the result; "" if all is well.
    """

    task: ClipTask
    state: ClipState
    frames: int = 0
    seconds: float = 0.0
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome for JSON."""
        values = asdict(self)
        del values["task"]
        paths = {"input": str(self.task.input), "output": str(self.task.output)}
        return {**paths, **values, "state": self.state.value}


ClipProgress = Callable[[int], None]
"""Called with the number of frames that were converted since the last call."""
PipelineBuilder = Callable[[LiveSettings, MatteModel], Pipeline]
ClipRunner = Callable[[Sequence[ClipTask], ClipProgress], Iterator[ClipOutcome]]
"""Converts clips in any order; the output of a task is a file in the work folder, which it replaces."""


class ClipConverter:
    """Converts clips one after the other with one loaded model. Used by one thread."""

    def __init__(self, settings: ClipSettings, build: PipelineBuilder) -> None:
        """Load the model.

        Args:
            settings: the stages, and the copied metadata.
            build: makes the pipeline of each clip, with the loaded model.

        Raises:
            UsageError, ModelError: there is no such model, or it can't be used.
        """
        self.settings, self._build = settings, build
        self.model = LiteRTSegmenter.load(settings.live.model, settings.live.threads)

    def open_pipeline(self) -> Pipeline:
        """Return a new pipeline with the loaded model; the caller closes it.

        Raises:
            LivecamError: as `create_background` raises it.
        """
        return self._build(self.settings.live, self.model)

    def convert(self, input_path: Path, output_path: Path, progress: ClipProgress) -> ConversionResult:
        """Convert one clip; its background starts anew, as in a run of its own.

        Raises:
            LivecamError: as `convert_video` and `create_background` raise it.
        """
        frames = 0

        def advance(done: Progress) -> None:
            nonlocal frames
            progress(done.frames - frames)
            frames = done.frames

        with closing(self.open_pipeline()) as pipeline:
            return convert_video(
                input_path,
                output_path,
                pipeline,
                overwrite=True,
                metadata=self.settings.metadata,
                progress=advance,
            )


def run_locally(settings: ClipSettings, build: PipelineBuilder) -> ClipRunner:
    """Return the runner that converts clips in this process; it loads the model at once.

    Raises:
        LivecamError: the model can't be used.
    """
    converter = ClipConverter(settings, build)

    def run(tasks: Sequence[ClipTask], progress: ClipProgress) -> Iterator[ClipOutcome]:
        for task in tasks:
            try:
                result = converter.convert(task.input, task.output, progress)
            except Exception as error:
                yield failed(task, error)
            else:
                yield converted(task, result)

    return run


def converted(task: ClipTask, result: ConversionResult) -> ClipOutcome:
    """Return the outcome of a conversion that reached the end, or the place where the clip breaks off."""
    problems = []
    if result.broken_off_at is not None:
        problems.append(f"breaks off at {result.broken_off_at:.1f} s; what is before is kept")
    if result.failed_frames:
        why = f"as a stage failed: {result.first_error}"
        problems.append(f"{result.failed_frames} frames show the background alone, {why}")
    return ClipOutcome(task, ClipState.CONVERTED, result.frames, result.seconds, "; ".join(problems))


def failed(task: ClipTask, error: BaseException) -> ClipOutcome:
    """Return the outcome of a clip that can't be converted."""
    # These two say where a part of the recording is, but a batch keeps no part.
    cause = error.__cause__
    if isinstance(error, VideoError) and isinstance(cause, VideoError):
        error = cause
    if isinstance(error, LivecamError) and type(cause) is OSError:
        problem = f"can't be written ({os_error_reason(cause)})"
    elif isinstance(error, LivecamError):
        problem = str(error)
    else:
        problem = f"{type(error).__name__}: {error}"
    return ClipOutcome(task, ClipState.FAILED, problem=" ".join(problem.split()))


def collect_clips(inputs: Sequence[Path], folder: Path, suffix: str) -> list[ClipTask]:
    """Return a task for each clip; of a folder those in it, sorted by name.

    Args:
        inputs: clips, and folders with clips.
        folder: where the results go.
        suffix: of the results, such as ``.mp4``.

    Raises:
        UsageError: an input does not exist, or a folder has no clip.
    """
    paths = dict.fromkeys(
        path for each in inputs for path in list_inputs(expand_user(str(each)), is_video_file, "clip")
    )
    tasks: list[ClipTask] = []
    taken: set[str] = set()
    for path in paths:
        output = folder / f"{distinct_stem(path.stem or path.name, path, taken)}{suffix}"
        if output.exists() and output.samefile(path):
            raise UsageError(f"{output} is one of the clips itself; choose another folder for the results")
        tasks.append(ClipTask(path, output))
    return tasks


def batch_suffix(name: str | None, transparent: bool) -> str:
    """Return the suffix of the results of a batch.

    Args:
        name: what the user chose, with or without the dot; None: MP4, or WebM if `transparent`.
        transparent: the results have no background.

    Raises:
        UsageError: there is no such format, or it can't be transparent.
    """
    if name is None:
        return ".webm" if transparent else ".mp4"
    suffix = f".{name.lower().removeprefix('.')}"
    if suffix not in CONTAINER_FORMATS:
        raise UsageError(f"can't record to {suffix} files", f"choose {', '.join(CONTAINER_FORMATS)}")
    format_for_path(f"clip{suffix}", transparent)
    return suffix


class ClipBatch:
    """A batch of clips that go into one folder.

    A clip is written into the work folder and renamed when it is complete. The journal there lists the
    complete ones, so that the same command continues an interrupted batch. It stays when the batch is done.

    Attributes:
        outcomes: what has become of the clips so far.
        total_frames: estimated frames of all clips that are converted, 0 if a clip does not say.
        work: the work folder.
    """

    def __init__(
        self, tasks: Sequence[ClipTask], settings: ClipSettings, folder: Path, *, overwrite: bool
    ) -> None:
        """Describe the batch; nothing is written."""
        self._tasks, self._folder, self._overwrite = list(tasks), folder, overwrite
        self._fingerprint = settings.fingerprint()
        self.work = folder / WORK_FOLDER
        self.outcomes: list[ClipOutcome] = []
        self.total_frames = 0

    def run(
        self,
        runner: ClipRunner,
        progress: ClipProgress = lambda frames: None,
        report: Callable[[ClipOutcome], None] = lambda outcome: None,
    ) -> list[ClipOutcome]:
        """Convert all clips that are not done; a clip that fails does not stop the others.

        Args:
            runner: converts the clips.
            progress: called with each number of converted frames.
            report: called with each outcome.

        Raises:
            FileWriteError: the folder can't be written.
            FolderInUseError: another livecam converts clips into it.
            KeyboardInterrupt: what is complete stays; the same command goes on.
        """
        with translate_os_errors(self._folder):
            self.work.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(self.work):
            self._journal: dict[str, Any] = read_json(self.work / _JOURNAL, missing={}, hint=_HINT)
            self._begin()
            waiting = {self.work / task.output.name: task for task in self._select(report)}
            self._forget_parts()
            hidden = [ClipTask(task.input, path) for path, task in waiting.items()]
            outcomes = runner(hidden, progress) if hidden else iter(())
            try:
                for outcome in outcomes:
                    done = replace(outcome, task=waiting.pop(outcome.task.output))
                    if done.state is ClipState.CONVERTED:
                        done = self._publish(outcome.task.output, done)
                    self._add(done, report)
            finally:
                # An interruption leaves it open, and workers would go on to write.
                if isinstance(outcomes, Generator):
                    outcomes.close()
                self._forget_parts()
            self._end()
        return self.outcomes

    def _begin(self) -> None:
        # An interrupted run with --overwrite has replaced some results already: the next one goes on.
        going_on = self._journal.get("running") == self._fingerprint
        if self._overwrite and not going_on:
            self._journal = {"clips": {}}
        self._journal.setdefault("clips", {})
        self._journal["running"] = self._fingerprint
        self._write_journal()

    def _end(self) -> None:
        self._journal["running"] = ""
        self._write_journal()

    def _write_journal(self) -> None:
        with translate_os_errors(self._folder):
            write_atomic(self.work / _JOURNAL, json_bytes(self._journal))

    def _select(self, report: Callable[[ClipOutcome], None]) -> list[ClipTask]:
        """Return the tasks that have to be done, and add the outcomes of the others."""
        selected, frames = [], []
        for task in self._tasks:
            entry = self._journal["clips"].get(task.output.name)
            if task.output.exists() and entry is not None and self._is_same(entry, task):
                before = ClipState.DONE_BEFORE
                done = ClipOutcome(task, before, entry["frames"], entry["seconds"], entry["problem"])
                self._add(done, report)
            elif os.path.lexists(task.output) and not self._overwrite:
                self._add(failed(task, UsageError(f"{task.output} exists", "add --overwrite")), report)
            else:
                try:
                    with VideoReader(task.input) as video:
                        frames.append(video.frame_count)
                except LivecamError as error:
                    self._add(failed(task, error), report)
                    continue
                selected.append(task)
        known = [count for count in frames if count is not None]
        self.total_frames = sum(known) if len(known) == len(frames) else 0
        return selected

    def _is_same(self, entry: dict[str, Any], task: ClipTask) -> bool:
        return bool(entry["input"] == _file_stamp(task.input) and entry["settings"] == self._fingerprint)

    def _publish(self, path: Path, outcome: ClipOutcome) -> ClipOutcome:
        """Write the line of the journal, and rename the result to its name."""
        task = outcome.task
        if not path.exists():
            return failed(task, FrameError("holds no frame that can be converted"))
        self._journal["clips"][task.output.name] = {
            "input": _file_stamp(task.input),
            "settings": self._fingerprint,
            "frames": outcome.frames,
            "seconds": round(outcome.seconds, 3),
            "problem": outcome.problem,
        }
        # A line without its file means: not done yet.
        with translate_os_errors(self._folder):
            if self._overwrite:
                task.output.unlink(missing_ok=True)
            self._write_journal()
            path.replace(task.output)
        return outcome

    def _add(self, outcome: ClipOutcome, report: Callable[[ClipOutcome], None]) -> None:
        self.outcomes.append(outcome)
        report(outcome)

    def _forget_parts(self) -> None:
        """Delete what an interrupted run left incomplete."""
        for each in self.work.iterdir():
            if each.name in (_JOURNAL, LOCK_FILE):
                continue
            with suppress(OSError):
                shutil.rmtree(each) if each.is_dir() else each.unlink()


def _file_stamp(path: Path) -> str:
    """Return absolute path, size and time of a file; "" if there is none."""
    with suppress(OSError):
        status = path.stat()
        return f"{path.absolute()} {status.st_size} {status.st_mtime_ns}"
    return ""
