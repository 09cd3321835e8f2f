"""Standard streams that never end a run: closed ones, readers that have gone, characters they can't show."""

import os
import sys
from typing import Any, TextIO


def protect_standard_streams() -> None:
    """Make stdin, stdout and stderr safe to use. Call it before any other file is opened.

    A stream that was closed by the caller (services, GUI launchers) is replaced by the null device: without
    that, the next opened file gets the number of the stream, and what is meant for the terminal is written
    into it. Characters that the terminal can't show are escaped, and errors of writing are ignored.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _protected(sys.stdout, 1), _protected(sys.stderr, 2)


def _protected(stream: TextIO | None, number: int) -> Any:
    if isinstance(stream, ProtectedStream):
        return stream
    if stream is None:  # Python sets it to None where the number was closed at its start
        stream = os.fdopen(number, "w", closefd=False)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return ProtectedStream(stream)


class ProtectedStream:
    """Text stream that ignores errors of writing; all else is the wrapped stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text` if the stream can still be written to; return its length."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):  # the reader has gone, or the stream is closed
            self._discard()
        return len(text)

    def flush(self) -> None:
        """Flush the stream if it can still be written to."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._discard()

    def _discard(self) -> None:
        """Send what is still buffered, and all that follows, to the null device."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        except (OSError, ValueError):  # no file behind the stream
            return
