"""A folder that one process at a time writes into: a lock of the system's, gone with its process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from livecam.core.errors import FolderInUseError
from livecam.core.fileio import translate_os_errors

LOCK_FILE = ".in-use"
"""The file that is locked. It stays, empty: that it is there says nothing."""


@contextmanager
def exclusive_lock(folder: Path, remedy: str = "wait until that has finished") -> Iterator[None]:
    """Have a folder that is there to oneself; whoever comes second is refused at once.

    Raises:
        FolderInUseError: another process holds the lock.
        FileWriteError: the lock file cannot be written.
    """
    with translate_os_errors(folder):
        file = (folder / LOCK_FILE).open("ab")
    with file:
        if not _lock(file):
            raise FolderInUseError(f"{folder} is in use by another livecam", remedy, path=folder)
        # Closing it, or the end of the process however it comes, lets go.
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            # A file system without locks: nobody can be kept out there.
            return True
        return True
