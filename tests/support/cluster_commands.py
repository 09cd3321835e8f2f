"""Commands with `--cluster` that are interrupted, killed, and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.support.command_line import TOP

State = dict[str, Any]
"""What is finished, by name; a value differs where the same is done again."""


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
    process = _start(arguments)
    _wait(process, finished, 1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, ""), errors
    assert errors.splitlines()[-1] == "livecam: interrupted"
    assert len(errors.splitlines()) == 2, errors
    after_ctrl_c()
    first = finished()

    process = _start(arguments)
    _wait(process, finished, len(first) + 1)
    process.kill()
    process.communicate()
    second = finished()
    assert first.items() <= second.items(), "what the first run has finished is done again"

    process = _start(arguments)
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return Runs(first, second, json.loads(output))


def _start(arguments: Sequence[Any]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "livecam", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOP)},
    )


def _wait(process: "subprocess.Popen[str]", finished: Callable[[], State], count: int) -> None:
    """Wait until so much is finished."""
    while len(finished()) < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
