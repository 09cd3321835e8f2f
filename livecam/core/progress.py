"""Callbacks of long jobs for progress and messages. Libraries report, the command line shows."""

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Called as `(stage, done, total)` on the thread of the job.

`stage` starts with a verb, such as ``decode test``; `total` is 0 where it is not known.
"""


Notify = Callable[[str], None]
"""Called with one line for the user on the thread of the job."""


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Do nothing: the default progress callback."""
