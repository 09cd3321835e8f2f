import errno
import os

import pytest

from livecam.core.errors import CameraBusyError
from livecam.devices import discovery
from livecam.devices.discovery import (
    VideoDevice,
    camera_open_error,
    list_cameras,
    list_virtual_cameras,
    processes_using,
)
from livecam.devices.v4l2 import Capability

CAMERA = Capability("uvcvideo", captures=True)
METADATA = Capability("uvcvideo", captures=False)
LOOPBACK = Capability("v4l2 loopback", captures=True)


def make_sysfs(folder, present_devices):
    """Make a sysfs of ``{number: (name, index, bus)}``; return the folder that lists the devices."""
    sysfs = folder / "class" / "video4linux"
    sysfs.mkdir(parents=True)
    for code, (name, index, place) in present_devices.items():
        real = folder / "devices" / place / "video4linux" / f"video{code}"
        real.mkdir(parents=True)
        (real / "name").write_text(name + "\n")
        (real / "index").write_text(f"{index}\n")
        (sysfs / f"video{code}").symlink_to(real)
    return sysfs


def laptop(folder):
    return make_sysfs(
        folder,
        {
            10: ("livecam", 0, "virtual"),
            2: ("HD Pro Webcam C920", 0, "pci0/usb1"),
            3: ("HD Pro Webcam C920", 1, "pci0/usb1"),
            0: ("Integrated Camera", 0, "pci0/usb2"),
        },
    )


def test_list_cameras_omits_metadata_and_virtual_devices(tmp_path):
    answers = {
        "/dev/video0": CAMERA,
        "/dev/video2": CAMERA,
        "/dev/video3": METADATA,
        "/dev/video10": LOOPBACK,
    }
    assert list_cameras(laptop(tmp_path), answers.get) == [
        VideoDevice("/dev/video0", "Integrated Camera"),
        VideoDevice("/dev/video2", "HD Pro Webcam C920"),
    ]


def test_list_cameras_sorts_by_number(tmp_path):
    sysfs = make_sysfs(tmp_path, {10: ("C", 0, "usb3"), 2: ("B", 0, "usb2"), 1: ("A", 0, "usb1")})
    assert [camera.name for camera in list_cameras(sysfs, lambda path: CAMERA)] == ["A", "B", "C"]


def test_list_cameras_without_permission_uses_sysfs(tmp_path):
    paths = [camera.path for camera in list_cameras(laptop(tmp_path), lambda path: None)]
    assert paths == ["/dev/video0", "/dev/video2"]


@pytest.mark.parametrize("answer", [LOOPBACK, None])
def test_list_virtual_cameras_uses_driver_or_sysfs_path(tmp_path, answer):
    answers = {"/dev/video10": answer}
    assert list_virtual_cameras(laptop(tmp_path), answers.get) == [VideoDevice("/dev/video10", "livecam")]


def test_loopback_driver_is_virtual_at_any_sysfs_path(tmp_path):
    sysfs = make_sysfs(tmp_path, {4: ("OBS", 0, "platform")})
    assert list_cameras(sysfs, lambda path: LOOPBACK) == []
    assert len(list_virtual_cameras(sysfs, lambda path: LOOPBACK)) == 1


def test_lists_without_sysfs_are_empty(tmp_path):
    assert list_cameras(tmp_path / "missing") == []
    assert list_virtual_cameras(tmp_path / "missing") == []


def open_failure(*args):
    return str(camera_open_error(*args))


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(discovery.sys, "platform", "linux")


@pytest.mark.usefixtures("on_linux")
class TestExplaining:
    def test_missing_camera_lists_the_present_ones(self, tmp_path):
        text = open_failure(str(tmp_path / "gone"), laptop(tmp_path), tmp_path, lambda path: None)
        assert "no camera at" in text
        assert "/dev/video2 (HD Pro Webcam C920)" in text
        assert "--camera demo" in text

    def test_no_camera_at_all_is_reported(self, tmp_path):
        assert "has none" in open_failure(9876, tmp_path / "none", tmp_path)
        assert "/dev/video9876" in open_failure(9876, tmp_path / "none", tmp_path)

    @pytest.mark.parametrize(
        ("code", "remedy"), [(errno.EACCES, "usermod -aG video"), (errno.EBUSY, "is busy")]
    )
    def test_errno_of_the_kernel_gets_its_remedy(self, tmp_path, monkeypatch, code, remedy):
        def refuse(path, flags):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "open", refuse)
        error = camera_open_error("/dev/video0", tmp_path, tmp_path, lambda path: None)
        assert remedy in str(error)
        assert isinstance(error, CameraBusyError) == (code == errno.EBUSY)

    def test_busy_camera_names_the_program(self, tmp_path):
        device = tmp_path / "video0"
        device.touch()
        process = tmp_path / "proc" / "4242"
        (process / "fd").mkdir(parents=True)
        (process / "fd" / "7").symlink_to(device)
        (process / "comm").write_text("zoom\n")
        error = camera_open_error(str(device), tmp_path, tmp_path / "proc", lambda path: CAMERA)
        text = str(error)
        assert isinstance(error, CameraBusyError)
        assert "busy" in text
        assert "zoom (pid 4242)" in text

    def test_device_without_capture_is_not_a_camera(self, tmp_path):
        device = tmp_path / "video1"
        device.touch()
        assert "not a camera" in open_failure(str(device), tmp_path, tmp_path, lambda path: METADATA)

    def test_unknown_reason_gets_a_general_remedy(self, tmp_path):
        device = tmp_path / "video1"
        device.touch()
        assert "plug it in again" in open_failure(str(device), tmp_path, tmp_path, lambda path: CAMERA)


@pytest.mark.parametrize(
    ("platform", "place"), [("darwin", "Privacy & Security"), ("win32", "Settings > Privacy")]
)
def test_without_v4l2_advice_names_the_privacy_settings(monkeypatch, platform, place):
    monkeypatch.setattr(discovery.sys, "platform", platform)
    assert place in open_failure(0)


def test_processes_using_omits_this_process(tmp_path):
    device = tmp_path / "video0"
    device.touch()
    own = tmp_path / "proc" / str(os.getpid()) / "fd"
    own.mkdir(parents=True)
    (own / "3").symlink_to(device)
    assert processes_using(str(device), tmp_path / "proc") == []
