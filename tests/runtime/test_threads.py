import itertools
import threading
import time

import numpy as np
import pytest

from livecam.core.background_thread import LatestSlot, SlotClosed
from livecam.core.errors import CameraError, VideoError
from livecam.core.types import Frame
from livecam.runtime.threads import CaptureThread, ProcessingThread
from livecam.sources.base import SourceIdle
from tests.support.fakes import BlockingCall, secret_frame

FRAME = secret_frame()


class FakePipeline:
    """Turns frames around and counts its resets."""

    def __init__(self) -> None:
        self.resets = 0
        self.recorded = threading.Semaphore(0)

    def replace(self, frame: Frame) -> Frame:
        self.recorded.release()
        return 255 - frame

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def frames() -> LatestSlot[Frame]:
    return LatestSlot()


def started(frames: LatestSlot[Frame], pipeline: FakePipeline) -> ProcessingThread:
    thread = ProcessingThread(frames, pipeline)
    thread.start()
    return thread


def test_a_frame_becomes_a_result(frames: LatestSlot[Frame]) -> None:
    thread = started(frames, FakePipeline())
    frames.put(FRAME)
    result = thread.get(5)
    assert result is not None
    assert (result.frame == 255 - FRAME).all()
    assert (result.generation, result.error) == (0, None)
    frames.close()


def test_a_stage_that_fails_gives_its_error_and_no_image(frames: LatestSlot[Frame]) -> None:
    pipeline = FakePipeline()
    pipeline.replace = lambda frame: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    thread = started(frames, pipeline)
    frames.put(FRAME)
    result = thread.get(5)
    assert result is not None
    assert result.frame is None
    assert isinstance(result.error, ZeroDivisionError)
    frames.close()


def test_nothing_is_remembered_from_one_generation_to_the_next(frames: LatestSlot[Frame]) -> None:
    pipeline = FakePipeline()
    thread = started(frames, pipeline)
    generations = []
    for turn in range(4):
        if turn == 2:
            thread.begin_generation()
            # The one that is waited for now was asked for in the epoch before.
            frames.put(FRAME)
            thread.get(5)
        frames.put(FRAME)
        result = thread.get(5)
        assert result is not None
        generations.append(result.generation)
    assert generations == [0, 0, 1, 1]
    assert pipeline.resets == 2
    frames.close()


def test_while_paused_no_frame_is_looked_at(frames: LatestSlot[Frame]) -> None:
    pipeline = FakePipeline()
    thread = started(frames, pipeline)
    thread.pause()
    frames.put(FRAME)
    assert thread.get(0.2) is None
    assert not pipeline.recorded.acquire(blocking=False)
    thread.resume()
    frames.put(FRAME)
    assert thread.get(5) is not None
    frames.close()


def test_the_end_of_the_frames_is_the_end_of_the_results(frames: LatestSlot[Frame]) -> None:
    thread = started(frames, FakePipeline())
    frames.close()
    with pytest.raises(SlotClosed):
        thread.get(5)
    assert thread.ended.wait(5)


def test_a_lost_camera_is_reported_and_waited_for(frames: LatestSlot[Frame]) -> None:
    thread = started(frames, FakePipeline())
    frames.fail(CameraError("lost"))
    with pytest.raises(CameraError, match="lost"):
        thread.get(5)
    frames.put(FRAME)
    assert thread.get(5) is not None
    frames.close()


def test_any_other_error_of_the_source_ends_it(frames: LatestSlot[Frame]) -> None:
    thread = started(frames, FakePipeline())
    frames.fail(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        thread.get(5)
    with pytest.raises(SlotClosed):
        thread.get(5)


def test_stopping_does_not_wait_for_a_stage_that_hangs(frames: LatestSlot[Frame]) -> None:
    pipeline, hangs = FakePipeline(), BlockingCall()
    pipeline.replace = hangs  # type: ignore[method-assign, assignment]
    thread = started(frames, pipeline)
    frames.put(np.zeros_like(FRAME))
    thread.stop()
    with pytest.raises(SlotClosed):
        thread.get(1)
    assert not thread.ended.is_set()
    hangs.released.set()
    assert thread.ended.wait(5)


TIMEOUT = 5.0


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
    reader = CaptureThread(source, retry_seconds=retry_seconds)
    reader.start()
    return reader


def test_an_idle_source_is_requested_again_at_once_and_no_thread_is_reported():
    reader = reading(FakeSource([1, SourceIdle()], [SourceIdle()], [2]), retry_seconds=60)
    assert reader.ended.wait(TIMEOUT)
    assert reader.get(TIMEOUT) == 2
    with pytest.raises(SlotClosed):
        reader.get(TIMEOUT)


def test_the_end_of_the_source_closes_it_in_the_readers_thread():
    source = FakeSource([1])
    reader = reading(source)
    assert reader.ended.wait(TIMEOUT)
    assert source.closed_by == ["livecam-reader"]
    assert reader.get(TIMEOUT) == 1
    with pytest.raises(SlotClosed):
        reader.get(TIMEOUT)


def test_a_lost_camera_is_reported_and_tried_again():
    messages = threading.Event()
    source = FakeSource([CameraError("lost")], [lambda: messages.wait(TIMEOUT), "back"])
    reader = reading(source)
    with pytest.raises(CameraError):
        reader.get(TIMEOUT)
    messages.set()
    assert reader.get(TIMEOUT) == "back"
    assert reader.ended.wait(TIMEOUT)
    assert len(source.closed_by) == 1


def test_any_other_error_ends_it():
    source = FakeSource([VideoError("damaged")])
    reader = reading(source)
    with pytest.raises(VideoError):
        reader.get(TIMEOUT)
    with pytest.raises(SlotClosed):
        reader.get(TIMEOUT)
    assert len(source.closed_by) == 1


def test_an_error_while_closing_is_reported_too():
    class Sticky(FakeSource):
        def __exit__(self, *_):
            raise OSError("sticks")

    reader = reading(Sticky([]))
    assert reader.ended.wait(TIMEOUT)
    with pytest.raises(OSError, match="sticks"):
        reader.get(TIMEOUT)


def test_stopping_returns_at_once_though_the_driver_blocks_and_closes_when_it_comes_back():
    driver = threading.Event()
    source = FakeSource([1, driver.wait, 2, 3])
    reader = reading(source)
    assert reader.get(TIMEOUT) == 1
    start = time.monotonic()
    reader.stop()
    assert time.monotonic() - start < 0.5
    assert source.closed_by == []
    driver.set()
    assert reader.ended.wait(TIMEOUT)
    assert len(source.closed_by) == 1
    with pytest.raises(SlotClosed):
        reader.get(0)


def test_stopping_ends_a_source_that_has_no_end():
    source = FakeSource(itertools.count())
    reader = reading(source)
    assert reader.get(TIMEOUT) is not None
    reader.stop()
    assert reader.ended.wait(TIMEOUT)


def test_stopping_ends_the_wait_for_a_lost_camera():
    source = FakeSource([CameraError("lost")])
    reader = reading(source, retry_seconds=3600)
    with pytest.raises(CameraError):
        reader.get(TIMEOUT)
    reader.stop()
    assert reader.ended.wait(TIMEOUT)
    assert len(source.closed_by) == 1
