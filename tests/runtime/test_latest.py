import itertools
import threading
import time

import pytest

from livecam.core.errors import CameraError, ClipError
from livecam.runtime.latest import Closed, Idle, Latest, Reader

SOON = 5.0


def test_the_newest_wins_and_the_rest_are_counted():
    box = Latest()
    for number in range(5):
        box.put(number)
    assert box.take(0) == 4
    assert box.dropped == 4


def test_what_was_taken_is_not_there_any_more():
    box = Latest()
    box.put("one")
    assert box.take(0) == "one"
    assert box.take(0.01) is None


def test_taking_waits_for_what_comes():
    box = Latest()
    timer = threading.Timer(0.05, box.put, ["late"])
    timer.start()
    assert box.take(SOON) == "late"


def test_an_error_is_raised_in_the_taker_once_and_hides_what_is_of_the_past():
    box = Latest()
    box.put("before")
    box.fail(CameraError("lost"))
    with pytest.raises(CameraError):
        box.take(0)
    assert box.take(0) is None
    box.put("after")
    assert box.take(0) == "after"


def test_what_lies_there_can_be_taken_after_closing_and_then_it_is_closed():
    box = Latest()
    box.put("last")
    box.close()
    box.put("too late")
    assert box.take(0) == "last"
    for _ in range(2):
        with pytest.raises(Closed):
            box.take(SOON)


def test_closing_wakes_the_one_who_waits():
    box = Latest()
    timer = threading.Timer(0.05, box.close)
    timer.start()
    start = time.monotonic()
    with pytest.raises(Closed):
        box.take(SOON)
    assert time.monotonic() - start < SOON / 2


class FakeSource:
    """Plays `runs` one after the other: items, and errors to raise; notes who closed it and how often."""

    def __init__(self, *runs):
        self.runs = iter(runs)
        self.closed_by = []

    def __iter__(self):
        for item in next(self.runs):
            if isinstance(item, Exception):
                raise item
            if callable(item):
                item()
            else:
                yield item

    def __exit__(self, *_):
        self.closed_by.append(threading.current_thread().name)


def reading(source, retry_seconds=0.01):
    reader = Reader(source, retry_seconds=retry_seconds)
    reader.start()
    return reader


def test_an_idle_source_is_asked_again_at_once_and_nobody_is_told():
    reader = reading(FakeSource([1, Idle()], [Idle()], [2]), retry_seconds=60)
    assert reader.ended.wait(SOON)
    assert reader.take(SOON) == 2
    with pytest.raises(Closed):
        reader.take(SOON)


def test_the_end_of_the_source_closes_it_in_the_readers_thread():
    source = FakeSource([1])
    reader = reading(source)
    assert reader.ended.wait(SOON)
    assert source.closed_by == ["livecam-reader"]
    assert reader.take(SOON) == 1
    with pytest.raises(Closed):
        reader.take(SOON)


def test_a_lost_camera_is_told_and_tried_again():
    told = threading.Event()
    source = FakeSource([CameraError("lost")], [lambda: told.wait(SOON), "back"])
    reader = reading(source)
    with pytest.raises(CameraError):
        reader.take(SOON)
    told.set()
    assert reader.take(SOON) == "back"
    assert reader.ended.wait(SOON)
    assert len(source.closed_by) == 1


def test_any_other_error_ends_it():
    source = FakeSource([ClipError("damaged")])
    reader = reading(source)
    with pytest.raises(ClipError):
        reader.take(SOON)
    with pytest.raises(Closed):
        reader.take(SOON)
    assert len(source.closed_by) == 1


def test_an_error_while_closing_is_told_too():
    class Sticky(FakeSource):
        def __exit__(self, *_):
            raise OSError("sticks")

    reader = reading(Sticky([]))
    assert reader.ended.wait(SOON)
    with pytest.raises(OSError, match="sticks"):
        reader.take(SOON)


def test_stopping_returns_at_once_though_the_driver_blocks_and_closes_when_it_comes_back():
    driver = threading.Event()
    source = FakeSource([1, driver.wait, 2, 3])
    reader = reading(source)
    assert reader.take(SOON) == 1
    start = time.monotonic()
    reader.stop()
    assert time.monotonic() - start < 0.5
    assert source.closed_by == []
    driver.set()
    assert reader.ended.wait(SOON)
    assert len(source.closed_by) == 1
    with pytest.raises(Closed):
        reader.take(0)


def test_stopping_ends_a_source_that_has_no_end():
    source = FakeSource(itertools.count())
    reader = reading(source)
    assert reader.take(SOON) is not None
    reader.stop()
    assert reader.ended.wait(SOON)


def test_stopping_ends_the_wait_for_a_lost_camera():
    source = FakeSource([CameraError("lost")])
    reader = reading(source, retry_seconds=3600)
    with pytest.raises(CameraError):
        reader.take(SOON)
    reader.stop()
    assert reader.ended.wait(SOON)
    assert len(source.closed_by) == 1
