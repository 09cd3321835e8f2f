"""Values that the driver and the workers exchange; all of them can be pickled. Nothing here imports Ray."""

import errno
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from livecam.cluster.transfer import FileSet, SharedFolder, Workspace
from livecam.core.errors import LivecamError

NODE_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ENOMEM", "ESTALE", "EMFILE", "ENFILE")
    if hasattr(errno, name)
)
"""Errors of a machine and not of an input: the disk is full or fails, there is no memory."""

Report = Callable[[Any], None]
"""Sends a value from a running task to the driver."""
_REPORT_SECONDS = 0.5


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes:
        value: what the job's `run` gets.
        name: what the user calls it, such as the path of the clip.
        files: the files that it reads.
    """

    value: Any
    name: str
    files: FileSet = field(default_factory=FileSet)


class Job(Protocol):
    """Work that a worker does. It is pickled, so it holds settings and no models before `load`."""

    @property
    def files(self) -> FileSet:
        """The files that `load` needs beside those of the installation."""

    @property
    def folders(self) -> Sequence[SharedFolder]:
        """The folders that results go into."""

    def load(self, work: Workspace) -> None:
        """Load models, once per worker.

        Raises:
            LivecamError: they can't be used.
        """

    def run(self, value: Any, work: Workspace, report: Report) -> Any:
        """Do one task, and return its result.

        An error of the input is a result, as on one machine. An exception means that it may work elsewhere
        if `is_node_error`, else that the task failed.
        """


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that is ready: Ray's node, the name of the machine, the process, and its folder for files."""

    node: str
    host: str
    process: int
    scratch: str


@dataclass(frozen=True)
class Update:
    """A value that a running task has reported."""

    value: Any


@dataclass(frozen=True)
class Finished:
    """The end of a task; `contents` are the results that the worker could not write where they belong."""

    value: Any
    contents: Mapping[Path, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The end of a task or start that failed; `elsewhere`: it may work on another machine."""

    error: LivecamError
    elsewhere: bool = False


@dataclass(frozen=True)
class NotVisible:
    """The worker does not see the files; the driver sends them."""


Message = Update | Finished | Failed | NotVisible


def throttled(report: Report) -> Callable[[int], None]:
    """Return a function that adds up counts, and reports their sum every half second."""
    total, reported = 0, time.monotonic()

    def advance(count: int) -> None:
        nonlocal total, reported
        total += count
        if time.monotonic() - reported > _REPORT_SECONDS:
            report(total)
            reported = time.monotonic()

    return advance


def is_node_error(error: BaseException) -> bool:
    """Return whether an error, or one that caused it, is of the machine and not of the input."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        if isinstance(each, MemoryError) or (isinstance(each, OSError) and each.errno in NODE_ERRORS):
            return True
        each = each.__cause__ or each.__context__
    return False


def portable(error: BaseException) -> LivecamError:
    """Return an error that can be pickled: of a foreign error only its type and text."""
    if isinstance(error, LivecamError):
        return type(error)(error.problem or str(error), error.hint)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return LivecamError(text)
