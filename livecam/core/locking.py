"""A folder lock between processes. The operating system releases it when the process ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from livecam.core.errors import FolderInUseError
from livecam.core.fileio import translate_os_errors

LOCK_FILE = ".in-use"
"""The name of the locked file. It stays in the folder, empty; its existence does not mean a lock."""


@contextmanager
def exclusive_lock(folder: Path, hint: str = "wait until that has finished") -> Iterator[None]:
    """Hold the lock of an existing folder during the body.

    A second process gets an error at once. A file system without locks gives no protection: there the body
    runs without a lock.

    Args:
        folder: the folder; it must exist.
        hint: the remedy in the text of the error.

    Raises:
        FolderInUseError: another process holds the lock.
        FileWriteError: the lock file cannot be written.
    """
    with translate_os_errors(folder):
        file = (folder / LOCK_FILE).open("ab")
    with file:
        if not _lock(file):
            raise FolderInUseError(f"{folder} is in use by another livecam", hint, path=folder)
        # Closing the file releases the lock, and so does any end of the process.
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
            # A file system without locks: no process can be kept out.
            return True
        return True
