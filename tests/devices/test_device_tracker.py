from pathlib import Path

import pytest

from livecam.devices.device_tracker import DeviceTracker
from livecam.devices.v4l2 import Capability

CAMERA = Capability("uvcvideo", captures=True)


class Machine:
    """Fake sysfs where cameras are plugged in and unplugged."""

    def __init__(self, folder: Path) -> None:
        self.sysfs = folder

    def plug(self, number: int, name: str) -> None:
        place = self.sysfs / f"video{number}"
        place.mkdir(parents=True)
        (place / "name").write_text(name + "\n")
        (place / "index").write_text("0\n")

    def pull(self, number: int) -> None:
        for file in (self.sysfs / f"video{number}").iterdir():
            file.unlink()
        (self.sysfs / f"video{number}").rmdir()

    def camera(self, device: int | str) -> DeviceTracker:
        return DeviceTracker(device, sysfs=self.sysfs, query=lambda path: CAMERA)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "video4linux")
    made.plug(0, "C920")
    made.plug(2, "Integrated")
    return made


@pytest.mark.parametrize("device", [0, "/dev/video0"])
def test_locate_present_camera_returns_its_device(machine: Machine, device: int | str) -> None:
    camera = machine.camera(device)
    assert camera.locate() == device
    camera.remember()
    assert (str(camera), camera.is_present, camera.locate()) == ("C920", True, device)


def test_locate_camera_with_new_number_finds_it_by_name(machine: Machine) -> None:
    camera = machine.camera(0)
    camera.remember()
    machine.pull(0)
    assert not camera.is_present
    assert camera.locate() is None
    machine.plug(4, "C920")
    assert (camera.locate(), camera.device, camera.is_present) == ("/dev/video4", "/dev/video4", True)


def test_locate_ignores_another_camera_at_its_number(machine: Machine) -> None:
    camera = machine.camera(0)
    camera.remember()
    machine.pull(0)
    machine.plug(0, "Stranger")
    assert camera.locate() is None


def test_locate_ignores_a_namesake_that_was_present(machine: Machine) -> None:
    machine.plug(1, "C920")
    camera = machine.camera(0)
    camera.remember()
    machine.pull(0)
    assert camera.locate() is None
    machine.plug(3, "C920")
    assert camera.locate() == "/dev/video3"


def test_locate_without_names_returns_the_number(tmp_path: Path) -> None:
    camera = DeviceTracker(1, sysfs=tmp_path / "missing")
    camera.remember()
    assert (str(camera), camera.is_present, camera.locate()) == ("1", True, 1)


def test_locate_before_first_open_returns_the_given_device(machine: Machine) -> None:
    camera = machine.camera("/dev/video9")
    assert (str(camera), camera.locate()) == ("/dev/video9", "/dev/video9")
