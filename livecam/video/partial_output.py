"""Partial output: a recording is written to a hidden file or folder and renamed when it is complete."""

import errno
import itertools
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from livecam.core.errors import SinkError, UsageError
from livecam.core.fileio import partial_path

_TRIAL_BYTES = 4096  # written and removed again, to detect a full disk
PNG_FRAME_NAME = re.compile(r"\d{6,}\.png")


class PartialOutput:
    """Hidden temporary file or folder next to `target`. `commit()` renames it, `discard()` deletes it.

    Attributes:
        target: absolute path of the recording.
        path: the hidden file or folder, once opened.
    """

    def __init__(self, target: Path, *, folder: bool, overwrite: bool) -> None:
        """Check `target`; nothing is written.

        Args:
            target: path of the recording.
            folder: the recording is a folder of PNGs.
            overwrite: replace an existing recording.

        Raises:
            UsageError: the target exists and must not, or can't, be replaced.
        """
        # Absolute, because FFmpeg reads the "a:" of a relative "a:b.mp4" as a protocol. A symbolic link stays
        # one: what it names is written.
        self.target = target.resolve() if target.is_symlink() else target.absolute()
        self.path = self.target
        self._is_folder = folder
        self._overwrite = overwrite
        self.check()

    def check(self) -> None:
        """Check again that the target may be written.

        Raises:
            UsageError: it exists and must not, or can't, be replaced.
        """
        if not self.target.name:
            raise UsageError(f"{self.target} can't be a recording", "name a file or a new folder")
        if not os.path.lexists(self.target):
            return
        if self._is_folder != self.target.is_dir():
            kind = "a file" if self._is_folder else "a folder"
            raise UsageError(f"{self.target} is {kind}", "choose another name")
        entries = list(self.target.iterdir()) if self._is_folder else []
        if not all(PNG_FRAME_NAME.fullmatch(entry.name) for entry in entries):
            raise UsageError(f"{self.target} holds other files than a recording", "choose a new folder")
        if not self._overwrite and (not self._is_folder or entries):
            raise UsageError(f"{self.target} exists", "choose another name or add --overwrite")

    def open(self) -> Path:
        """Create the hidden file or folder and return its path.

        Raises:
            UsageError: the target exists by now.
            SinkError: nothing can be written there.
        """
        self.check()
        try:
            self._reserve_name()
        except FileNotFoundError as error:
            raise SinkError(f"there is no folder {self.target.parent}", "make it first") from error
        except NotADirectoryError as error:
            raise SinkError(f"{self.target.parent} is no folder", "choose another place") from error
        except PermissionError as error:
            raise SinkError(f"may not write in {self.target.parent}", "choose another folder") from error
        except OSError as error:
            raise SinkError(f"can't write {self.target}: {error.strerror}", "choose another place") from error
        return self.path

    def _reserve_name(self) -> None:
        # A partial file that exists may be the only copy after a power cut, or belong to a running process.
        for number in itertools.count(1):
            self.path = partial_path(self.target, "" if number == 1 else str(number))
            with suppress(FileExistsError):
                if self._is_folder:
                    self.path.mkdir()
                else:
                    self._make_file()
                return

    def _make_file(self) -> None:
        # Detects a full disk here, because PyAV would leave the file open.
        with self.path.open("xb", buffering=0) as file:
            try:
                file.write(bytes(_TRIAL_BYTES))
                file.truncate(0)
            except OSError:
                self.discard()
                raise

    def commit(self) -> None:
        """Rename the partial file or folder to the target.

        Raises:
            SinkError: it can't be renamed, or the target exists by now; the recording is kept beside it.
        """
        try:
            try:
                self.check()
                self._rename()
            except (UsageError, FileExistsError) as error:
                kept = self._keep_beside()
                problem = f"{self.target} was made by another program meanwhile"
                raise SinkError(problem, f"the recording is {kept}") from error
        except SinkError:
            raise
        except OSError as error:
            raise SinkError(
                f"can't name the recording {self.target}", f"rename {self.path} by hand"
            ) from error

    def _rename(self) -> None:
        if self._is_folder and self.target.exists():
            self._empty_target()
        if self._is_folder or self._overwrite:
            self.path.replace(self.target)
        else:
            _rename_exclusively(self.path, self.target)

    def _keep_beside(self) -> Path:
        """Give the recording a free name next to the target: "talk-2.mp4"."""
        for number in itertools.count(2):
            free = self.target.with_name(f"{self.target.stem}-{number}{self.target.suffix}")
            with suppress(FileExistsError):
                if not os.path.lexists(free):
                    _rename_exclusively(self.path, free)
                    return free
        raise AssertionError("an endless count ended")

    def _empty_target(self) -> None:
        for entry in list(self.target.iterdir()):
            entry.unlink()
        self.target.rmdir()

    def discard(self) -> None:
        """Delete the partial file or folder; raises nothing."""
        if self._is_folder:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with suppress(OSError):
                self.path.unlink()


def _rename_exclusively(path: Path, target: Path) -> None:
    """Rename a file or folder; the name of a file is never taken from another program.

    Raises:
        FileExistsError: there is such a file.
        OSError: it can't be renamed.
    """
    if path.is_dir():
        path.rename(target)
        return
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, as on memory cards
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.replace(target)
    else:
        path.unlink()
