"""Signals that end a program: each ends livecam in order, so that recordings are finished."""

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING_SIGNALS = tuple(
    getattr(signal, name)
    # SIGBREAK is what Windows sends when its console window is closed.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
)

_AGAIN_SECONDS = 0.02


def signals_to_handle() -> list[signal.Signals]:
    """Return the signals that end livecam: all, but SIGHUP only if the caller (nohup) doesn't ignore it.

    Shells ignore SIGINT and SIGQUIT for programs in the background; livecam still ends in order by them.
    """
    hangup = getattr(signal, "SIGHUP", None)
    return [n for n in ENDING_SIGNALS if n != hangup or signal.getsignal(n) != signal.SIG_IGN]


def raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what is running, as a signal handler.

    Python ignores the exceptions of finalizers, such as those of Ray's generators. A signal that comes while
    one runs would be lost, so it is sent again a moment later.

    Raises:
        KeyboardInterrupt: outside of finalizers.
    """
    if _is_in_finalizer(frame):
        again = threading.Timer(_AGAIN_SECONDS, _send_to_main_thread, (number,))
        again.daemon = True
        again.start()
        return
    raise KeyboardInterrupt


def _is_in_finalizer(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _send_to_main_thread(number: int) -> None:
    ident = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:
        # Unlike `interrupt_main`, this also interrupts a system call in which the main thread waits.
        signal.pthread_kill(ident, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


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
