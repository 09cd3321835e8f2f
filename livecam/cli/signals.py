"""Ctrl-C and SIGTERM: both end livecam in order, so that recordings are finished."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what is running, as a signal handler.

    Raises:
        KeyboardInterrupt: always.
    """
    raise KeyboardInterrupt


@contextmanager
def handle_termination(
    handler: Callable[[int, FrameType | None], None] = raise_keyboard_interrupt,
) -> Iterator[None]:
    """Send SIGINT and SIGTERM to `handler` inside the block. Also usable as a decorator.

    Outside the main thread it does nothing, because Python handles signals in the main thread only.
    """
    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
