import itertools

import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import FrameError, UsageError
from livecam.core.geometry import Size
from livecam.sources.image import ImageSource
from livecam.sources.pacing import ticks


def random_image(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_image_source_yields_copies_of_the_image():
    frames = iter(ImageSource(random_image(160, 90), clock=ManualClock()))
    first = next(frames)
    first[:] = 0
    assert (next(frames) == random_image(160, 90)).all()


def test_image_source_yields_at_the_requested_rate():
    clock = ManualClock()
    list(itertools.islice(ImageSource(random_image(16, 16), fps=20.0, clock=clock), 21))
    assert clock.now() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("image_size", "limit", "expected"),
    [
        (Size(400, 200), Size(100, 100), Size(100, 50)),
        (Size(100, 50), Size(400, 400), Size(100, 50)),
        (Size(101, 51), None, Size(100, 50)),
        (Size(1, 1), None, Size(2, 2)),
    ],
)
def test_image_source_size_fits_and_is_even(image_size, limit, expected):
    source = ImageSource(random_image(*image_size), limit, clock=ManualClock())
    assert source.size == expected
    assert Size.of(next(iter(source))) == expected


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), float("inf"), 1e6])
def test_image_source_invalid_rate_is_refused(fps):
    with pytest.raises(UsageError):
        ImageSource(random_image(16, 16), fps=fps)


def test_image_source_invalid_frame_is_refused():
    with pytest.raises(FrameError):
        ImageSource(np.zeros((4, 4, 4), np.uint8))


def test_ticks_with_work_in_between_do_not_drift():
    clock = ManualClock()
    times = []
    for seconds in itertools.islice(ticks(10.0, clock), 11):
        times.append(seconds)
        clock.sleep(0.07)
    assert times == pytest.approx([n / 10 for n in range(11)])


def test_ticks_after_a_late_tick_keep_the_grid():
    clock = ManualClock()
    ticker = ticks(10.0, clock)
    next(ticker)
    clock.sleep(0.15)
    assert list(itertools.islice(ticker, 3)) == pytest.approx([0.15, 0.2, 0.3])


def test_ticks_after_a_long_gap_do_not_burst():
    clock = ManualClock()
    ticker = ticks(10.0, clock)
    next(ticker)
    clock.sleep(3600)
    times = list(itertools.islice(ticker, 3))
    assert times == pytest.approx([3600.0, 3600.1, 3600.2])
