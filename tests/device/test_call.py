"""Webcam, livecam, virtual camera and call app, each a process or driver of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from images import bars, hides_room_bars, shows_person
from kernel import ALL_CAPS, CALL, OTHER_CAMERA, SECOND, set_control, wait_for
from programs import CameraReader, Starter, feed_with_ffmpeg, open_when_ready, read_with_ffmpeg

from livecam.core.geometry import Size

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam", "loopback")]
SMALL = Size(320, 180)


def test_call_app_sees_person_and_background_only(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("camera /dev/video0 (320x180 at 10 fps")
    assert "to virtual camera /dev/video10" in program.output
    with CameraReader(CALL) as reader:
        assert hides_room_bars(reader.read_until(shows_person))
        assert all(hides_room_bars(reader.read()) for _ in range(5))
    frames = read_with_ffmpeg(CALL, SMALL, 5)
    assert all(hides_room_bars(frame) for frame in frames)
    assert any(shows_person(frame) for frame in frames)
    assert program.end() == 130


def test_call_app_stays_while_livecam_ends_and_restarts(
    livecam: Starter,
) -> None:
    first = livecam()
    with open_when_ready(CALL) as reader:
        for program, number in ((first, signal.SIGINT), (livecam, signal.SIGKILL), (livecam, None)):
            running = program() if program is livecam else first
            running.wait_for("to virtual camera")
            assert hides_room_bars(reader.read_until(shows_person))
            if number:
                assert running.end(number) == (130 if number == signal.SIGINT else -9)


def test_two_livecams_feed_two_devices(livecam: Starter) -> None:
    programs = [livecam(), livecam(camera=OTHER_CAMERA, device="second one", background="olive")]
    for program in programs:
        program.wait_for("to virtual camera")
    assert f"virtual camera {SECOND}" in programs[1].output
    with CameraReader(CALL) as one, CameraReader(SECOND) as two:
        assert hides_room_bars(one.read_until(shows_person))
        other = two.read_until(shows_person)
        assert (np.abs(bars(other)[[0, 4, 5, 6, 7]] - (128, 128, 0)) <= 3).all()


@pytest.mark.parametrize("device", [CALL, "livecam"])
def test_device_fed_by_another_program_is_refused(livecam: Starter, device: str) -> None:
    with feed_with_ffmpeg(CALL, "yuv420p", SMALL):
        program = livecam(device=device)
        wait_for(lambda: program.code is not None, 20)
    assert program.code == 1
    assert program.output.count("\n") == 1
    assert "feeds it already" in program.output or "busy" in program.output


def test_missing_device_is_not_replaced_by_another(livecam: Starter) -> None:
    program = livecam(device="no such label")
    wait_for(lambda: program.code is not None, 20)
    assert program.code == 1
    assert program.output.count("\n") == 1
    assert "no such label" in program.output
    assert "/dev/video10 (livecam)" in program.output


@contextmanager
def pinned_format(path: str) -> Iterator[None]:
    with feed_with_ffmpeg(path, "yuv420p", Size(640, 480)):
        set_control(path, "keep_format", 1)
    try:
        yield
    finally:
        set_control(path, "keep_format", 0)


def test_pinned_format_gets_frames_of_its_size(livecam: Starter) -> None:
    with pinned_format(ALL_CAPS):
        livecam(device=ALL_CAPS).wait_for("to virtual camera")
        with open_when_ready(ALL_CAPS) as reader:
            frame = reader.read_until(shows_person)
    assert Size.of(frame) == Size(640, 480)
    assert hides_room_bars(frame)


def test_pinned_format_that_blocks_livecam_has_a_remedy(livecam: Starter) -> None:
    with pinned_format(CALL):
        program = livecam()
        wait_for(lambda: program.code is not None, 20)
    assert (program.code, program.output.count("\n")) == (1, 1)
    assert "v4l2-ctl -d /dev/video10 -c keep_format=0" in program.output


def test_app_that_stays_gets_its_size_after_a_restart(
    livecam: Starter,
) -> None:
    first = livecam()
    with open_when_ready(CALL) as reader:
        reader.read_until(shows_person)
        first.end()
        livecam(size="640x360").wait_for("to virtual camera")
        frame = reader.read_until(shows_person)
    assert Size.of(frame) == SMALL
    assert hides_room_bars(frame)


def test_device_without_exclusive_caps_works(livecam: Starter) -> None:
    livecam(device=ALL_CAPS).wait_for(f"virtual camera {ALL_CAPS}")
    with CameraReader(ALL_CAPS) as reader:
        assert hides_room_bars(reader.read_until(shows_person))
    assert hides_room_bars(read_with_ffmpeg(ALL_CAPS, SMALL)[0])


def test_full_hd_camera_keeps_its_size(livecam: Starter) -> None:
    program = livecam(size="1920x1080", fps="5")
    program.wait_for("camera /dev/video0 (1920x1080 at 5 fps")
    with CameraReader(CALL) as reader:
        frame = reader.read_until(shows_person, 20)
    assert Size.of(frame) == Size(1920, 1080)
    assert hides_room_bars(frame)
