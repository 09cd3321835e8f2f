"""Signals that end a program."""

import os
import signal
import threading
import time

import pytest

from livecam.cli.signals import handle_termination


class SignalInFinalizer:
    """Gets a signal while its finalizer runs, in which Python ignores exceptions."""

    def __init__(self, number: signal.Signals, ended: threading.Event) -> None:
        self._number, self._ended = number, ended

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)
        time.sleep(0.05)
        self._ended.set()


@pytest.mark.skipif(os.name != "posix", reason="os.kill sends no signals on Windows")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_in_a_finalizer_interrupts_after_it(number: signal.Signals) -> None:
    ended = threading.Event()

    @handle_termination()
    def run() -> None:
        finalized = SignalInFinalizer(number, ended)
        del finalized
        time.sleep(20)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert ended.is_set()
    assert time.monotonic() - start < 15
