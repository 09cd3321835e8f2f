"""The actor on a worker: loads the models of a job once, then does one task after the other."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import ray

from livecam import __version__
from livecam.cluster.messages import (
    Failed,
    Finished,
    Job,
    Message,
    NotVisible,
    Task,
    Update,
    WorkerInfo,
    is_node_error,
    portable,
)
from livecam.cluster.transfer import Contents, Workspace
from livecam.core.errors import ClusterError
from livecam.imaging.ops import use_one_opencv_thread
from livecam.video.codec_threads import limit_codec_threads

_JOB, _TASK = "job", "task"
_PREFIX = f"livecam-worker-{socket.gethostname()}-"
"""Of the folders of this machine's workers: containers with a common /tmp have names of their own."""

_References = Mapping[Path, Any]
"""References to the contents of files in Ray's object store."""


class Worker:
    """Does the tasks of one job; Ray makes an actor of it."""

    def __init__(self, job: Job) -> None:
        """Keep the job; nothing is loaded yet."""
        self._job = job
        self._work = Workspace(Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")), list(job.folders))
        self._tasks: SimpleQueue[tuple[Task, _References | None, SimpleQueue[Message]]] = SimpleQueue()
        # A daemon, so that it does not delay the end of the process.
        Thread(target=self._work_on_tasks, daemon=True).start()

    def start(self, version: str, contents: _References | None = None) -> WorkerInfo | Failed | NotVisible:
        """Load what the job needs.

        Args:
            version: livecam's version on the driver.
            contents: the job's files, references to objects of Ray; None where the worker may see them.
        """
        _forget_ended_workers()
        # A worker has one processor: the threads of OpenCV and of codecs would wait for each other.
        use_one_opencv_thread()
        limit_codec_threads(1)
        if version != __version__:
            problem = f"{socket.gethostname()} has livecam {__version__}, this machine {version}"
            return Failed(ClusterError(problem, "install the same livecam on all machines"))
        try:
            if contents is None and not self._job.files.is_visible():
                return NotVisible()
            self._work.receive(_fetch(contents), _JOB)
            self._job.load(self._work)
        except Exception as error:
            return Failed(portable(error), is_node_error(error))
        node = ray.get_runtime_context().get_node_id()
        return WorkerInfo(node, socket.gethostname(), os.getpid(), str(self._work.scratch))

    def run(self, task: Task, contents: _References | None = None) -> Iterator[Message]:
        """Do a task; yield what it reports, and how it ended.

        Args:
            task: the task.
            contents: its files, references to objects of Ray; None where the worker may see them.
        """
        messages: SimpleQueue[Message] = SimpleQueue()
        # The task reports while it runs; Ray takes what this generator yields.
        self._tasks.put((task, contents, messages))
        while True:
            message = messages.get()
            yield message
            if not isinstance(message, Update):
                return

    def _work_on_tasks(self) -> None:
        """Do all tasks in one thread."""
        while True:
            self._work_on(*self._tasks.get())

    def _work_on(self, task: Task, contents: _References | None, messages: "SimpleQueue[Message]") -> None:
        end: Message
        try:
            end = self._do(task, contents, messages)
        except Exception as error:
            end = Failed(portable(error), is_node_error(error))
        self._work.forget(_TASK)
        messages.put(end)

    def _do(self, task: Task, contents: _References | None, messages: "SimpleQueue[Message]") -> Message:
        if contents is None and not task.files.is_visible():
            return NotVisible()
        self._work.receive(_fetch(contents), _TASK)
        value = self._job.run(task.value, self._work, lambda each: messages.put(Update(each)))
        return Finished(value, self._work.deliver())


def _fetch(contents: _References | None) -> dict[Path, Contents]:
    """Return the contents of files from Ray's object store, without a copy."""
    return {path: ray.get(reference) for path, reference in (contents or {}).items()}


def _forget_ended_workers() -> None:
    """Delete the folders of workers that were killed on this machine."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not is_running(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def is_running(process: int) -> bool:
    """Return whether there is a process with this number; always true on Windows, which can't be asked so."""
    if os.name != "posix":
        return True
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
