"""Cameras that are unplugged, plugged in elsewhere, stop sending, or repeat their last frame."""

import time

import pytest
from images import hides_room_bars, paint_number, read_number, shows_lost_message, shows_person
from kernel import (
    CALL,
    CAMERA,
    FEED,
    disconnected,
    load_other_webcam,
    load_webcams,
    processes_using,
    set_control,
    unload,
    unplug,
)
from programs import CameraReader, Feed, Starter

from livecam.core.geometry import Size
from livecam.core.types import Frame

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam", "loopback")]


def hides_background_or_lost(frame: Frame) -> bool:
    return shows_lost_message(frame) or hides_room_bars(frame)


def test_unplugged_camera_is_covered_and_found_by_name(
    livecam: Starter,
) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        unplug()
        program.wait_for("camera vivid-000-vid-cap lost: plug it in again", 5)
        assert hides_background_or_lost(reader.read_until(shows_lost_message, 5))
        # The virtual camera still gives frames meanwhile.
        began = time.monotonic()
        assert all(shows_lost_message(reader.read()) for _ in range(5))
        assert time.monotonic() - began < 3
        unload("vivid")
        load_webcams(first=4)
        try:
            plugged_in = time.monotonic()
            frame = reader.read_until(
                lambda shown: shows_person(shown) and hides_background_or_lost(shown), 20
            )
            assert time.monotonic() - plugged_in < 3
            assert hides_room_bars(frame)
            assert "the camera is back" in program.output
        finally:
            program.end()
            unload("vivid")


def test_another_camera_never_replaces_the_lost_one(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        unplug()
        reader.read_until(shows_lost_message, 5)
        unload("vivid")
        load_other_webcam()
        try:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                assert shows_lost_message(reader.read())
                assert program.pid not in processes_using(CAMERA)
        finally:
            program.end()
            unload("vivid")


def test_broken_connection_is_covered_and_reopened(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        with disconnected(CAMERA):
            assert hides_background_or_lost(reader.read_until(shows_lost_message, 5))
        back = time.monotonic()
        assert hides_room_bars(reader.read_until(shows_person, 20))
        assert time.monotonic() - back < 3
    assert program.output.count("lost") == 1


def test_driver_that_repeats_its_last_frame_is_lost(livecam: Starter) -> None:
    set_control(FEED, "sustain_framerate", 1)
    with Feed(FEED, Size(320, 240), 10, paint_number) as feed:
        program = livecam(camera=FEED, size="320x240")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(read_number)
            feed.paused.set()
            reader.read_until(shows_lost_message, 12)
            feed.paused.clear()
            reader.read_until(read_number, 12)
        program.end()
    set_control(FEED, "sustain_framerate", 0)
