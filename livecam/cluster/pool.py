"""A pool of workers on a Ray cluster: tasks in, results out, in any order and with bounded memory.

At most one task per worker is with Ray at a time. The others wait in the iterator that the caller gives, so
the memory of the driver does not grow with their number.
"""

import logging
import re
import shutil
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from livecam import __version__
from livecam.cluster.messages import Failed, Finished, Job, Message, Task, Update, WorkerInfo, portable
from livecam.cluster.transfer import FileSet, write_contents
from livecam.cluster.worker import Worker, is_running
from livecam.core.errors import ClusterError, LivecamError
from livecam.core.fileio import translate_os_errors
from livecam.core.progress import Notify

MAX_ATTEMPTS = 4
"""How often a task is begun before it counts as failed, where workers end or machines fail under it."""
MAX_LOST_STARTS = 3
"""How many workers in a row may end while they load, before no more are started in their place."""
WAIT_SECONDS = 1.0
WAITING_MESSAGE_SECONDS = 30.0
END_SECONDS = 5.0
"""How long the end of the killed workers of this machine is waited for."""
_LIMIT_SECONDS = 5.0
_LOGS = "Ray's logs say more: /tmp/ray/session_latest/logs of that machine"
_BUFFERED_MESSAGES = 16
"""Messages of one task that may wait for the driver; then the worker waits."""
_log = logging.getLogger("livecam.cluster")


@dataclass(frozen=True)
class TaskUpdate:
    """A value that a running task has reported; an attempt that was lost may have reported it before."""

    task: Task
    value: Any


@dataclass(frozen=True)
class TaskDone:
    """The result of a task."""

    task: Task
    value: Any


@dataclass(frozen=True)
class TaskFailed:
    """A task that could not be done, after `MAX_ATTEMPTS`."""

    task: Task
    error: LivecamError


TaskEvent = TaskUpdate | TaskDone | TaskFailed


@dataclass
class PoolStats:
    """What has happened in a pool.

    Attributes:
        workers: most workers at once.
        nodes: tasks that each machine has finished, by host and node.
        retried: tasks that were begun again.
        lost_workers: workers that ended on their own.
        sent_files: files that were sent through the object store.
    """

    workers: int = 0
    nodes: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    lost_workers: int = 0
    sent_files: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "workers": self.workers,
            "tasks_by_node": dict(sorted(self.nodes.items())),
            "retried": self.retried,
            "lost_workers": self.lost_workers,
            "sent_files": self.sent_files,
        }


@dataclass(eq=False)
class _Attempts:
    """A task, how often it was begun, and the nodes where it failed."""

    task: Task
    count: int = 0
    nodes: set[str] = field(default_factory=set)
    error: LivecamError | None = None


@dataclass(eq=False)
class _Slot:
    """A worker: `reference` is what Ray answers next, `info` is None until it is ready."""

    actor: Any
    reference: Any
    info: WorkerInfo | None = None
    attempts: _Attempts | None = None


class _Queue:
    """The tasks that are not with a worker: those to try again first, then the caller's."""

    def __init__(self, tasks: Iterable[Task], count: int | None) -> None:
        self._again: deque[_Attempts] = deque()
        self._fresh, self._left = iter(tasks), count or 0
        self._grows = count is None

    def __len__(self) -> int:
        return len(self._again) + (length_hint(self._fresh) if self._grows else self._left)

    def put_back(self, attempts: _Attempts) -> None:
        self._again.append(attempts)

    def take(self, node: str) -> _Attempts | None:
        """Return a task that has not failed on a node; None if there is none."""
        for attempts in self._again:
            if node not in attempts.nodes:
                self._again.remove(attempts)
                return attempts
        for task in self._fresh:
            self._left = max(0, self._left - 1)
            return _Attempts(task)
        self._left = 0
        return None

    def take_impossible(self, nodes: set[str]) -> _Attempts | None:
        """Return a task that has failed on all of these nodes; None if there is none."""
        for attempts in self._again:
            if attempts.nodes and attempts.nodes >= nodes:
                self._again.remove(attempts)
                return attempts
        return None


class WorkerPool:
    """Workers of one job. Used by one thread, inside `livecam.cluster.session.open_cluster`.

    Attributes:
        stats: what has happened so far.
    """

    def __init__(
        self,
        job: Job,
        *,
        processors: float = 1.0,
        max_workers: int | None = None,
        notify: Notify = lambda message: None,
        stats: PoolStats | None = None,
        start: Callable[[Any], Any] | None = None,
    ) -> None:
        """Describe a pool; workers start with the first tasks.

        Args:
            job: what the workers do.
            processors: of the cluster, for each worker.
            max_workers: most workers; by default as many as the cluster's processors allow.
            notify: receives a line where the user has to know something.
            stats: receives what happens.
            start: starts a worker for Ray's reference to the job; returns an actor like `Worker`.
        """
        self.stats = stats or PoolStats()
        self._processors, self._max_workers, self._notify = processors, max_workers, notify
        self._job, self._job_files = ray.put(job), job.files
        self._job_contents: dict[Path, Any] = {}
        self._start = start or ray.remote(num_cpus=processors, max_restarts=0)(Worker).remote
        self._slots: list[_Slot] = []
        self._lost_starts = 0
        self._start_error: LivecamError | None = None
        self._limit, self._limit_checked = 0, -_LIMIT_SECONDS
        self._waiting_since: float | None = time.monotonic()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def limit(self) -> int:
        """How many workers there can be."""
        return self._current_limit()

    def run(self, tasks: Iterable[Task], count: int | None = None) -> Iterator[TaskEvent]:
        """Do tasks; yield what happens, in any order. May be called again after it has ended.

        Args:
            tasks: read one by one, when a worker is free.
            count: their number, at least about. None: the iterator tells it at any time (`__length_hint__`),
                and may have more tasks after it had none.

        Raises:
            LivecamError: no worker can be started.
        """
        queue = _Queue(tasks, count)
        while True:
            self._assign(queue)
            if not len(queue) and not any(slot.attempts for slot in self._slots):
                return
            self._start_workers(len(queue))
            for slot in self._wait():
                yield from self._advance(slot, queue)
            yield from self._give_up(queue)

    def close(self) -> None:
        """End all workers, and delete their folders on this machine."""
        slots, self._slots = self._slots, []
        for slot in slots:
            ray.kill(slot.actor)
        here = [slot.info for slot in slots if slot.info and slot.info.host == socket.gethostname()]
        end = time.monotonic() + END_SECONDS
        for info in here:
            # What they write has to be complete or deleted when this returns.
            while is_running(info.process) and time.monotonic() < end:
                time.sleep(0.02)
            shutil.rmtree(info.scratch, ignore_errors=True)

    def _assign(self, queue: _Queue) -> None:
        """Give each idle worker a task."""
        for slot in self._slots:
            if slot.info is not None and slot.attempts is None:
                slot.attempts = queue.take(slot.info.node)
                if slot.attempts is not None:
                    slot.attempts.count += 1
                    self._submit(slot, slot.attempts.task)

    def _submit(self, slot: _Slot, task: Task, contents: dict[Path, Any] | None = None) -> None:
        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": _BUFFERED_MESSAGES}
        slot.reference = slot.actor.run.options(**options).remote(task, contents)

    def _start_workers(self, waiting: int) -> None:
        """Start workers as far as there are tasks and processors for them.

        Raises:
            LivecamError: none can be started.
        """
        busy = sum(slot.attempts is not None for slot in self._slots)
        target = min(self._current_limit(), busy + waiting)
        if self._start_error is not None:
            # A worker that can't start, for example as memory is missing, is not replaced.
            target = min(target, len(self._slots))
            if not self._slots:
                raise self._start_error
        for slot in [each for each in self._slots if each.info is None][: max(0, len(self._slots) - target)]:
            self._drop(slot)
        while len(self._slots) < target:
            actor = self._start(self._job)
            self._slots.append(_Slot(actor, actor.start.remote(__version__)))
        self.stats.workers = max(self.stats.workers, sum(slot.info is not None for slot in self._slots))

    def _current_limit(self) -> int:
        """Return how many workers the cluster has processors for; machines join and leave."""
        if time.monotonic() - self._limit_checked >= _LIMIT_SECONDS:
            self._limit_checked = time.monotonic()
            total = ray.cluster_resources().get("CPU", 0.0)
            self._limit = int(total / self._processors + 1e-6)
        return self._limit if self._max_workers is None else min(self._limit, self._max_workers)

    def _wait(self) -> list[_Slot]:
        """Return the workers that have answered; wait a moment for one."""
        by_reference = {slot.reference: slot for slot in self._slots if slot.info is None or slot.attempts}
        self._report_waiting()
        if not by_reference:
            time.sleep(WAIT_SECONDS / 10)
            return []
        ready, _ = ray.wait(list(by_reference), timeout=WAIT_SECONDS)
        if ready:
            ready, _ = ray.wait(list(by_reference), num_returns=len(by_reference), timeout=0)
        return [by_reference[each] for each in ready]

    def _report_waiting(self) -> None:
        """Say once that no worker has started for a long time."""
        if any(slot.info for slot in self._slots):
            self._waiting_since = None
        since = self._waiting_since
        if since is not None and time.monotonic() - since > WAITING_MESSAGE_SECONDS:
            self._notify("waiting for the cluster: no processor is free yet, or a model takes long to load")
            self._waiting_since = None

    def _advance(self, slot: _Slot, queue: _Queue) -> Iterator[TaskEvent]:
        """Take one answer of a worker."""
        if slot.info is None:
            self._finish_start(slot)
            return
        attempts = slot.attempts
        if attempts is None:
            return
        try:
            message = ray.get(next(slot.reference))
        except RayTaskError as error:
            yield self._end(slot, TaskFailed(attempts.task, portable(error)))
        except (RayError, StopIteration) as error:
            yield from self._lose(slot, attempts, queue, error)
        else:
            yield from self._handle(slot, attempts, queue, message)

    def _handle(
        self, slot: _Slot, attempts: _Attempts, queue: _Queue, message: Message
    ) -> Iterator[TaskEvent]:
        if isinstance(message, Update):
            yield TaskUpdate(attempts.task, message.value)
        elif isinstance(message, Finished):
            yield self._end(slot, self._deliver(attempts.task, message))
        elif isinstance(message, Failed) and not message.elsewhere:
            yield self._end(slot, TaskFailed(attempts.task, message.error))
        elif isinstance(message, Failed):
            self._try_elsewhere(slot, attempts, queue, message.error)
        else:
            try:
                self._submit(slot, attempts.task, self._send(attempts.task.files))
            except (LivecamError, OSError) as error:
                # Another machine may see the file.
                self._try_elsewhere(slot, attempts, queue, portable(error))

    def _end(self, slot: _Slot, event: TaskEvent) -> TaskEvent:
        slot.attempts = None
        if slot.info is not None and isinstance(event, TaskDone):
            self.stats.nodes[f"{slot.info.host} {slot.info.node[:8]}"] += 1
        return event

    def _deliver(self, task: Task, message: Finished) -> TaskDone | TaskFailed:
        """Write the results that were sent."""
        self.stats.sent_files += len(message.contents)
        try:
            for path, content in message.contents.items():
                with translate_os_errors(path.parent):
                    write_contents(path, content)
        except LivecamError as error:
            return TaskFailed(task, error)
        return TaskDone(task, message.value)

    def _send(self, files: FileSet) -> dict[Path, Any]:
        """Put files into the object store.

        Raises:
            ClusterError, OSError: they are too large, or can't be read.
        """
        contents = files.read()
        self.stats.sent_files += len(contents)
        return {path: ray.put(content) for path, content in contents.items()}

    def _try_elsewhere(self, slot: _Slot, attempts: _Attempts, queue: _Queue, error: LivecamError) -> None:
        slot.attempts = None
        attempts.error = error
        if slot.info is not None:
            attempts.nodes.add(slot.info.node)
        self.stats.retried += 1
        queue.put_back(attempts)

    def _lose(self, slot: _Slot, attempts: _Attempts, queue: _Queue, error: Exception) -> Iterator[TaskEvent]:
        """Forget a worker that has ended; its task is tried again."""
        self._drop(slot)
        self.stats.lost_workers += 1
        _log.debug("a worker has ended at %s: %s", attempts.task.name, " ".join(str(error).split()))
        if attempts.count >= MAX_ATTEMPTS:
            problem = f"{attempts.task.name}: {attempts.count} workers have ended while they worked on it"
            yield TaskFailed(attempts.task, ClusterError(problem, _LOGS))
        else:
            self.stats.retried += 1
            queue.put_back(attempts)

    def _give_up(self, queue: _Queue) -> Iterator[TaskFailed]:
        """End the tasks that have failed on every machine that there is."""
        nodes = {slot.info.node for slot in self._slots if slot.info is not None}
        if not nodes or any(slot.info is None for slot in self._slots):
            return
        while (attempts := queue.take_impossible(nodes)) is not None:
            yield TaskFailed(attempts.task, attempts.error or ClusterError(f"{attempts.task.name} failed"))

    def _finish_start(self, slot: _Slot) -> None:
        """Take the answer of a worker that has started, or could not.

        Raises:
            ClusterError, OSError: the job's files can't be sent.
        """
        try:
            answer = ray.get(slot.reference)
        except RayError as error:
            self._drop(slot)
            self._lost_starts += 1
            if self._lost_starts >= MAX_LOST_STARTS or isinstance(error, RayTaskError):
                self._start_error = _start_error(error)
            return
        if isinstance(answer, WorkerInfo):
            slot.info, self._lost_starts = answer, 0
        elif isinstance(answer, Failed):
            self._drop(slot)
            self._start_error = answer.error
        else:
            self._job_contents = self._job_contents or self._send(self._job_files)
            slot.reference = slot.actor.start.remote(__version__, self._job_contents)

    def _drop(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        with suppress(RayError):
            ray.kill(slot.actor)


def _start_error(error: RayError) -> ClusterError:
    """Return one line for a worker that has ended while it started."""
    text = " ".join(str(error).split())
    missing = re.search(r"No module named '([^']+)'", text)
    if missing:
        return ClusterError(
            f"a machine of the cluster has no {missing[1]}", "install the same livecam on all machines"
        )
    return ClusterError(f"workers end while they start ({text[-300:]})", _LOGS)
