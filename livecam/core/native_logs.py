"""Log lines of native libraries, which write to file descriptor 2 past Python's logging."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_INFO_LINE = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} |\s*$")
"""Lines without a problem: absl's information, and the line that absl writes before its first one."""


@contextmanager
def hide_tensorflow_info() -> Iterator[None]:
    """Drop the lines that TensorFlow writes to standard error while it is imported, for the whole process.

    TensorFlow 2.21 writes them although ``TF_CPP_MIN_LOG_LEVEL`` is 2, so what is written meanwhile is held
    back, and passed on afterwards without the lines of mere information. With ``TF_CPP_MIN_LOG_LEVEL=0`` in
    the environment nothing is held back.
    """
    if os.environ.setdefault(_LEVEL, "2") == "0":
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # a program without a standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _INFO_LINE.match(line):
                    os.write(2, line)
