"""A number painted into each frame of the source is read at the other end."""

from itertools import pairwise

import pytest
from kernel import CALL, FEED
from pictures import paint_number, read_number
from programs import Feed, Reader, Starter

from livecam.frames import Size

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("loopback")]
SIZE = Size(320, 240)


@pytest.mark.parametrize("fps", [8, 60], ids=["in time", "too fast for the machine"])
def test_frames_arrive_once_in_order_and_the_newest_wins(livecam: Starter, fps: float) -> None:
    with Feed(FEED, SIZE, fps, paint_number) as feed:
        program = livecam(camera=FEED, size=str(SIZE), background="navy")
        program.wait_for("to virtual camera")
        with Reader(CALL) as reader:
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
