"""A webcam, livecam, a virtual camera, and a call app that reads it: each a process or driver of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from kernel import ALL_CAPS, CALL, OTHER_CAMERA, SECOND, set_control, wait_for
from pictures import bars, hides_room, shows_person
from programs import CameraReader, Starter, feed_with_ffmpeg, open_when_ready, read_with_ffmpeg

from livecam.core.geometry import Size

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam", "loopback")]
SMALL = Size(320, 180)


def test_a_call_app_sees_the_person_before_the_backdrop_and_nothing_of_the_room(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("camera /dev/video0 (320x180 at 10 fps")
    assert "to virtual camera /dev/video10" in program.said
    with CameraReader(CALL) as reader:
        assert hides_room(reader.read_until(shows_person))
        assert all(hides_room(reader.read()) for _ in range(5))
    seen = read_with_ffmpeg(CALL, SMALL, 5)
    assert all(hides_room(frame) for frame in seen)
    assert any(shows_person(frame) for frame in seen)
    assert program.end() == 130


def test_a_call_app_may_be_there_first_and_stay_while_livecam_ends_and_dies_and_comes_again(
    livecam: Starter,
) -> None:
    first = livecam()
    with open_when_ready(CALL) as reader:
        for program, number in ((first, signal.SIGINT), (livecam, signal.SIGKILL), (livecam, None)):
            running = program() if program is livecam else first
            running.wait_for("to virtual camera")
            assert hides_room(reader.read_until(shows_person))
            if number:
                assert running.end(number) == (130 if number == signal.SIGINT else -9)


def test_two_livecams_feed_two_devices_each_its_own_camera(livecam: Starter) -> None:
    programs = [livecam(), livecam(camera=OTHER_CAMERA, device="second one", background="olive")]
    for program in programs:
        program.wait_for("to virtual camera")
    assert f"virtual camera {SECOND}" in programs[1].said
    with CameraReader(CALL) as one, CameraReader(SECOND) as two:
        assert hides_room(one.read_until(shows_person))
        other = two.read_until(shows_person)
        assert (np.abs(bars(other)[[0, 4, 5, 6, 7]] - (128, 128, 0)) <= 3).all()


@pytest.mark.parametrize("device", [CALL, "livecam"])
def test_a_device_that_another_program_feeds_is_refused_in_one_line(livecam: Starter, device: str) -> None:
    with feed_with_ffmpeg(CALL, "yuv420p", SMALL):
        program = livecam(device=device)
        wait_for(lambda: program.code is not None, 20)
    assert program.code == 1
    assert program.said.count("\n") == 1
    assert "feeds it already" in program.said or "busy" in program.said


def test_no_other_device_is_taken_for_one_that_is_not_there(livecam: Starter) -> None:
    program = livecam(device="no such label")
    wait_for(lambda: program.code is not None, 20)
    assert program.code == 1
    assert program.said.count("\n") == 1
    assert "no such label" in program.said
    assert "/dev/video10 (livecam)" in program.said


@contextmanager
def keeping_format(path: str) -> Iterator[None]:
    with feed_with_ffmpeg(path, "yuv420p", Size(640, 480)):
        set_control(path, "keep_format", 1)
    try:
        yield
    finally:
        set_control(path, "keep_format", 0)


def test_a_format_that_is_kept_gets_frames_of_its_size(livecam: Starter) -> None:
    with keeping_format(ALL_CAPS):
        livecam(device=ALL_CAPS).wait_for("to virtual camera")
        with open_when_ready(ALL_CAPS) as reader:
            frame = reader.read_until(shows_person)
    assert Size.of(frame) == Size(640, 480)
    assert hides_room(frame)


def test_a_kept_format_that_shuts_livecam_out_is_said_with_the_remedy(livecam: Starter) -> None:
    with keeping_format(CALL):
        program = livecam()
        wait_for(lambda: program.code is not None, 20)
    assert (program.code, program.said.count("\n")) == (1, 1)
    assert "v4l2-ctl -d /dev/video10 -c keep_format=0" in program.said


def test_an_app_that_stays_gets_frames_of_its_size_when_livecam_is_started_with_another(
    livecam: Starter,
) -> None:
    first = livecam()
    with open_when_ready(CALL) as reader:
        reader.read_until(shows_person)
        first.end()
        livecam(size="640x360").wait_for("to virtual camera")
        frame = reader.read_until(shows_person)
    assert Size.of(frame) == SMALL
    assert hides_room(frame)


def test_without_exclusive_caps_it_works_too(livecam: Starter) -> None:
    livecam(device=ALL_CAPS).wait_for(f"virtual camera {ALL_CAPS}")
    with CameraReader(ALL_CAPS) as reader:
        assert hides_room(reader.read_until(shows_person))
    assert hides_room(read_with_ffmpeg(ALL_CAPS, SMALL)[0])


def test_a_full_hd_camera_reaches_the_call_at_its_size(livecam: Starter) -> None:
    program = livecam(size="1920x1080", fps="5")
    program.wait_for("camera /dev/video0 (1920x1080 at 5 fps")
    with CameraReader(CALL) as reader:
        frame = reader.read_until(shows_person, 20)
    assert Size.of(frame) == Size(1920, 1080)
    assert hides_room(frame)
