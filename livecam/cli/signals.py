"""Ctrl-C and SIGTERM: both end livecam in order, so that recordings are finished and nothing is lost."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    """End what is running.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


@contextmanager
def handle_termination(
    handler: Callable[[int, FrameType | None], None] = raise_keyboard_interrupt,
) -> Iterator[None]:
    """Within it, both signals go to `handler`."""
    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
