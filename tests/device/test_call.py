"""A webcam, livecam, a virtual camera, and a call app that reads it: each a process or driver of its own."""

import numpy as np
import pytest
from programs import Reader, read_with_ffmpeg

from livecam.frames import Frame, Size

pytestmark = pytest.mark.device

TEAL = (0, 128, 128)
SIZE = Size(320, 180)
WHITE, YELLOW, CYAN, GREEN, MAGENTA, RED, BLUE, BLACK = range(8)
ROOM = (WHITE, MAGENTA, RED, BLUE, BLACK)


def bars(frame: Frame) -> np.ndarray:
    """The colours of vivid's eight bars, in their middle: int, shape (8, 3)."""
    step = frame.shape[1] / 8
    middle = frame.shape[0] // 2
    return np.array([frame[middle, int(step * (bar + 0.5))] for bar in range(8)], int)


def shows_person(frame: Frame) -> bool:
    red, green, blue = bars(frame)[GREEN]
    return green > 120 and red < 60 and blue < 60


def hides_room(frame: Frame) -> bool:
    return bool((np.abs(bars(frame)[list(ROOM)] - TEAL) <= 3).all())


def test_a_call_app_sees_the_person_before_the_backdrop_and_nothing_of_the_room(
    webcam: str, loopback: str, livecam
) -> None:
    program = livecam()
    program.wait_for("virtual camera /dev/video10")
    with Reader(loopback) as reader:
        frame = reader.read_until(shows_person)
        assert hides_room(frame)
    seen = read_with_ffmpeg(loopback, SIZE, 5)
    assert all(hides_room(frame) for frame in seen)
    assert any(shows_person(frame) for frame in seen)
