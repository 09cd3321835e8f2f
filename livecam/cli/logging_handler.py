"""Logging on the command line: messages of livecam's packages become lines on stderr."""

import logging

from livecam.cli.messages import print_message


class _MessageHandler(logging.Handler):
    """Prints ``livecam: message`` to the current `sys.stderr`, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        print_message(record.getMessage())


def install_handler(debug: bool = False) -> None:
    """Print messages of the ``livecam`` loggers at INFO and above; with `debug`, at DEBUG and above.

    May be called again: there is one handler per process, and the last level holds.
    """
    logger = logging.getLogger("livecam")
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if not any(isinstance(handler, _MessageHandler) for handler in logger.handlers):
        logger.addHandler(_MessageHandler())
