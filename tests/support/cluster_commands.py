"""Commands with `--cluster` that are interrupted, killed, and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.support.command_line import TOP

State = dict[str, Any]
"""What is finished, by name; a value differs where the same is done again."""
MAX_SECONDS = 200
"""How long a command may take to finish something, and to end."""


class Runs(NamedTuple):
    """What was finished after Ctrl-C and after the kill, and the JSON summary of the third run."""

    interrupted: State
    killed: State
    summary: dict[str, Any]


def interrupt_kill_and_finish(
    arguments: Sequence[Any], finished: Callable[[], State], after_ctrl_c: Callable[[], None] = lambda: None
) -> Runs:
    """Run a command three times, and check that the first two end in the middle and lose nothing.

    Args:
        arguments: the command line; the command writes nothing but its summary to stdout.
        finished: returns what is finished.
        after_ctrl_c: is called after the first run.
    """
    with _command(arguments) as process:
        _wait(process, finished, 1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, ""), errors
    assert errors.splitlines()[-1] == "livecam: interrupted"
    assert len(errors.splitlines()) == 2, errors
    after_ctrl_c()
    first = finished()

    with _command(arguments) as process:
        _wait(process, finished, len(first) + 1)
    second = finished()
    assert first.items() <= second.items(), "what the first run has finished is done again"

    with _command(arguments) as process:
        output, errors = process.communicate(timeout=MAX_SECONDS)
    assert process.returncode == 0, errors
    return Runs(first, second, json.loads(output))


@contextmanager
def _command(arguments: Sequence[Any]) -> Iterator["subprocess.Popen[str]"]:
    """Run a command; kill it at the end, if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "livecam", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait(process: "subprocess.Popen[str]", finished: Callable[[], State], count: int) -> None:
    """Wait until so much is finished."""
    end = time.monotonic() + MAX_SECONDS
    while len(finished()) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the command finishes nothing"
        time.sleep(0.01)
