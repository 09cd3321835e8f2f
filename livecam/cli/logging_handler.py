"""Logging on the command line: messages of livecam's packages become lines on stderr."""

import logging
import sys
from contextlib import suppress


class _StderrHandler(logging.Handler):
    """Prints ``livecam: message`` to the current `sys.stderr`; a closed stream is ignored."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            print(f"livecam: {record.getMessage()}", file=sys.stderr, flush=True)


def install_handler(debug: bool = False) -> None:
    """Print messages of the ``livecam`` loggers at INFO and above; with `debug`, at DEBUG and above.

    May be called again: there is one handler per process, and the last level holds.
    """
    logger = logging.getLogger("livecam")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if not any(isinstance(handler, _StderrHandler) for handler in logger.handlers):
        logger.addHandler(_StderrHandler())
