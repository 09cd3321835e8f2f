"""The webcam is open only while a program reads the virtual camera."""

import os
import time

import pytest
from images import hides_room_bars, shows_person
from kernel import CALL, CAMERA, processes_using, wait_for
from programs import CameraReader, Livecam, Starter

from livecam.devices.v4l2 import query_capability
from livecam.devices.viewer_monitor import TOO_OLD

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam")]


def is_on(program: Livecam) -> bool:
    return program.pid in processes_using(CAMERA)


def watch_and_leave(program: Livecam) -> float:
    """Check that a viewer sees the person; return the seconds until the camera is closed again."""
    with CameraReader(CALL) as reader:
        assert hides_room_bars(reader.read_until(shows_person, 15))
        assert is_on(program)
    return wait_for(lambda: not is_on(program), 8)


def test_camera_is_open_only_while_there_is_a_viewer(loopback: str, livecam: Starter) -> None:
    program = livecam("--on-demand")
    program.wait_for("(on demand) to virtual camera")
    assert not is_on(program)
    for _ in range(2):
        assert watch_and_leave(program) < 3
    # Apps that list cameras open each one briefly, repeatedly.
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert query_capability(CALL)
        assert not is_on(program)
        time.sleep(0.1)
    assert program.output.count("a viewer is there: camera on (320x180 at 10 fps") == 2
    assert program.output.count("no viewer is left: camera off") == 2
    assert TOO_OLD not in program.output
    assert program.end() == 130


def test_older_module_is_polled(old_loopback: str, livecam: Starter) -> None:
    program = livecam("--on-demand")
    program.wait_for("(on demand) to virtual camera")
    time.sleep(1)
    assert not is_on(program)
    for _ in range(2):
        assert watch_and_leave(program) < 3.5
    assert program.output.count(TOO_OLD) == 1
    program.end()


def test_processes_using_reads_proc(webcam: str) -> None:
    handle = os.open(CAMERA, os.O_RDWR)
    assert processes_using(CAMERA) == [os.getpid()]
    os.close(handle)
    assert processes_using(CAMERA) == []
