"""Callbacks of long jobs for progress and messages. Libraries report, the command line shows."""

from collections.abc import Callable
from typing import Any

ProgressCallback = Callable[[str, int, int], None]
"""Called as `(stage, done, total)` on the thread of the job.

`stage` starts with a verb, such as ``decode test``; `total` is 0 where it is not known.
"""


Notify = Callable[[str], None]
"""Called with one line for the user on the thread of the job; with a `ProgressLine` where it has figures."""


class ProgressLine(str):
    """A line for the user with the same facts as values, for programs that follow the job.

    Attributes:
        stage: the stage of the job; "" if the line does not tell it.
        done, total: finished steps of the stage, and all of them; 0 where they are not known.
        seconds_left: of this stage; None where it is not known.
        page: address of a page that waits for the user; "" if none does.
    """

    stage: str
    done: int
    total: int
    seconds_left: float | None
    page: str

    def __new__(
        cls,
        line: str,
        stage: str = "",
        done: int = 0,
        total: int = 0,
        *,
        seconds_left: float | None = None,
        page: str = "",
    ) -> "ProgressLine":
        """Return a line with its values."""
        made = super().__new__(cls, line)
        made.stage, made.done, made.total = stage, done, total
        made.seconds_left, made.page = seconds_left, page
        return made


def progress_values(line: str) -> dict[str, Any]:
    """Return a line and its values as a JSON object: `message`, and the attributes of `ProgressLine`."""
    line = line if isinstance(line, ProgressLine) else ProgressLine(line)
    return {"message": str(line), **vars(line)}


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Do nothing: the default progress callback."""
