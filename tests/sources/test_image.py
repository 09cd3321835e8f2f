import itertools

import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import FrameError, UsageError
from livecam.core.geometry import Size
from livecam.sources.image import ImageSource
from livecam.sources.pacing import ticks


def picture(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_the_picture_comes_again_and_again_unchanged_whatever_is_done_to_a_frame():
    frames = iter(ImageSource(picture(160, 90), clock=ManualClock()))
    first = next(frames)
    first[:] = 0
    assert (next(frames) == picture(160, 90)).all()


def test_frames_come_at_the_asked_rate():
    clock = ManualClock()
    list(itertools.islice(ImageSource(picture(16, 16), fps=20.0, clock=clock), 21))
    assert clock.now() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("have", "within", "granted"),
    [
        (Size(400, 200), Size(100, 100), Size(100, 50)),
        (Size(100, 50), Size(400, 400), Size(100, 50)),
        (Size(101, 51), None, Size(100, 50)),
        (Size(1, 1), None, Size(2, 2)),
    ],
)
def test_the_size_keeps_the_pictures_shape_is_even_and_never_larger(have, within, granted):
    still = ImageSource(picture(*have), within, clock=ManualClock())
    assert still.size == granted
    assert Size.of(next(iter(still))) == granted


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), float("inf"), 1e6])
def test_a_rate_that_is_none_is_refused(fps):
    with pytest.raises(UsageError):
        ImageSource(picture(16, 16), fps=fps)


def test_what_is_no_frame_is_refused():
    with pytest.raises(FrameError):
        ImageSource(np.zeros((4, 4, 4), np.uint8))


def test_beats_do_not_drift_when_the_work_between_takes_time():
    clock = ManualClock()
    seen = []
    for seconds in itertools.islice(ticks(10.0, clock), 11):
        seen.append(seconds)
        clock.sleep(0.07)
    assert seen == pytest.approx([n / 10 for n in range(11)])


def test_a_late_beat_does_not_delay_the_next():
    clock = ManualClock()
    rhythm = ticks(10.0, clock)
    next(rhythm)
    clock.sleep(0.15)
    assert list(itertools.islice(rhythm, 3)) == pytest.approx([0.15, 0.2, 0.3])


def test_after_a_long_gap_there_is_no_burst():
    clock = ManualClock()
    rhythm = ticks(10.0, clock)
    next(rhythm)
    clock.sleep(3600)
    seen = list(itertools.islice(rhythm, 3))
    assert seen == pytest.approx([3600.0, 3600.1, 3600.2])
