import itertools

import cv2
import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.sources.webcam import WebcamSource

BLUE = np.full((72, 128, 3), (250, 10, 20), np.uint8)  # BGR, as OpenCV gives it
GRAY = np.full((72, 128), 77, np.uint8)


class FakeCapture:
    """Fake device that gives `images` and then nothing; records the requested properties."""

    def __init__(self, images, *, opened=True, granted=None):
        self.images = iter(images)
        self.opened = opened
        self.granted = granted or {
            cv2.CAP_PROP_FPS: 30.0,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        }
        self.requests = []
        self.released = 0

    def isOpened(self):
        return self.opened

    def set(self, prop, value):
        self.requests.append((prop, value))
        return True

    def get(self, prop):
        return self.granted.get(prop, 0.0)

    def read(self):
        image = next(self.images, None)
        return image is not None, image

    def release(self):
        self.released += 1


def webcam(*captures, size=None, fps=30.0, clock=None):
    queue = iter(captures)
    return WebcamSource(
        0, size, fps, capture_factory=lambda device: next(queue), clock=clock or ManualClock()
    )


def test_webcam_frames_are_rgb():
    with webcam(FakeCapture([BLUE] * 3)) as camera:
        assert next(iter(camera))[0, 0].tolist() == [20, 10, 250]


def test_webcam_gray_image_becomes_a_frame():
    with webcam(FakeCapture([GRAY])) as camera:
        frame = next(iter(camera))
    assert frame.shape == (72, 128, 3)
    assert (frame == 77).all()


def test_webcam_requests_format_then_size_then_rate():
    capture = FakeCapture([BLUE])
    with webcam(capture, size=Size(1280, 720), fps=25.0):
        pass
    order = [prop for prop, _ in capture.requests]
    assert order.index(cv2.CAP_PROP_FOURCC) < order.index(cv2.CAP_PROP_FRAME_WIDTH)
    assert order.index(cv2.CAP_PROP_FRAME_HEIGHT) < order.index(cv2.CAP_PROP_FPS)
    assert (cv2.CAP_PROP_FRAME_WIDTH, 1280) in capture.requests
    assert (cv2.CAP_PROP_FRAME_HEIGHT, 720) in capture.requests
    assert (cv2.CAP_PROP_FPS, 25.0) in capture.requests


def test_webcam_without_size_requests_none():
    capture = FakeCapture([BLUE])
    with webcam(capture, size=None):
        pass
    assert cv2.CAP_PROP_FRAME_WIDTH not in [prop for prop, _ in capture.requests]


def test_webcam_size_is_that_of_the_first_frame():
    with webcam(FakeCapture([BLUE]), size=Size(1280, 720)) as camera:
        assert camera.size == Size(128, 72)
        assert camera.format_description == "128x72 at 30 fps, MJPG"


@pytest.mark.parametrize("nonsense", [0.0, -1.0, float("nan"), float("inf"), 10000.0])
def test_webcam_invalid_driver_rate_is_ignored(nonsense):
    with webcam(FakeCapture([BLUE], granted={cv2.CAP_PROP_FPS: nonsense}), fps=25.0) as camera:
        assert camera.fps == 25.0
        assert camera.format_description == "128x72 at 25 fps"


def test_webcam_valid_driver_rate_is_used():
    with webcam(FakeCapture([BLUE], granted={cv2.CAP_PROP_FPS: 7.5}), fps=30.0) as camera:
        assert camera.fps == 7.5


def test_webcam_yields_the_first_frame():
    images = [np.full_like(BLUE, value) for value in (1, 2, 3)]
    with webcam(FakeCapture(images)) as camera:
        assert [int(frame[0, 0, 0]) for frame in itertools.islice(camera, 3)] == [1, 2, 3]


def test_webcam_four_failed_reads_are_retried():
    with webcam(FakeCapture([BLUE, *[None] * 4, BLUE])) as camera:
        assert len(list(itertools.islice(camera, 2))) == 2


def test_webcam_five_failed_reads_raise():
    capture = FakeCapture([BLUE, *[None] * 5, BLUE])
    with webcam(capture) as camera:
        frames = iter(camera)
        next(frames)
        with pytest.raises(CameraError, match="lost"):
            next(frames)
        assert capture.released == 1


class TimestampedCapture(FakeCapture):
    """Gives valid images with these timestamps, one every 0.1 s."""

    def __init__(self, timestamps, clock):
        super().__init__([])
        self.timestamps, self.clock, self.timestamp = iter(timestamps), clock, 0.0

    def read(self):
        self.clock.sleep(0.1)
        self.timestamp = next(self.timestamps)
        return True, np.full_like(BLUE, int(self.timestamp) % 200)

    def get(self, prop):
        return self.timestamp if prop == cv2.CAP_PROP_POS_MSEC else super().get(prop)


def test_webcam_repeated_frame_is_dropped():
    clock = ManualClock()
    with webcam(TimestampedCapture([1, 2, 2, 2, 3], clock), clock=clock) as camera:
        assert [int(frame[0, 0, 0]) for frame in itertools.islice(camera, 3)] == [1, 2, 3]


def test_webcam_only_repeated_frames_raise():
    clock = ManualClock()
    with webcam(
        TimestampedCapture(itertools.chain([1, 2], itertools.repeat(2)), clock), clock=clock
    ) as camera:
        frames = itertools.islice(camera, 2)
        assert len(list(frames)) == 2
        start = clock.now()
        with pytest.raises(CameraError, match="lost"):
            next(iter(camera))
    assert 1.9 < clock.now() - start < 2.3


def test_webcam_reopened_drops_the_frame_from_before():
    clock = ManualClock()
    old = TimestampedCapture([1, 2, *[2] * 99], clock)
    with webcam(old, TimestampedCapture([2, 2, 2, 3, 4], clock), clock=clock) as camera:
        with pytest.raises(CameraError):
            list(camera)
        assert int(next(iter(camera))[0, 0, 0]) == 3


class FakeTracker:
    """Fake device tracker that the test controls."""

    def __init__(self, device):
        self.device, self.is_present, self.found = device, True, device

    def remember(self):
        pass

    def locate(self):
        return self.found

    def __str__(self):
        return "C920"


def test_webcam_absent_device_raises_despite_frames():
    trackers = []

    def make_tracker(device):
        trackers.append(FakeTracker(device))
        return trackers[0]

    with WebcamSource(
        0,
        capture_factory=lambda device: FakeCapture([BLUE] * 9),
        clock=ManualClock(),
        tracker_factory=make_tracker,
    ) as camera:
        frames = iter(camera)
        next(frames)
        next(frames)
        trackers[0].is_present = False
        with pytest.raises(CameraError, match="camera C920 lost"):
            next(frames)


def test_webcam_reopens_where_the_tracker_locates_it():
    opened = []
    tracker = FakeTracker(0)

    def make_capture(device):
        opened.append(device)
        return FakeCapture([BLUE, BLUE])

    with WebcamSource(
        0, capture_factory=make_capture, clock=ManualClock(), tracker_factory=lambda device: tracker
    ) as camera:
        with pytest.raises(CameraError):
            list(camera)
        tracker.found = None
        with pytest.raises(CameraError, match="C920 lost"):
            list(camera)
        tracker.found = "/dev/video4"
        next(iter(camera))
    assert opened == [0, "/dev/video4"]


def test_webcam_two_silent_seconds_raise():
    clock = ManualClock()

    class SlowCapture(FakeCapture):
        def read(self):
            clock.sleep(1.1)
            return super().read()

    with webcam(SlowCapture([BLUE, None, None, BLUE]), clock=clock) as camera:
        frames = iter(camera)
        next(frames)
        with pytest.raises(CameraError, match="lost"):
            next(frames)


def test_webcam_read_that_raises_counts_as_failed():
    class FailingCapture(FakeCapture):
        reads = 0

        def read(self):
            self.reads += 1
            if self.reads == 2:
                raise cv2.error("select timeout")
            return super().read()

    with webcam(FailingCapture([BLUE, BLUE])) as camera:
        assert len(list(itertools.islice(camera, 2))) == 2


def test_webcam_iterated_again_reopens():
    first, second = FakeCapture([BLUE]), FakeCapture([np.zeros((36, 64, 3), np.uint8)] * 2)
    with webcam(first, second) as camera:
        with pytest.raises(CameraError):
            list(camera)
        assert next(iter(camera)).shape == (36, 64, 3)
        assert camera.size == Size(64, 36)
    assert (first.released, second.released) == (1, 1)


def test_webcam_failed_reopen_raises_and_can_be_repeated():
    with webcam(FakeCapture([BLUE]), FakeCapture([], opened=False), FakeCapture([BLUE])) as camera:
        for _ in range(2):
            with pytest.raises(CameraError):
                list(camera)
        assert next(iter(camera)).shape == BLUE.shape


@pytest.mark.parametrize("capture", [FakeCapture([], opened=False), FakeCapture([])])
def test_webcam_failed_open_releases_and_names_a_remedy(capture):
    with pytest.raises(CameraError, match=r"--camera demo"), webcam(capture):
        pass
    assert capture.released == 1


def test_webcam_interrupted_open_releases_the_device():
    class InterruptedCapture(FakeCapture):
        def read(self):
            raise KeyboardInterrupt

    capture = InterruptedCapture([])
    with pytest.raises(KeyboardInterrupt), webcam(capture):
        pass
    assert capture.released == 1


def test_webcam_closed_twice_releases_once():
    capture = FakeCapture([BLUE])
    with webcam(capture) as camera:
        camera.close()
    assert capture.released == 1


@pytest.fixture
def log_level():
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_INFO)
    yield cv2.utils.logging.LOG_LEVEL_INFO
    cv2.utils.logging.setLogLevel(before)


def test_webcam_open_suppresses_logging_and_restores_it(log_level):
    levels = []

    class ObservedCapture(FakeCapture):
        def isOpened(self):
            levels.append(cv2.utils.logging.getLogLevel())
            return False

    with pytest.raises(CameraError), webcam(ObservedCapture([])):
        pass
    assert levels == [cv2.utils.logging.LOG_LEVEL_SILENT]
    assert cv2.utils.logging.getLogLevel() == log_level
