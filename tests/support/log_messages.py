"""Collector of the messages that livecam logs for the user."""

import logging


class MessageCollector(logging.Handler):
    """Collects what livecam logs for the user while the `with` block runs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def __enter__(self) -> "MessageCollector":
        logger = logging.getLogger("livecam")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("livecam").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a message."""
        self.texts.append(record.getMessage())
