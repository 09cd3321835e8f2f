import threading

import cv2
import numpy as np
import pytest

from livecam.core.errors import FrameError, SinkError
from livecam.sinks.preview import PreviewAction, PreviewSink


class FakeWindow:
    """A window on a desktop that presses `keys` one after the other, and whose button can be clicked."""

    def __init__(self, keys=""):
        self.keys = [ord(key) for key in keys]
        self.shown = []
        self.opened = 0
        self.closed = 0
        self.there = False

    def open(self, title):
        self.opened += 1
        self.there = True

    def show(self, title, image):
        self.there = True
        self.shown.append(image)

    def key(self):
        return self.keys.pop(0) if self.keys else -1

    def is_open(self, title):
        return self.there

    def close(self, title):
        self.closed += 1
        self.there = False


def half_red(width=160, height=90):
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2] = (255, 0, 0)
    return frame


def pressed(keys, *, sends=None, **options):
    """The preview, its window and the keys it told after as many frames as keys."""
    window, messages = FakeWindow(keys), []
    with PreviewSink("livecam", keys=messages.append, window=window, **options) as preview:
        for _ in range(sends or len(keys)):
            preview.send(half_red())
    return window, messages


def test_frames_are_shown_as_opencv_wants_them():
    window, _ = pressed("", sends=1, mirror=False)
    assert window.shown[0][0, 0].tolist() == [0, 0, 255]


def test_the_mirror_swaps_left_and_right_in_the_window_only():
    frame = half_red()
    window = FakeWindow()
    with PreviewSink("livecam", mirror=True, keys=print, window=window) as preview:
        preview.send(frame)
    assert (window.shown[0][:, 80:] == (0, 0, 255)).all()
    assert (frame == half_red()).all()


@pytest.mark.parametrize(
    ("char", "key"),
    [
        ("n", PreviewAction.NEXT),
        ("b", PreviewAction.PREVIOUS),
        ("m", PreviewAction.MIRROR),
        (" ", PreviewAction.PAUSE),
        ("p", PreviewAction.PAUSE),
        ("q", PreviewAction.QUIT),
        ("\x1b", PreviewAction.QUIT),
        ("h", PreviewAction.HELP),
        ("N", PreviewAction.NEXT),
    ],
)
def test_each_key_is_reported(char, key):
    assert pressed(char)[1] == [key]


def test_other_keys_and_none_are_not_reported():
    assert pressed("xyz\r", sends=6)[1] == []


def test_m_turns_the_mirror_over():
    window, _ = pressed("mm", sends=3, mirror=False)
    first, second, third = (image[0, 0, 2] for image in window.shown)
    assert (first, second, third) == (255, 0, 255)


def test_h_shows_a_line_of_help_and_takes_it_away_again():
    window, _ = pressed("hh", sends=3)
    flat, helped, again = window.shown
    assert (flat != helped).any()
    assert (flat == again).all()
    assert (flat[:40] == helped[:40]).all()


def test_large_frames_are_shown_no_wider_than_1280():
    window = FakeWindow()
    with PreviewSink("livecam", keys=print, window=window) as preview:
        preview.send(half_red(1920, 1080))
        preview.send(half_red(1280, 720))
    assert [image.shape for image in window.shown] == [(720, 1280, 3)] * 2


def test_its_closing_button_means_quit_once_and_the_window_stays_away():
    window, messages = FakeWindow(), []
    with PreviewSink("livecam", keys=messages.append, window=window) as preview:
        preview.send(half_red())
        window.there = False
        for _ in range(3):
            preview.send(half_red())
    assert messages == [PreviewAction.QUIT]
    assert len(window.shown) == 1
    assert not window.there


def test_it_closes_once_and_shows_nothing_after():
    window = FakeWindow()
    with PreviewSink("livecam", keys=print, window=window) as preview:
        preview.close()
    preview.send(half_red())
    assert window.closed == 1
    assert window.shown == []


def test_a_window_already_gone_closes_without_a_word():
    class Gone(FakeWindow):
        def close(self, title):
            raise cv2.error("NULL window")

    with PreviewSink("livecam", keys=print, window=Gone()) as preview:
        preview.send(half_red())


@pytest.mark.parametrize("verb", ["open", "show", "key"])
def test_opencvs_errors_name_the_package_that_has_windows(verb):
    def fail(*_):
        raise cv2.error("The function is not implemented")

    window = FakeWindow()
    setattr(window, verb, fail)
    with (
        pytest.raises(SinkError, match="opencv-python"),
        PreviewSink("livecam", keys=print, window=window) as preview,
    ):
        preview.send(half_red())


def test_another_thread_may_not_send():
    caught = []

    def send(preview):
        try:
            preview.send(half_red())
        except SinkError as error:
            caught.append(error)

    with PreviewSink("livecam", keys=print, window=FakeWindow()) as preview:
        thread = threading.Thread(target=send, args=[preview])
        thread.start()
        thread.join(5)
    assert len(caught) == 1


def test_a_cutout_is_refused():
    with PreviewSink("livecam", keys=print, window=FakeWindow()) as preview, pytest.raises(FrameError):
        preview.send(np.zeros((9, 16, 4), np.uint8))


def test_without_a_screen_opencvs_window_is_not_even_tried(monkeypatch):
    monkeypatch.setattr("livecam.sinks.preview.display_problem", lambda environment, platform: "no screen")
    with pytest.raises(SinkError, match="no screen"), PreviewSink("livecam", keys=print):
        pass
