import threading
import time

import pytest

from livecam.core.background_thread import BackgroundThread, LatestSlot, SlotClosed
from livecam.core.errors import CameraError
from tests.support.fakes import BlockingCall

SOON = 5.0


def test_the_newest_wins_and_the_rest_are_counted():
    box = LatestSlot()
    for number in range(5):
        box.put(number)
    assert box.get(0) == 4
    assert box.dropped == 4


def test_what_was_taken_is_not_there_any_more():
    box = LatestSlot()
    box.put("one")
    assert box.get(0) == "one"
    assert box.get(0.01) is None


def test_taking_waits_for_what_comes():
    box = LatestSlot()
    timer = threading.Timer(0.05, box.put, ["late"])
    timer.start()
    assert box.get(SOON) == "late"


def test_an_error_is_raised_in_the_taker_once_and_hides_what_is_of_the_past():
    box = LatestSlot()
    box.put("before")
    box.fail(CameraError("lost"))
    with pytest.raises(CameraError):
        box.get(0)
    assert box.get(0) is None
    box.put("after")
    assert box.get(0) == "after"


def test_what_lies_there_can_be_taken_after_closing_and_then_it_is_closed():
    box = LatestSlot()
    box.put("last")
    box.close()
    box.put("too late")
    assert box.get(0) == "last"
    for _ in range(2):
        with pytest.raises(SlotClosed):
            box.get(SOON)


def test_closing_wakes_the_one_who_waits():
    box = LatestSlot()
    timer = threading.Timer(0.05, box.close)
    timer.start()
    start = time.monotonic()
    with pytest.raises(SlotClosed):
        box.get(SOON)
    assert time.monotonic() - start < SOON / 2


class Counter(BackgroundThread[int]):
    """Publishes 1, 2, 3; then raises `error` or waits until it is stopped."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("livecam-counter")
        self.error, self.released = error, list[str]()

    def _run(self) -> None:
        for number in (1, 2, 3):
            self.output.put(number)
        if self.error:
            raise self.error
        self._stopping.wait(SOON)

    def _release(self) -> None:
        self.released.append(threading.current_thread().name)


def test_thread_is_a_named_daemon_and_releases_in_itself_once():
    counter = Counter()
    counter.start()
    assert counter._thread.daemon
    counter.stop()
    counter.stop()
    assert counter.ended.wait(SOON)
    assert counter.released == ["livecam-counter"]


def test_thread_error_is_raised_in_the_consumer_and_ends_the_output():
    counter = Counter(OSError("gone"))
    counter.start()
    assert counter.ended.wait(SOON)
    with pytest.raises(OSError, match="gone"):
        counter.get(SOON)
    with pytest.raises(SlotClosed):
        counter.get(SOON)


def test_thread_stop_returns_although_its_work_blocks():
    blocked = BlockingCall()

    class Stuck(Counter):
        def _run(self) -> None:
            blocked()

    stuck = Stuck()
    stuck.start()
    start = time.monotonic()
    stuck.stop()
    assert time.monotonic() - start < 0.5
    assert not stuck.ended.is_set()
    blocked.released.set()
    assert stuck.ended.wait(SOON)


def test_thread_error_while_releasing_is_raised_in_the_consumer():
    class Sticky(Counter):
        def _release(self) -> None:
            raise OSError("sticks")

    sticky = Sticky()
    sticky.start()
    assert sticky.get(SOON) in (1, 2, 3)
    sticky._stopping.set()
    assert sticky.ended.wait(SOON)
    with pytest.raises(OSError, match="sticks"):
        sticky.get(SOON)
