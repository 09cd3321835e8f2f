"""Order and delay of frames: each has a painted number that the call app reads."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from images import paint_number, read_number
from kernel import CALL, FEED
from programs import CameraReader, Feed, Starter

from livecam.core.geometry import Size
from tests.support.tiny_model import write_model

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("loopback")]
SIZE = Size(320, 240)

LARGE = Size(640, 480)
"""An input size that takes the pipeline far longer, in the emulator, than the duration of a frame."""


@pytest.mark.parametrize("fps", [8, 60], ids=["in time", "too fast for the machine"])
def test_frames_arrive_once_in_order_newest_first(livecam: Starter, fps: float) -> None:
    with Feed(FEED, SIZE, fps, paint_number) as feed:
        program = livecam(camera=FEED, size=str(SIZE), background="navy")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(lambda frame: read_number(frame) is not None)
            numbers, delays = [], []
            for _ in range(40):
                number = read_number(reader.read())
                if number is not None:
                    numbers.append(number)
                    delays.append(feed.number - number)
        program.end()
    assert len(numbers) > 20
    assert all(before < after for before, after in pairwise(numbers)), numbers
    # A queue would grow with every frame that the machine can't process in time.
    assert max(delays[-5:]) < fps * 1.5, delays


def test_slow_machine_drops_frames_with_bounded_delay(livecam: Starter, tmp_path: Path) -> None:
    slow, fps = write_model(tmp_path, LARGE), 30.0
    with Feed(FEED, SIZE, fps, paint_number) as feed:
        program = livecam("--model", str(slow), camera=FEED, size=str(SIZE), background="navy")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(lambda frame: read_number(frame) is not None)
            began, first, numbers, delays = time.monotonic(), feed.number, [], []
            while time.monotonic() - began < 8:
                number = read_number(reader.read())
                if number is not None:
                    numbers.append(number)
                    delays.append(feed.number - number)
        program.end()
    assert all(before <= after for before, after in pairwise(numbers)), numbers
    shown, sent = len(set(numbers)), feed.number - first
    assert 3 < shown < sent / 2, "the model was not slow enough for this test to tell anything"
    # Twice the time of a frame: one is processed, one waits. A queue would be seconds behind.
    assert max(delays[len(delays) // 2 :]) < 3 * sent / shown + fps, delays
