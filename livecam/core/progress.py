"""Progress callback of long jobs. Libraries report, the command line draws."""

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Called as `(stage, done, total)` on the thread of the job.

`stage` starts with a verb, such as ``decode test``; `total` is 0 where it is not known.
"""


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Do nothing: the default progress callback."""
