"""Files between machines: read where the worker sees them, else sent through Ray's object store."""

import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import ClusterError
from livecam.core.fileio import atomic_path, partial_path, translate_os_errors, write_atomic

MAX_SENT_BYTES = 512 << 20
"""Largest sum of the files of one task, and of one result, that are sent where a worker can't see them."""
_PROBE = ".livecam-shared"
_TIME_STEP_NS = 2 * 10**9
"""The coarsest time stamps of file systems, those of FAT."""

Contents = NDArray[np.uint8]


class FileStamp(NamedTuple):
    """What identifies a file on another machine: absolute path, size and time of the last change."""

    path: Path
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp | None":
        """Return the stamp of a file; None if there is none."""
        try:
            status = path.stat()
        except OSError:
            return None
        return cls(path.absolute(), status.st_size, status.st_mtime_ns)

    def is_visible(self) -> bool:
        """Return whether this machine sees the same file."""
        found = FileStamp.of(self.path)
        return (
            found is not None
            and found.size == self.size
            and abs(found.modified_ns - self.modified_ns) < _TIME_STEP_NS
        )


@dataclass(frozen=True)
class FileSet:
    """Files that are needed together."""

    stamps: tuple[FileStamp, ...] = ()

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "FileSet":
        """Return the set of files, and of the files in folders; paths that do not exist are left out."""
        files = (
            file
            for path in paths
            for file in (
                sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
            )
        )
        return cls(tuple(stamp for stamp in map(FileStamp.of, files) if stamp is not None))

    @property
    def size(self) -> int:
        """Sum of the sizes in bytes."""
        return sum(stamp.size for stamp in self.stamps)

    def is_visible(self) -> bool:
        """Return whether this machine sees exactly these files."""
        return all(stamp.is_visible() for stamp in self.stamps)

    def read(self) -> dict[Path, Contents]:
        """Return the contents of all files, mapped into memory and not copied.

        Raises:
            ClusterError: they are too large to be sent.
            OSError: a file can't be read.
        """
        _check_size(self.stamps[0].path, self.size)
        return {stamp.path: read_contents(stamp.path) for stamp in self.stamps}


@dataclass(frozen=True)
class SharedFolder:
    """A folder that results go into, and how a worker knows that it sees the same one."""

    path: Path
    token: str

    @classmethod
    @contextmanager
    def offer(cls, path: Path) -> Iterator["SharedFolder"]:
        """Put a file with a random text into an existing folder, which a worker looks for.

        Raises:
            FileWriteError: it can't be written.
        """
        folder = cls(path.absolute(), secrets.token_hex(8))
        probe = folder.path / _PROBE
        with translate_os_errors(path):
            write_atomic(probe, folder.token.encode())
        try:
            yield folder
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def is_visible(self) -> bool:
        """Return whether this machine sees the folder."""
        with suppress(OSError, ValueError):
            return (self.path / _PROBE).read_text(encoding="utf-8") == self.token
        return False


@dataclass
class Workspace:
    """The files of a worker: where it reads, and where it writes.

    Attributes:
        scratch: a folder of its own.
    """

    scratch: Path
    folders: list[SharedFolder] = field(default_factory=list)
    _copied: dict[Path, Path] = field(default_factory=dict)
    _outputs: dict[Path, Path] = field(default_factory=dict)

    def receive(self, contents: Mapping[Path, Contents], name: str) -> None:
        """Write files that were sent into the folder `name` of `scratch`; `local` finds them there.

        Raises:
            OSError: they can't be written.
        """
        root = self.scratch / name
        for path, content in contents.items():
            copy = root.joinpath(*path.parts[1:])
            copy.parent.mkdir(parents=True, exist_ok=True)
            content.tofile(copy)
            self._copied[path] = copy
            for parent in path.parents[:-1]:
                self._copied.setdefault(parent, root.joinpath(*parent.parts[1:]))

    def local(self, path: Path) -> Path:
        """Return where this machine has a file or folder of the driver."""
        return self._copied.get(path.absolute(), path)

    def forget(self, name: str) -> None:
        """Delete the files of the folder `name`, and outputs that were not finished."""
        root = self.scratch / name
        for path, copy in list(self._copied.items()):
            if root in (copy, *copy.parents):
                del self._copied[path]
        shutil.rmtree(root, ignore_errors=True)
        for partial in self._outputs.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        self._outputs.clear()

    def shares(self, folder: Path) -> bool:
        """Return whether results can be written straight into a folder of the driver."""
        return any(each.path == folder.absolute() and each.is_visible() for each in self.folders)

    def output(self, path: Path) -> Path:
        """Return where to write the result `path`: beside it where the folder is shared, else in `scratch`.

        The name is of this worker alone, so that a worker that was given up can't harm the next attempt.
        """
        folder = path.parent if self.shares(path.parent) else self.scratch
        partial = partial_path(folder / path.name, f"-{secrets.token_hex(4)}")
        self._outputs[path] = partial
        return partial

    def deliver(self) -> dict[Path, Contents]:
        """Rename the results to their names; return the contents of those that have to be sent.

        Raises:
            ClusterError: a result is too large to be sent.
            OSError: a result can't be renamed or read.
        """
        sent: dict[Path, Contents] = {}
        for path, partial in self._outputs.items():
            if not partial.exists():
                continue
            if partial.parent == self.scratch:
                _check_size(path, partial.stat().st_size)
                sent[path] = np.fromfile(partial, np.uint8)
                partial.unlink()
            else:
                partial.replace(path)
        self._outputs.clear()
        return sent


def read_contents(path: Path) -> Contents:
    """Return the bytes of a file, mapped into memory.

    Raises:
        OSError: it can't be read.
    """
    if not path.stat().st_size:
        return np.zeros(0, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))


def write_contents(path: Path, content: Any) -> None:
    """Write a result that a worker has sent, completely or not at all.

    Raises:
        OSError: it can't be written.
    """
    with atomic_path(path) as partial:
        content.tofile(partial)


def _check_size(path: Path, size: int) -> None:
    if size > MAX_SENT_BYTES:
        raise ClusterError(
            f"{path} has {size / 2**20:.0f} MB, and a worker can't see it; up to {MAX_SENT_BYTES >> 20} MB "
            "are sent",
            "put it on storage that all machines share, under the same path",
        )
