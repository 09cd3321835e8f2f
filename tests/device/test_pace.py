"""A number painted into each frame of the source is read at the other end."""

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
"""An input that takes the network, and all that follows it, far longer in there than a frame lasts."""


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
    # A queue would grow with each frame that the machine has no time for.
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
    # Twice what a frame takes: one in the works, one that waited. A queue would be seconds behind by now.
    assert max(delays[len(delays) // 2 :]) < 3 * sent / shown + fps, delays
