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


def machine(folder, devices_there):
    """A sysfs with ``{number: (name, index, place)}``; gives back the folder that lists them."""
    listed = folder / "class" / "video4linux"
    listed.mkdir(parents=True)
    for number, (name, index, place) in devices_there.items():
        real = folder / "devices" / place / "video4linux" / f"video{number}"
        real.mkdir(parents=True)
        (real / "name").write_text(name + "\n")
        (real / "index").write_text(f"{index}\n")
        (listed / f"video{number}").symlink_to(real)
    return listed


def laptop(folder):
    return machine(
        folder,
        {
            10: ("livecam", 0, "virtual"),
            2: ("HD Pro Webcam C920", 0, "pci0/usb1"),
            3: ("HD Pro Webcam C920", 1, "pci0/usb1"),
            0: ("Integrated Camera", 0, "pci0/usb2"),
        },
    )


def test_cameras_are_listed_by_number_without_metadata_and_virtual_ones(tmp_path):
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


def test_camera_ten_comes_after_camera_two(tmp_path):
    listed = machine(tmp_path, {10: ("C", 0, "usb3"), 2: ("B", 0, "usb2"), 1: ("A", 0, "usb1")})
    assert [camera.name for camera in list_cameras(listed, lambda path: CAMERA)] == ["A", "B", "C"]


def test_cameras_that_may_not_be_asked_are_judged_by_sysfs(tmp_path):
    paths = [camera.path for camera in list_cameras(laptop(tmp_path), lambda path: None)]
    assert paths == ["/dev/video0", "/dev/video2"]


@pytest.mark.parametrize("answer", [LOOPBACK, None])
def test_virtual_cameras_are_listed_by_driver_or_by_place(tmp_path, answer):
    answers = {"/dev/video10": answer}
    assert list_virtual_cameras(laptop(tmp_path), answers.get) == [VideoDevice("/dev/video10", "livecam")]


def test_a_loopback_driver_is_virtual_wherever_it_lies(tmp_path):
    listed = machine(tmp_path, {4: ("OBS", 0, "platform")})
    assert list_cameras(listed, lambda path: LOOPBACK) == []
    assert len(list_virtual_cameras(listed, lambda path: LOOPBACK)) == 1


def test_without_sysfs_there_are_no_cameras(tmp_path):
    assert list_cameras(tmp_path / "missing") == []
    assert list_virtual_cameras(tmp_path / "missing") == []


def open_failure(*args):
    return str(camera_open_error(*args))


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(discovery.sys, "platform", "linux")


@pytest.mark.usefixtures("on_linux")
class TestExplaining:
    def test_a_missing_camera_names_those_that_are_there(self, tmp_path):
        text = open_failure(str(tmp_path / "gone"), laptop(tmp_path), tmp_path, lambda path: None)
        assert "no camera at" in text
        assert "/dev/video2 (HD Pro Webcam C920)" in text
        assert "--camera demo" in text

    def test_no_camera_at_all_is_said(self, tmp_path):
        assert "has none" in open_failure(9876, tmp_path / "none", tmp_path)
        assert "/dev/video9876" in open_failure(9876, tmp_path / "none", tmp_path)

    @pytest.mark.parametrize(
        ("number", "words"), [(errno.EACCES, "usermod -aG video"), (errno.EBUSY, "is busy")]
    )
    def test_the_kernels_refusal_names_the_remedy(self, tmp_path, monkeypatch, number, words):
        def refuse(path, flags):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", refuse)
        error = camera_open_error("/dev/video0", tmp_path, tmp_path, lambda path: None)
        assert words in str(error)
        assert isinstance(error, CameraBusyError) == (number == errno.EBUSY)

    def test_the_program_that_has_the_camera_is_named(self, tmp_path):
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

    def test_a_device_that_gives_no_pictures_is_said_to_be_none(self, tmp_path):
        device = tmp_path / "video1"
        device.touch()
        assert "not a camera" in open_failure(str(device), tmp_path, tmp_path, lambda path: METADATA)

    def test_an_unknown_reason_still_names_a_remedy(self, tmp_path):
        device = tmp_path / "video1"
        device.touch()
        assert "plug it in again" in open_failure(str(device), tmp_path, tmp_path, lambda path: CAMERA)


@pytest.mark.parametrize(
    ("platform", "place"), [("darwin", "Privacy & Security"), ("win32", "Settings > Privacy")]
)
def test_elsewhere_the_advice_names_the_place_that_allows_cameras(monkeypatch, platform, place):
    monkeypatch.setattr(discovery.sys, "platform", platform)
    assert place in open_failure(0)


def test_this_program_is_not_a_holder_of_what_it_asks_about(tmp_path):
    device = tmp_path / "video0"
    device.touch()
    own = tmp_path / "proc" / str(os.getpid()) / "fd"
    own.mkdir(parents=True)
    (own / "3").symlink_to(device)
    assert processes_using(str(device), tmp_path / "proc") == []
