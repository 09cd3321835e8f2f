import itertools

import cv2
import numpy as np
import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.sources.webcam import WebcamSource

BLUE = np.full((72, 128, 3), (250, 10, 20), np.uint8)  # as OpenCV has it: blue first
GREY = np.full((72, 128), 77, np.uint8)


class FakeCapture:
    """A device that gives `pictures` and then nothing, for ever; notes what it was asked."""

    def __init__(self, pictures, *, opened=True, granted=None):
        self.pictures = iter(pictures)
        self.opened = opened
        self.granted = granted or {
            cv2.CAP_PROP_FPS: 30.0,
            cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        }
        self.asked = []
        self.released = 0

    def isOpened(self):
        return self.opened

    def set(self, prop, value):
        self.asked.append((prop, value))
        return True

    def get(self, prop):
        return self.granted.get(prop, 0.0)

    def read(self):
        picture = next(self.pictures, None)
        return picture is not None, picture

    def release(self):
        self.released += 1


def webcam(*captures, size=None, fps=30.0, clock=None):
    queue = iter(captures)
    return WebcamSource(
        0, size, fps, capture_factory=lambda device: next(queue), clock=clock or ManualClock()
    )


def test_frames_are_rgb():
    with webcam(FakeCapture([BLUE] * 3)) as camera:
        assert next(iter(camera))[0, 0].tolist() == [20, 10, 250]


def test_an_infrared_cameras_grey_becomes_a_frame():
    with webcam(FakeCapture([GREY])) as camera:
        frame = next(iter(camera))
    assert frame.shape == (72, 128, 3)
    assert (frame == 77).all()


def test_the_pixel_format_is_asked_before_the_size_and_the_size_before_the_rate():
    capture = FakeCapture([BLUE])
    with webcam(capture, size=Size(1280, 720), fps=25.0):
        pass
    order = [prop for prop, _ in capture.asked]
    assert order.index(cv2.CAP_PROP_FOURCC) < order.index(cv2.CAP_PROP_FRAME_WIDTH)
    assert order.index(cv2.CAP_PROP_FRAME_HEIGHT) < order.index(cv2.CAP_PROP_FPS)
    assert (cv2.CAP_PROP_FRAME_WIDTH, 1280) in capture.asked
    assert (cv2.CAP_PROP_FRAME_HEIGHT, 720) in capture.asked
    assert (cv2.CAP_PROP_FPS, 25.0) in capture.asked


def test_without_a_size_the_camera_keeps_its_own():
    capture = FakeCapture([BLUE])
    with webcam(capture, size=None):
        pass
    assert cv2.CAP_PROP_FRAME_WIDTH not in [prop for prop, _ in capture.asked]


def test_the_size_of_the_first_frame_is_believed_not_the_one_asked_for():
    with webcam(FakeCapture([BLUE]), size=Size(1280, 720)) as camera:
        assert camera.size == Size(128, 72)
        assert camera.format_description == "128x72 at 30 fps, MJPG"


@pytest.mark.parametrize("nonsense", [0.0, -1.0, float("nan"), float("inf"), 10000.0])
def test_a_senseless_rate_of_the_driver_is_not_believed(nonsense):
    with webcam(FakeCapture([BLUE], granted={cv2.CAP_PROP_FPS: nonsense}), fps=25.0) as camera:
        assert camera.fps == 25.0
        assert camera.format_description == "128x72 at 25 fps"


def test_the_drivers_rate_is_believed():
    with webcam(FakeCapture([BLUE], granted={cv2.CAP_PROP_FPS: 7.5}), fps=30.0) as camera:
        assert camera.fps == 7.5


def test_the_first_frame_is_not_lost():
    pictures = [np.full_like(BLUE, value) for value in (1, 2, 3)]
    with webcam(FakeCapture(pictures)) as camera:
        assert [int(frame[0, 0, 0]) for frame in itertools.islice(camera, 3)] == [1, 2, 3]


def test_four_failed_reads_are_forgiven():
    with webcam(FakeCapture([BLUE, *[None] * 4, BLUE])) as camera:
        assert len(list(itertools.islice(camera, 2))) == 2


def test_five_failed_reads_are_a_lost_camera():
    capture = FakeCapture([BLUE, *[None] * 5, BLUE])
    with webcam(capture) as camera:
        frames = iter(camera)
        next(frames)
        with pytest.raises(CameraError, match="lost"):
            next(frames)
        assert capture.released == 1


class Stamped(FakeCapture):
    """Gives pictures with these time stamps, each 0.1 s after the other, all of them well."""

    def __init__(self, stamps, clock):
        super().__init__([])
        self.stamps, self.clock, self.stamp = iter(stamps), clock, 0.0

    def read(self):
        self.clock.sleep(0.1)
        self.stamp = next(self.stamps)
        return True, np.full_like(BLUE, int(self.stamp) % 200)

    def get(self, prop):
        return self.stamp if prop == cv2.CAP_PROP_POS_MSEC else super().get(prop)


def test_a_picture_that_the_driver_repeats_is_left_out():
    clock = ManualClock()
    with webcam(Stamped([1, 2, 2, 2, 3], clock), clock=clock) as camera:
        assert [int(frame[0, 0, 0]) for frame in itertools.islice(camera, 3)] == [1, 2, 3]


def test_a_driver_that_only_repeats_itself_has_lost_its_camera():
    clock = ManualClock()
    with webcam(Stamped(itertools.chain([1, 2], itertools.repeat(2)), clock), clock=clock) as camera:
        frames = itertools.islice(camera, 2)
        assert len(list(frames)) == 2
        start = clock.now()
        with pytest.raises(CameraError, match="lost"):
            next(iter(camera))
    assert 1.9 < clock.now() - start < 2.3


def test_a_camera_that_comes_back_does_not_begin_with_what_it_showed_last():
    clock = ManualClock()
    old = Stamped([1, 2, *[2] * 99], clock)
    with webcam(old, Stamped([2, 2, 2, 3, 4], clock), clock=clock) as camera:
        with pytest.raises(CameraError):
            list(camera)
        assert int(next(iter(camera))[0, 0, 0]) == 3


class Place:
    """Where a camera is, as the test says."""

    def __init__(self, device):
        self.device, self.is_present, self.found = device, True, device

    def remember(self):
        pass

    def locate(self):
        return self.found

    def __str__(self):
        return "C920"


def test_a_camera_that_is_not_there_any_more_is_lost_whatever_its_driver_gives():
    places = []

    def look(device):
        places.append(Place(device))
        return places[0]

    with WebcamSource(
        0, capture_factory=lambda device: FakeCapture([BLUE] * 9), clock=ManualClock(), tracker_factory=look
    ) as camera:
        frames = iter(camera)
        next(frames)
        next(frames)
        places[0].is_present = False
        with pytest.raises(CameraError, match="camera C920 lost"):
            next(frames)


def test_a_camera_is_opened_where_it_was_found_again_and_not_elsewhere():
    opened = []
    place = Place(0)

    def opener(device):
        opened.append(device)
        return FakeCapture([BLUE, BLUE])

    with WebcamSource(
        0, capture_factory=opener, clock=ManualClock(), tracker_factory=lambda device: place
    ) as camera:
        with pytest.raises(CameraError):
            list(camera)
        place.found = None
        with pytest.raises(CameraError, match="C920 lost"):
            list(camera)
        place.found = "/dev/video4"
        next(iter(camera))
    assert opened == [0, "/dev/video4"]


def test_two_silent_seconds_are_a_lost_camera():
    clock = ManualClock()

    class Slow(FakeCapture):
        def read(self):
            clock.sleep(1.1)
            return super().read()

    with webcam(Slow([BLUE, None, None, BLUE]), clock=clock) as camera:
        frames = iter(camera)
        next(frames)
        with pytest.raises(CameraError, match="lost"):
            next(frames)


def test_a_read_that_raises_counts_as_failed():
    class Hiccup(FakeCapture):
        reads = 0

        def read(self):
            self.reads += 1
            if self.reads == 2:
                raise cv2.error("select timeout")
            return super().read()

    with webcam(Hiccup([BLUE, BLUE])) as camera:
        assert len(list(itertools.islice(camera, 2))) == 2


def test_a_lost_camera_opens_again_when_it_is_iterated_again():
    first, second = FakeCapture([BLUE]), FakeCapture([np.zeros((36, 64, 3), np.uint8)] * 2)
    with webcam(first, second) as camera:
        with pytest.raises(CameraError):
            list(camera)
        assert next(iter(camera)).shape == (36, 64, 3)
        assert camera.size == Size(64, 36)
    assert (first.released, second.released) == (1, 1)


def test_it_can_be_lost_again_while_opening_again():
    with webcam(FakeCapture([BLUE]), FakeCapture([], opened=False), FakeCapture([BLUE])) as camera:
        for _ in range(2):
            with pytest.raises(CameraError):
                list(camera)
        assert next(iter(camera)).shape == BLUE.shape


@pytest.mark.parametrize("capture", [FakeCapture([], opened=False), FakeCapture([])])
def test_a_camera_that_does_not_open_or_gives_nothing_is_released_and_says_what_helps(capture):
    with pytest.raises(CameraError, match=r"--camera demo"), webcam(capture):
        pass
    assert capture.released == 1


def test_whatever_happens_while_opening_the_device_is_given_back():
    class Interrupted(FakeCapture):
        def read(self):
            raise KeyboardInterrupt

    capture = Interrupted([])
    with pytest.raises(KeyboardInterrupt), webcam(capture):
        pass
    assert capture.released == 1


def test_closing_twice_releases_once():
    capture = FakeCapture([BLUE])
    with webcam(capture) as camera:
        camera.close()
    assert capture.released == 1


@pytest.fixture
def log_level():
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_INFO)
    yield cv2.utils.logging.LOG_LEVEL_INFO
    cv2.utils.logging.setLogLevel(before)


def test_opencv_is_quiet_while_opening_and_as_loud_as_before_after_it_failed(log_level):
    levels = []

    class Noted(FakeCapture):
        def isOpened(self):
            levels.append(cv2.utils.logging.getLogLevel())
            return False

    with pytest.raises(CameraError), webcam(Noted([])):
        pass
    assert levels == [cv2.utils.logging.LOG_LEVEL_SILENT]
    assert cv2.utils.logging.getLogLevel() == log_level
