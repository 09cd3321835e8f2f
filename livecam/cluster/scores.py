"""`livecam evaluate` on a cluster: workers score images and clips, the driver writes the report."""

from collections.abc import Callable, Generator, Sequence
from itertools import starmap
from pathlib import Path

from livecam.cluster.assets import all_paths, model_asset
from livecam.cluster.messages import Job, Report, Task, throttled
from livecam.cluster.pool import PoolStats, TaskFailed, TaskUpdate, WorkerPool
from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.progress import Notify
from livecam.datasets.evaluation_set import EvaluationSample
from livecam.evaluation.evaluator import EvaluateSettings, EvaluationRunner, SampleScorer
from livecam.evaluation.journal import SampleScore
from livecam.pipeline import Pipeline


class ScoreJob:
    """Scores samples on a worker; see `Job`."""

    def __init__(self, settings: EvaluateSettings) -> None:
        """Describe the job; nothing is loaded.

        Raises:
            UsageError: there is no such model.
        """
        self._threads, self._model = settings.threads, model_asset(settings.model)
        self.files = FileSet.of(all_paths([self._model]))
        self.folders: tuple[SharedFolder, ...] = ()

    def load(self, work: Workspace) -> None:
        """Load the model."""
        self._scorer = SampleScorer(Pipeline.load(self._model.local_name(work), threads=self._threads))

    def run(self, value: tuple[int, EvaluationSample], work: Workspace, report: Report) -> SampleScore:
        """Score a sample. Reports the frames done so far."""
        advance = throttled(report)
        return self._scorer.score(value[1].moved(work.local), lambda: advance(1))


def score_on_cluster(
    stats: PoolStats,
    notify: Notify = lambda message: None,
    job: Callable[[EvaluateSettings], Job] = ScoreJob,
) -> EvaluationRunner:
    """Return the runner for `evaluate`, inside `livecam.cluster.session.open_cluster`.

    Args:
        stats: receives the figures of the workers.
        notify: receives a line where the user has to know something.
        job: makes what the workers do.
    """

    def run(
        settings: EvaluateSettings,
        samples: Sequence[tuple[int, EvaluationSample]],
        advance: Callable[[int], None],
    ) -> Generator[tuple[int, SampleScore], None, None]:
        if not samples:
            return
        frames: dict[int, int] = {}
        with WorkerPool(job(settings), stats=stats, notify=notify) as pool:
            for event in pool.run(starmap(_task, samples), len(samples)):
                position = event.task.value[0]
                if isinstance(event, TaskFailed):
                    # A mean without one of the samples would be a mean of other data.
                    raise event.error
                done = event.value if isinstance(event, TaskUpdate) else len(event.value.result.milliseconds)
                # A next attempt begins from 0.
                if done > frames.get(position, 0):
                    advance(done - frames.get(position, 0))
                    frames[position] = done
                if not isinstance(event, TaskUpdate):
                    del frames[position]
                    yield position, event.value

    return run


def _task(position: int, sample: EvaluationSample) -> Task:
    return Task((position, sample.moved(Path.absolute)), sample.name, FileSet.of(sample.paths))
