import subprocess
import sys

import numpy as np
import pytest

from livecam.core.errors import FrameError, SinkError
from livecam.core.geometry import Size
from livecam.devices.discovery import VideoDevice
from livecam.devices.v4l2 import NegotiatedFormat
from livecam.sinks import virtual_camera
from livecam.sinks.virtual_camera import VirtualCameraSink, open_failure_message, resolve_virtual_camera

RED = np.full((90, 160, 3), (255, 0, 0), np.uint8)


class FakeDoor:
    device = "/dev/video10"

    def __init__(self):
        self.sent = []
        self.closed = 0

    def send(self, frame):
        self.sent.append(frame)

    def close(self):
        self.closed += 1


class CaptureFactory:
    """Hands out one door and keeps how it was asked for."""

    def __init__(self, error=None):
        self.backend = FakeDoor()
        self.error = error
        self.requested = None

    def __call__(self, size, fps, device):
        self.requested = (size, fps, device)
        if self.error:
            raise self.error
        return self.backend


def test_frames_go_through_as_they_are_in_rgb():
    opener = CaptureFactory()
    with VirtualCameraSink(Size(160, 90), 29.97, opener=opener) as camera:
        camera.send(RED)
        assert camera.device == "/dev/video10"
    assert opener.requested == (Size(160, 90), 29.97, None)
    assert (opener.backend.sent[0] == RED).all()


def test_a_frame_of_another_size_is_letterboxed():
    opener = CaptureFactory()
    with VirtualCameraSink(Size(160, 120), 30, opener=opener) as camera:
        camera.send(RED)
    sent = opener.backend.sent[0]
    assert sent.shape == (120, 160, 3)
    assert (sent[60] == (255, 0, 0)).all()
    assert (sent[[0, -1]] == 0).all()


def test_odd_sizes_become_even():
    opener = CaptureFactory()
    with VirtualCameraSink(Size(161, 91), 30, opener=opener) as camera:
        camera.send(np.zeros((91, 161, 3), np.uint8))
    assert opener.requested[0] == camera.size == Size(160, 90)
    assert opener.backend.sent[0].shape == (90, 160, 3)


def kept(width, height, letters="YU12"):
    return lambda path: NegotiatedFormat(Size(width, height), letters)


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(virtual_camera.sys, "platform", "linux")


@pytest.mark.usefixtures("on_linux")
class TestKeptFormat:
    def test_a_device_that_keeps_its_size_is_opened_with_that_and_gets_frames_with_bars(self):
        opener = CaptureFactory()
        with VirtualCameraSink(Size(160, 90), 30, opener=opener, ask=kept(160, 120)) as camera:
            camera.send(RED)
        assert (opener.requested, opener.backend.closed) == ((Size(160, 120), 30, "/dev/video10"), 2)
        sent = opener.backend.sent[0]
        assert sent.shape == (120, 160, 3)
        assert (sent[[0, -1]] == 0).all()

    @pytest.mark.parametrize("ask", [kept(160, 90), lambda path: None])
    def test_a_device_that_took_what_was_requested_is_opened_once(self, ask):
        opener = CaptureFactory()
        with VirtualCameraSink(Size(160, 90), 30, opener=opener, ask=ask) as camera:
            assert camera.size == Size(160, 90)
        assert opener.backend.closed == 1

    def test_a_device_that_keeps_other_pixels_names_the_remedy_and_is_given_back(self):
        opener = CaptureFactory()
        with pytest.raises(SinkError, match="keep_format=0"):
            VirtualCameraSink(Size(160, 90), 30, opener=opener, ask=kept(160, 90, "YUYV")).__enter__()
        assert opener.backend.closed == 1


def test_a_cutout_is_refused():
    opener = CaptureFactory()
    with VirtualCameraSink(Size(160, 90), 30, opener=opener) as camera, pytest.raises(FrameError):
        camera.send(np.zeros((90, 160, 4), np.uint8))
    assert opener.backend.sent == []


def test_closing_gives_the_device_back_once_and_sends_nothing():
    opener = CaptureFactory()
    with VirtualCameraSink(Size(160, 90), 30, opener=opener) as camera:
        camera.send(RED)
        camera.close()
    assert opener.backend.closed == 1
    assert len(opener.backend.sent) == 1
    with pytest.raises(SinkError, match="not open"):
        camera.send(RED)


def test_an_error_while_sending_is_translated():
    opener = CaptureFactory()

    def fail(frame):
        raise RuntimeError("gone")

    opener.backend.send = fail
    with (
        VirtualCameraSink(Size(160, 90), 30, opener=opener) as camera,
        pytest.raises(SinkError, match="gone"),
    ):
        camera.send(RED)
    assert opener.backend.closed == 1


def test_an_error_while_opening_is_translated():
    error = RuntimeError("'obs' backend: not found\n'unitycapture' backend: not found")
    with (
        pytest.raises(SinkError) as caught,
        VirtualCameraSink(Size(160, 90), 30, opener=CaptureFactory(error)),
    ):
        pass
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_pyvirtualcam_says_in_several_lines_becomes_one(platform):
    assert "\n" not in open_failure_message(
        "'obs' backend: not found\n'unitycapture' backend: not found", None, platform
    )


def test_without_pyvirtualcam_its_installation_is_named():
    with pytest.raises(SinkError, match="pip install pyvirtualcam"):
        VirtualCameraSink(Size(160, 90), 30, opener=CaptureFactory(ImportError("no module"))).__enter__()


@pytest.fixture
def one_loopback(monkeypatch):
    monkeypatch.setattr(
        virtual_camera, "list_virtual_cameras", lambda: [VideoDevice("/dev/video10", "livecam")]
    )


@pytest.fixture
def no_loopback(monkeypatch):
    monkeypatch.setattr(virtual_camera, "list_virtual_cameras", list)


@pytest.mark.usefixtures("one_loopback")
@pytest.mark.parametrize(("spec", "found"), [("Livecam", "/dev/video10"), ("/dev/video3", "/dev/video3")])
def test_a_card_label_is_as_good_as_a_device_file(spec, found):
    opener = CaptureFactory()
    with VirtualCameraSink(Size(160, 90), 30, device=spec, opener=opener):
        assert opener.requested[2] == resolve_virtual_camera(spec) == found


@pytest.mark.usefixtures("no_loopback")
@pytest.mark.parametrize(
    ("platform", "remedy"),
    [("linux", "sudo modprobe v4l2loopback"), ("darwin", "OBS 30"), ("win32", "Unity Capture")],
)
def test_each_platform_has_its_remedy(platform, remedy):
    assert remedy in open_failure_message("no device found", None, platform)


@pytest.mark.usefixtures("no_loopback")
@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Device /dev/video9 does not exist.", "no virtual camera"),
        ("Device capabilities of /dev/video9 could not be queried.", "no virtual camera"),
        ("Device /dev/video9 is not a V4L2 device.", "no virtual camera"),
        ("Device /dev/video9 is not a video output device.", "real camera"),
        ("Device /dev/video9 is already in use.", "busy"),
        ("/dev/video9 could not be configured: Device or resource busy", "busy"),
        ("Could not access /dev/video9 due to missing permissions.", "usermod -aG video"),
    ],
)
def test_each_of_pyvirtualcams_refusals_is_reported_apart(message, remedy):
    text = open_failure_message(message, "/dev/video9", "linux")
    assert remedy in text
    assert "/dev/video9" in text


def test_a_kept_format_that_shuts_everybody_out_is_answered_with_the_control(monkeypatch):
    monkeypatch.setattr(virtual_camera, "has_keep_format", lambda path: path == "/dev/video9")
    text = open_failure_message("Device /dev/video9 is not a video output device.", "/dev/video9", "linux")
    assert "v4l2-ctl -d /dev/video9 -c keep_format=0" in text


@pytest.mark.usefixtures("one_loopback")
def test_a_virtual_camera_that_is_fed_already_is_not_answered_with_an_installation():
    text = open_failure_message("No v4l2 loopback device found at /dev/video[0-99].", None, "linux")
    assert "another program" in text
    assert "modprobe" not in text


def test_pyvirtualcam_is_imported_only_when_a_camera_is_opened():
    code = "import sys, livecam.sinks.virtual_camera; sys.exit('pyvirtualcam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_real_pyvirtualcam_refuses_a_device_that_is_none(tmp_path):
    pytest.importorskip("pyvirtualcam")
    with pytest.raises(SinkError), VirtualCameraSink(Size(160, 90), 30, device=str(tmp_path / "video0")):
        pass
