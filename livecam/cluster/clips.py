"""`livecam clip` on a cluster: workers convert clips, and parts of long ones."""

import gc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from livecam.cluster.assets import all_paths, model_asset, path_asset
from livecam.cluster.messages import Job, Report, Task, is_node_error, portable, throttled
from livecam.cluster.pool import PoolStats, TaskFailed, TaskUpdate, WorkerPool
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.errors import LivecamError
from livecam.core.fileio import partial_path
from livecam.core.progress import Notify
from livecam.runtime.clip_batch import (
    ClipConverter,
    ClipOutcome,
    ClipProgress,
    ClipRunner,
    ClipSettings,
    ClipTask,
    converted,
    failed,
)
from livecam.runtime.clip_parts import (
    DamagedPartError,
    PartResult,
    convert_part,
    find_mismatch,
    join_parts,
    repair_part,
)
from livecam.runtime.part_plan import PART_SECONDS, ClipPart, plan_parts
from livecam.runtime.session import build_pipeline
from livecam.video.video_reader import VideoReader


@dataclass(frozen=True)
class ClipWork:
    """What a worker gets: a clip or a part of it.

    Attributes:
        task: the whole clip.
        input, output: absolute paths of the clip, and of the result of this work.
        part: the part; None for the whole clip.
        repaired, previous: the results of this part and of the one before it, if it has to be repaired.
    """

    task: ClipTask
    input: Path
    output: Path
    part: ClipPart | None = None
    repaired: PartResult | None = None
    previous: PartResult | None = None


class ClipJob:
    """Converts clips on a worker; see `Job`."""

    def __init__(self, settings: ClipSettings, folder: SharedFolder) -> None:
        """Describe the job; nothing is loaded.

        Raises:
            UsageError: there is no such model.
        """
        self._settings = settings
        self._model = model_asset(settings.live.model)
        self._background = path_asset(settings.live.background[0])
        self.files = FileSet.of(all_paths([self._model, self._background]))
        self.folders = (folder,)

    def load(self, work: Workspace) -> None:
        """Load the model, with one thread."""
        live = replace(
            self._settings.live,
            model=self._model.local_name(work),
            background=(self._background.local_name(work),),
            threads=1,
        )
        self._live, settings = live, replace(self._settings, live=live)
        self._converter = ClipConverter(settings, lambda live, model: build_pipeline(live, model=model))

    def run(
        self, value: ClipWork, work: Workspace, report: Report
    ) -> ClipOutcome | PartResult | LivecamError:
        """Do a clip or a part; the error of the input is a result. Reports the frames done so far."""
        local, advance = work.local(value.input), throttled(report)
        try:
            if value.part is not None:
                return self._convert_part(value, value.part, work, advance)
            result = self._converter.convert(local, work.output(value.output), advance)
        except Exception as error:
            if is_node_error(error):
                raise
            if value.part is not None:
                return portable(error)
            outcome = failed(value.task, error)
            return replace(outcome, problem=outcome.problem.replace(str(local), str(value.task.input)))
        finally:
            # A clip leaves reference cycles, 70 MB after 20 clips of 480x360; Python collects them late.
            gc.collect()
        return converted(value.task, result)

    def _convert_part(
        self, value: ClipWork, part: ClipPart, work: Workspace, advance: ClipProgress
    ) -> PartResult:
        output, local = work.output(value.output), replace(part, clip=work.local(value.input))
        with closing(build_pipeline(self._live, model=self._converter.model)) as pipeline:
            if value.repaired is not None and value.previous is not None:
                result = repair_part(replace(value.repaired, part=local), value.previous, pipeline, output)
            else:
                result = convert_part(local, pipeline, output, advance)
        pieces = [replace(each, path=value.output) if each.path == output else each for each in result.pieces]
        return replace(result, part=part, pieces=tuple(pieces))


class _ClipQueue:
    """The work on all clips, clip by clip, and the parts that have been done.

    Parts are made where there are fewer clips left than workers, as their warm-up takes time; so a single
    long clip keeps all workers busy, and so do the last ones of many.
    """

    def __init__(
        self,
        tasks: Sequence[ClipTask],
        settings: ClipSettings,
        count_workers: Callable[[], int],
        part_seconds: float,
    ) -> None:
        self._clips, self._work = deque(tasks), deque[ClipWork]()
        self._settings, self._count_workers, self._part_seconds = settings, count_workers, part_seconds
        self._results: dict[Path, list[PartResult | None]] = {}
        self._converted_again: set[tuple[Path, int]] = set()

    def __iter__(self) -> "_ClipQueue":
        return self

    def __length_hint__(self) -> int:
        return len(self._work) + len(self._clips)

    def __next__(self) -> Task:
        while self._work or self._clips:
            if not self._work:
                self._add_clip(self._clips.popleft())
            work = self._work.popleft()
            if work.part is None or work.task.output in self._results:
                return Task(work, str(work.task.input), FileSet.of([work.input]))
        raise StopIteration

    def end(self, work: ClipWork, value: ClipOutcome | PartResult | LivecamError) -> ClipOutcome | None:
        """Keep what a worker has returned; return the outcome of the clip if this was the last of it."""
        if isinstance(value, ClipOutcome):
            return value
        if isinstance(value, PartResult):
            return self._keep_part(work, value)
        if self._results.pop(work.task.output, []):
            # A part can't be read from the middle of the clip.
            self._add_whole(work.task)
        return None

    def fail(self, work: ClipWork, error: LivecamError) -> ClipOutcome | None:
        """Return the outcome of a clip that machines failed at; None if there is one already."""
        if work.part is None or self._results.pop(work.task.output, []):
            return failed(work.task, error)
        return None

    def _add_whole(self, task: ClipTask) -> None:
        self._work.append(ClipWork(task, task.input.absolute(), task.output.absolute()))

    def _keep_part(self, work: ClipWork, result: PartResult) -> ClipOutcome | None:
        results, task = self._results.get(work.task.output), work.task
        if results is None:
            return None
        results[result.part.number] = result
        known = [each for each in results if each is not None]
        if len(known) < len(results):
            return None
        number = find_mismatch(known)
        if number is not None:
            output = partial_path(work.task.output.absolute(), f"-repaired{number}")
            again, before = known[number], known[number - 1]
            self._work.append(ClipWork(task, work.input, output, again.part, again, before))
            return None
        return self._join(task, known)

    def _add_clip(self, task: ClipTask) -> None:
        parts = self._plan(task) if len(self._clips) + 1 < self._count_workers() else ()
        if len(parts) < 2:
            self._add_whole(task)
            return
        self._results[task.output] = [None] * len(parts)
        for part in parts:
            self._add_part(task, part)

    def _add_part(self, task: ClipTask, part: ClipPart) -> None:
        output = partial_path(task.output.absolute(), f"-part{part.number}")
        self._work.append(ClipWork(task, task.input.absolute(), output, part))

    def _plan(self, task: ClipTask) -> tuple[ClipPart, ...]:
        try:
            with VideoReader(task.input) as video:
                seconds = video.duration_seconds or 0.0
            if seconds < 1.5 * self._part_seconds:
                return ()
            live = self._settings.live
            return plan_parts(task.input.absolute(), task.output, live, self._part_seconds).parts
        except LivecamError:
            # The conversion of the whole clip says what is wrong.
            return ()

    def _join(self, task: ClipTask, results: list[PartResult]) -> ClipOutcome | None:
        """Join the parts; None if one is damaged and has to be converted again, which is done once."""
        try:
            result = join_parts(results, task.output, overwrite=True, metadata=self._settings.metadata)
        except DamagedPartError as error:
            if (task.output, error.number) not in self._converted_again:
                self._converted_again.add((task.output, error.number))
                self._results[task.output][error.number] = None
                self._add_part(task, results[error.number].part)
                return None
            # Without its cause, which `failed` would show instead of the number of the part.
            outcome = failed(task, portable(error))
        except Exception as error:
            outcome = failed(task, error)
        else:
            outcome = converted(task, result)
        del self._results[task.output]
        for path in {piece.path for each in results for piece in each.pieces}:
            # The batch deletes what is left; a file that can't be deleted does not end it.
            with suppress(OSError):
                path.unlink(missing_ok=True)
        return outcome


def run_on_cluster(
    settings: ClipSettings,
    stats: PoolStats,
    notify: Notify = lambda message: None,
    job: Callable[[ClipSettings, SharedFolder], Job] = ClipJob,
    part_seconds: float = PART_SECONDS,
) -> ClipRunner:
    """Return the runner for `ClipBatch`, inside `livecam.cluster.session.open_cluster`.

    Args:
        settings: the stages, and the copied metadata.
        stats: receives the figures of the workers.
        notify: receives a line where the user has to know something.
        job: makes what the workers do.
        part_seconds: about how long a part of a long clip is.

    Raises:
        UsageError: there is no such model.
    """
    model_asset(settings.live.model)

    def run(tasks: Sequence[ClipTask], progress: ClipProgress) -> Iterator[ClipOutcome]:
        with (
            SharedFolder.offer(tasks[0].output.parent) as folder,
            WorkerPool(job(settings, folder), stats=stats, notify=notify) as pool,
        ):
            yield from _run(pool, _ClipQueue(tasks, settings, lambda: pool.limit, part_seconds), progress)

    return run


def _run(pool: WorkerPool, queue: _ClipQueue, progress: ClipProgress) -> Iterator[ClipOutcome]:
    frames: dict[Path, int] = {}

    def advance(output: Path, done: int) -> None:
        # A next attempt begins from 0.
        before = frames.get(output, 0)
        frames[output] = max(before, done)
        progress(frames[output] - before)

    for event in pool.run(queue):
        work: ClipWork = event.task.value
        if isinstance(event, TaskUpdate):
            advance(work.output, event.value)
            continue
        if isinstance(event, TaskFailed):
            outcome = queue.fail(work, event.error)
        else:
            if isinstance(event.value, (ClipOutcome, PartResult)) and work.repaired is None:
                advance(work.output, event.value.frames)
            outcome = queue.end(work, event.value)
        if outcome is not None:
            yield outcome
