import threading

import numpy as np
import pytest

from livecam.core.errors import CameraError
from livecam.core.types import Frame
from livecam.runtime.latest import Closed, Latest
from livecam.runtime.threads import Worker
from tests.support.fakes import Hangs, secret_frame

FRAME = secret_frame()


class FakePipeline:
    """Turns frames around and counts its resets."""

    def __init__(self) -> None:
        self.resets = 0
        self.seen = threading.Semaphore(0)

    def replace(self, frame: Frame) -> Frame:
        self.seen.release()
        return 255 - frame

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def frames() -> Latest[Frame]:
    return Latest()


def started(frames: Latest[Frame], pipeline: FakePipeline) -> Worker:
    worker = Worker(frames, pipeline)
    worker.start()
    return worker


def test_a_frame_becomes_a_result(frames: Latest[Frame]) -> None:
    worker = started(frames, FakePipeline())
    frames.put(FRAME)
    result = worker.results.take(5)
    assert result is not None
    assert (result.shown == 255 - FRAME).all()
    assert (result.epoch, result.error) == (0, None)
    frames.close()


def test_a_stage_that_fails_gives_its_error_and_no_picture(frames: Latest[Frame]) -> None:
    pipeline = FakePipeline()
    pipeline.replace = lambda frame: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    worker = started(frames, pipeline)
    frames.put(FRAME)
    result = worker.results.take(5)
    assert result is not None
    assert result.shown is None
    assert isinstance(result.error, ZeroDivisionError)
    frames.close()


def test_nothing_is_remembered_from_one_epoch_to_the_next(frames: Latest[Frame]) -> None:
    pipeline = FakePipeline()
    worker = started(frames, pipeline)
    epochs = []
    for turn in range(4):
        if turn == 2:
            worker.begin_epoch()
            # The one that is waited for now was asked for in the epoch before.
            frames.put(FRAME)
            worker.results.take(5)
        frames.put(FRAME)
        result = worker.results.take(5)
        assert result is not None
        epochs.append(result.epoch)
    assert epochs == [0, 0, 1, 1]
    assert pipeline.resets == 2
    frames.close()


def test_while_paused_no_frame_is_looked_at(frames: Latest[Frame]) -> None:
    pipeline = FakePipeline()
    worker = started(frames, pipeline)
    worker.pause()
    frames.put(FRAME)
    assert worker.results.take(0.2) is None
    assert not pipeline.seen.acquire(blocking=False)
    worker.resume()
    frames.put(FRAME)
    assert worker.results.take(5) is not None
    frames.close()


def test_the_end_of_the_frames_is_the_end_of_the_results(frames: Latest[Frame]) -> None:
    worker = started(frames, FakePipeline())
    frames.close()
    with pytest.raises(Closed):
        worker.results.take(5)
    assert worker.ended.wait(5)


def test_a_lost_camera_is_told_and_waited_for(frames: Latest[Frame]) -> None:
    worker = started(frames, FakePipeline())
    frames.fail(CameraError("lost"))
    with pytest.raises(CameraError, match="lost"):
        worker.results.take(5)
    frames.put(FRAME)
    assert worker.results.take(5) is not None
    frames.close()


def test_any_other_error_of_the_source_ends_it(frames: Latest[Frame]) -> None:
    worker = started(frames, FakePipeline())
    frames.fail(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        worker.results.take(5)
    with pytest.raises(Closed):
        worker.results.take(5)


def test_stopping_does_not_wait_for_a_stage_that_hangs(frames: Latest[Frame]) -> None:
    pipeline, hangs = FakePipeline(), Hangs()
    pipeline.replace = hangs  # type: ignore[method-assign, assignment]
    worker = started(frames, pipeline)
    frames.put(np.zeros_like(FRAME))
    worker.stop()
    with pytest.raises(Closed):
        worker.results.take(1)
    assert not worker.ended.is_set()
    hangs.released.set()
    assert worker.ended.wait(5)
