"""A number painted into each frame of the source is read at the other end."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from kernel import CALL, FEED
from pictures import paint_number, read_number
from programs import CameraReader, Feed, Starter

from livecam.core.geometry import Size
from tests.support.tiny_model import write_model

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("loopback")]
SIZE = Size(320, 240)

LARGE = Size(640, 480)
"""An input that takes the network, and all that follows it, far longer in there than a frame lasts."""


@pytest.mark.parametrize("fps", [8, 60], ids=["in time", "too fast for the machine"])
def test_frames_arrive_once_in_order_and_the_newest_wins(livecam: Starter, fps: float) -> None:
    with Feed(FEED, SIZE, fps, paint_number) as feed:
        program = livecam(camera=FEED, size=str(SIZE), background="navy")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(lambda frame: read_number(frame) is not None)
            seen, late = [], []
            for _ in range(40):
                number = read_number(reader.read())
                if number is not None:
                    seen.append(number)
                    late.append(feed.number - number)
        program.end()
    assert len(seen) > 20
    assert all(before < after for before, after in pairwise(seen)), seen
    # A queue would grow with each frame that the machine has no time for.
    assert max(late[-5:]) < fps * 1.5, late


def test_a_machine_that_is_far_too_slow_drops_frames_and_is_never_later_than_it_must(
    livecam: Starter, tmp_path: Path
) -> None:
    slow, fps = write_model(tmp_path, LARGE), 30.0
    with Feed(FEED, SIZE, fps, paint_number) as feed:
        program = livecam("--model", str(slow), camera=FEED, size=str(SIZE), background="navy")
        program.wait_for("to virtual camera")
        with CameraReader(CALL) as reader:
            reader.read_until(lambda frame: read_number(frame) is not None)
            began, first, seen, late = time.monotonic(), feed.number, [], []
            while time.monotonic() - began < 8:
                number = read_number(reader.read())
                if number is not None:
                    seen.append(number)
                    late.append(feed.number - number)
        program.end()
    assert all(before <= after for before, after in pairwise(seen)), seen
    shown, given = len(set(seen)), feed.number - first
    assert 3 < shown < given / 2, "the model was not slow enough for this test to tell anything"
    # Twice what a frame takes: one in the works, one that waited. A queue would be seconds behind by now.
    assert max(late[len(late) // 2 :]) < 3 * given / shown + fps, late
