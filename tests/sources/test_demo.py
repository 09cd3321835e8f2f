import itertools

import numpy as np
import pytest
from skimage.data import astronaut

from livecam.core.clock import ManualClock
from livecam.core.geometry import Size
from livecam.core.types import check_frame
from livecam.sources.demo import PERIOD_SECONDS, DemoSource, camera_transform

SIZES = [Size(1280, 720), Size(640, 480), Size(720, 1280), Size(480, 480), Size(1920, 800)]


def test_demo_frames_have_the_requested_size_and_rate():
    clock = ManualClock()
    with DemoSource(Size(320, 180), 25.0, clock=clock) as demo:
        frames = list(itertools.islice(demo, 26))
    assert all(check_frame(frame).shape == (180, 320, 3) for frame in frames)
    assert clock.now() == pytest.approx(1.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_demo_crop_stays_within_the_photo(size):
    corners = np.array([(x, y, 1) for x in (0, size.width - 1) for y in (0, size.height - 1)])
    for seconds in np.arange(0, PERIOD_SECONDS, 0.05):
        places = corners @ camera_transform(size, seconds).T
        assert places.min() >= 0
        assert places.max() <= 511


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_demo_crop_contains_the_face(size):
    for seconds in np.arange(0, PERIOD_SECONDS, 0.25):
        matrix = camera_transform(size, seconds)
        top_left, bottom_right = matrix @ [0, 0, 1], matrix @ [size.width - 1, size.height - 1, 1]
        assert top_left[0] < 150
        assert top_left[1] < 15
        assert bottom_right[0] > 300
        assert 190 < bottom_right[1] < 500


def test_demo_moves_smoothly_and_always():
    demo = DemoSource(Size(320, 180), clock=ManualClock())
    frames = [demo.frame_at(n / 30).astype(int) for n in range(0, 240, 8)]
    steps = [np.abs(a - b).mean() for a, b in itertools.pairwise(frames)]
    assert min(steps) > 0
    step = np.abs(demo.frame_at(1.0).astype(int) - demo.frame_at(1.0 + 1 / 30)).mean()
    assert step < 3


def test_demo_repeats_after_its_period():
    demo = DemoSource(Size(320, 180), clock=ManualClock())
    assert np.abs(demo.frame_at(1.3).astype(int) - demo.frame_at(1.3 + PERIOD_SECONDS)).max() <= 1
    assert np.abs(demo.frame_at(0.0).astype(int) - demo.frame_at(PERIOD_SECONDS / 2)).max() > 20


def test_demo_shows_the_colors_of_the_photo():
    size = Size(640, 360)
    frame = DemoSource(size, clock=ManualClock()).frame_at(0.0)
    x, y = np.round(camera_transform(size, 0.0) @ [320, 180, 1]).astype(int)
    shown, expected = (
        image.reshape(-1, 3).mean(0)
        for image in (frame[170:190, 310:330], astronaut()[y - 6 : y + 7, x - 6 : x + 7])
    )
    assert np.abs(shown - expected).max() < 8


def test_demo_frame_is_a_new_array():
    demo = DemoSource(Size(320, 180), clock=ManualClock())
    before = demo.frame_at(0.0).copy()
    demo.frame_at(0.0)[:] = 0
    assert (demo.frame_at(0.0) == before).all()


def test_large_demo_frames_show_the_same_part_of_the_photo():
    large = DemoSource(Size(1280, 720)).frame_at(1.3)
    # An odd side: drawn at its own size.
    direct = DemoSource(Size(1281, 720)).frame_at(1.3)[:, :-1]
    difference = np.abs(large.astype(int) - direct)
    assert difference.mean() < 1.5
    shifted = np.abs(np.roll(large, 4, axis=1).astype(int) - direct)
    assert shifted[:, 8:-8].mean() > 2 * difference[:, 8:-8].mean()
