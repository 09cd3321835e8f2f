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


def signals_to_handle() -> list[signal.Signals]:
    """Return the signals that end livecam: all, but SIGHUP only if the caller (nohup) doesn't ignore it.

    Shells ignore SIGINT and SIGQUIT for programs in the background; livecam still ends in order by them.
    """
    hangup = getattr(signal, "SIGHUP", None)
    return [n for n in ENDING_SIGNALS if n != hangup or signal.getsignal(n) != signal.SIG_IGN]


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
    try:
        before = {number: signal.signal(number, handler) for number in signals_to_handle()}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
