"""Signals that end a program: each ends livecam in order, so that recordings are finished."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING_SIGNALS = tuple(
    getattr(signal, name)
    # SIGBREAK is what Windows sends when its console window is closed.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
)


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
    """Send `ENDING_SIGNALS` to `handler` inside the block. Also usable as a decorator.

    Outside the main thread it does nothing, because Python handles signals in the main thread only.
    """
    # A signal that the caller ignores stays ignored: nohup does so with SIGHUP.
    numbers = [number for number in ENDING_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    try:
        before = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
