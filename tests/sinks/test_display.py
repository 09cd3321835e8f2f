import socket
import sys

import cv2
import pytest

from livecam.sinks.display import display_problem


@pytest.fixture
def qt(monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT5", raising=False)


def test_an_opencv_without_windows_is_named(monkeypatch):
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "", raising=False)
    assert "opencv-python" in display_problem({"DISPLAY": ":0"}, "win32")


@pytest.mark.usefixtures("qt")
def test_elsewhere_than_on_linux_there_is_always_a_screen():
    assert display_problem({}, "darwin") is None
    assert display_problem({}, "win32") is None


@pytest.mark.usefixtures("qt")
@pytest.mark.parametrize("display", [":4711", "unix:4711.0", "nonsense", "localhost:99999"])
def test_a_screen_that_does_not_answer_is_trouble(display):
    assert "--preview" in display_problem({"DISPLAY": display}, "linux")


@pytest.mark.usefixtures("qt")
def test_no_screen_at_all_is_trouble():
    assert "desktop session" in display_problem({}, "linux")


def test_wayland_alone_is_no_screen_for_qt_but_one_for_gtk(monkeypatch):
    for framework, fine in (("QT5", False), ("GTK3", True)):
        monkeypatch.setattr(cv2, "currentUIFramework", lambda named=framework: named, raising=False)
        assert (display_problem({"WAYLAND_DISPLAY": "wayland-0"}, "linux") is None) is fine


@pytest.mark.usefixtures("qt")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sockets without a file are Linux's")
def test_a_screen_that_answers_is_none():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0/tmp/.X11-unix/X4712")
        server.listen()
        assert display_problem({"DISPLAY": ":4712"}, "linux") is None
        assert display_problem({"DISPLAY": ":4712.0"}, "linux") is None


@pytest.mark.usefixtures("qt")
def test_a_forwarded_screen_that_answers_is_none():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - 6000
        assert display_problem({"DISPLAY": f"127.0.0.1:{number}.0"}, "linux") is None
