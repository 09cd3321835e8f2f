"""Cameras that are pulled out, plugged in elsewhere, fall silent, or go on with what they showed last."""

import time

import pytest
from kernel import (
    CALL,
    CAMERA,
    FEED,
    disconnected,
    holders,
    load_stranger,
    load_webcams,
    set_control,
    unload,
    unplug,
)
from pictures import hides_room, paint_number, read_number, says_lost, shows_person
from programs import CameraReader, Feed, Starter

from livecam.core.geometry import Size
from livecam.core.types import Frame

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("webcam", "loopback")]


def hides(frame: Frame) -> bool:
    return says_lost(frame) or hides_room(frame)


def test_a_camera_pulled_out_is_covered_and_found_by_its_name_where_it_is_plugged_in(
    livecam: Starter,
) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        unplug()
        program.wait_for("camera vivid-000-vid-cap lost: plug it in again", 5)
        assert hides(reader.read_until(says_lost, 5))
        # Meanwhile the call goes on.
        began = time.monotonic()
        assert all(says_lost(reader.read()) for _ in range(5))
        assert time.monotonic() - began < 3
        unload("vivid")
        load_webcams(first=4)
        try:
            plugged_in = time.monotonic()
            frame = reader.read_until(lambda seen: shows_person(seen) and hides(seen), 20)
            assert time.monotonic() - plugged_in < 3
            assert hides_room(frame)
            assert "the camera is back" in program.said
        finally:
            program.end()
            unload("vivid")


def test_another_camera_in_its_place_is_never_taken_for_the_lost_one(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        unplug()
        reader.read_until(says_lost, 5)
        unload("vivid")
        load_stranger()
        try:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                assert says_lost(reader.read())
                assert program.pid not in holders(CAMERA)
        finally:
            program.end()
            unload("vivid")


def test_a_broken_connection_is_covered_and_mended(livecam: Starter) -> None:
    program = livecam()
    program.wait_for("to virtual camera")
    with CameraReader(CALL) as reader:
        reader.read_until(shows_person)
        with disconnected(CAMERA):
            assert hides(reader.read_until(says_lost, 5))
        back = time.monotonic()
        assert hides_room(reader.read_until(shows_person, 20))
        assert time.monotonic() - back < 3
    assert program.said.count("lost") == 1


def test_a_driver_that_repeats_its_last_picture_is_noticed(livecam: Starter) -> None:
    set_control(FEED, "sustain_framerate", 1)
    with Feed(FEED, Size(320, 240), 10, paint_number) as feed:
        program = livecam(camera=FEED, size="320x240")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(read_number)
            feed.paused.set()
            reader.read_until(says_lost, 12)
            feed.paused.clear()
            reader.read_until(read_number, 12)
        program.end()
    set_control(FEED, "sustain_framerate", 0)
