"""The hidden file or folder a recording grows in, beside the name it gets in the end."""

import itertools
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from livecam.core.errors import SinkError, UsageError
from livecam.core.fileio import partial_path

_TRIAL_BYTES = 4096
PNG_FRAME_NAME = re.compile(r"\d{6,}\.png")


class PartialOutput:
    """Stands in for a target while it is written: kept under its name, or discarded without a trace."""

    def __init__(self, target: Path, *, folder: bool, overwrite: bool) -> None:
        """Look at `target`; nothing is written.

        Raises:
            UsageError: it is there already and must not, or can't, be replaced.
        """
        # Absolute, as FFmpeg would read the "a:" of a relative "a:b.mp4" as a protocol.
        self.target = target.absolute()
        self.path = self.target
        self._folder = folder
        self._overwrite = overwrite
        self.check()

    def check(self) -> None:
        """Look again whether the target is free.

        Raises:
            UsageError: it is not.
        """
        if not self.target.name:
            raise UsageError(f"{self.target} can't be a recording; name a file or a new folder")
        if not os.path.lexists(self.target):
            return
        if self._folder != self.target.is_dir():
            kind = "a file" if self._folder else "a folder"
            raise UsageError(f"{self.target} is {kind}; choose another name")
        if self._folder and not all(PNG_FRAME_NAME.fullmatch(entry.name) for entry in self.target.iterdir()):
            raise UsageError(f"{self.target} holds other things than a recording; choose a new folder")
        if not self._overwrite and (not self._folder or any(self.target.iterdir())):
            raise UsageError(f"{self.target} exists; choose another name or add --overwrite")

    def open(self) -> Path:
        """Make the hidden file or folder.

        Raises:
            UsageError: the target is taken by now.
            SinkError: nothing can be written there.
        """
        self.check()
        try:
            self._reserve_name()
        except FileNotFoundError as error:
            raise SinkError(f"there is no folder {self.target.parent}; make it first") from error
        except NotADirectoryError as error:
            raise SinkError(f"{self.target.parent} is no folder; choose another place") from error
        except PermissionError as error:
            raise SinkError(f"may not write in {self.target.parent}; choose another folder") from error
        except OSError as error:
            raise SinkError(f"can't write {self.target}: {error.strerror}; choose another place") from error
        return self.path

    def _reserve_name(self) -> None:
        # A draft left by a power cut is somebody's only recording, or another run's: take the next.
        for number in itertools.count(1):
            self.path = partial_path(self.target, "" if number == 1 else str(number))
            with suppress(FileExistsError):
                if self._folder:
                    self.path.mkdir()
                else:
                    self._make_file()
                return

    def _make_file(self) -> None:
        # A disk that is full already is found out here, where PyAV would leave the file open.
        with self.path.open("xb", buffering=0) as file:
            try:
                file.write(bytes(_TRIAL_BYTES))
                file.truncate(0)
            except OSError:
                self.discard()
                raise

    def commit(self) -> None:
        """Give the draft its name.

        Raises:
            SinkError: it can't be renamed, or the name was taken meanwhile; the recording stays in the draft.
        """
        try:
            self.check()
            if self._folder and self.target.exists():
                self._empty_target()
            self.path.replace(self.target)
        except (UsageError, OSError) as error:
            raise SinkError(f"can't name the recording {self.target}; rename {self.path} by hand") from error

    def _empty_target(self) -> None:
        for entry in list(self.target.iterdir()):
            entry.unlink()
        self.target.rmdir()

    def discard(self) -> None:
        """Remove the draft; quiet when that fails."""
        if self._folder:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with suppress(OSError):
                self.path.unlink()
