"""Helpers for tests that run whole commands."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from livecam.cli.main import main
from livecam.core.geometry import Size
from livecam.video.video_reader import VideoReader

TOP = Path(__file__).parent.parent.parent
FAILED, USAGE, INTERRUPTED = 1, 2, 130
LARGE = Size(320, 240)
LIVE = "--camera room.png --model green.tflite --background teal --no-virtual-camera --seconds 8"


def run_and_fail(arguments: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command that fails; return the exit code and the only line on stderr."""
    code = main(arguments.split())
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.startswith("livecam: ")
    assert output.err.count("\n") == 1, output.err
    return code, output.err


def read_frames(path: Path | str) -> list[np.ndarray]:
    """Return all frames of a video."""
    with VideoReader(path) as clip:
        return list(clip)


def crop_room(frame: np.ndarray) -> np.ndarray:
    """Return the part of the frame that showed the room, without the soft edge of the person."""
    return np.hstack([frame[:, :80], frame[:, 240:]])


def corner_color(path: Path | str) -> tuple[int, ...]:
    """Return a pixel near the top left corner of the third frame, RGB."""
    return tuple(int(value) for value in read_frames(path)[2][4, 4])


@contextmanager
def start_livecam(arguments: str, **more: object) -> Iterator["subprocess.Popen[str]"]:
    """Run livecam in another process, and kill it at the end of the block."""
    command = [sys.executable, "-m", "livecam", *arguments.split()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(condition: object, seconds: float = 15.0) -> None:
    """Wait until `condition()` is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)
