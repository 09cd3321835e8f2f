"""The list of devices."""

import json
from pathlib import Path
from typing import Any

import pytest

from livecam.cli.main import main
from livecam.core.geometry import Size
from livecam.devices.device_info import DeviceInfo, list_devices
from livecam.devices.v4l2 import FrameSizeInfo, PixelFormatInfo
from tests.support.fake_host import CAMERA, LOOPBACK, FakeHost


@pytest.fixture
def listed(tmp_path: Path) -> list[DeviceInfo]:
    host = FakeHost(tmp_path)
    host.add_camera("/dev/video2", "Integrated Camera")
    host.pixel_formats["/dev/video2"] = [PixelFormatInfo("GREY", "8-bit grey", ())]
    sysfs = host.path("/sys/class/video4linux")
    return list_devices(sysfs, host.query_capability, host.formats, platform="linux")


def test_cameras_come_first_with_name_driver_and_formats(listed: list[DeviceInfo]) -> None:
    assert [(device.kind, device.path) for device in listed] == [
        ("camera", CAMERA), ("camera", "/dev/video2"), ("virtual", LOOPBACK)
    ]  # fmt: skip
    assert (listed[0].name, listed[0].driver) == ("HD Pro Webcam C920", "uvcvideo")
    assert listed[0].formats[0].frame_sizes[0].rates == (30.0, 15.0)
    assert (listed[2].name, listed[2].driver, listed[2].formats) == ("livecam", "v4l2 loopback", ())


def test_people_get_a_line_for_each_device_and_mode(listed: list[DeviceInfo]) -> None:
    assert listed[0].format_lines() == [
        f"camera {CAMERA}: HD Pro Webcam C920, uvcvideo",
        "  MJPG 1280x720 at 30, 15 fps",
    ]
    assert listed[1].format_lines()[1:] == ["  GREY"]
    assert listed[2].format_lines()[0] == f"virtual camera {LOOPBACK}: livecam, v4l2 loopback"
    assert "does not tell" in listed[2].format_lines()[1]


def test_scripts_get_plain_values(listed: list[DeviceInfo]) -> None:
    plain = json.loads(json.dumps([device.to_dict() for device in listed]))
    assert plain[0]["formats"] == [
        {
            "pixels": "MJPG",
            "description": "Motion-JPEG",
            "modes": [{"size": "1280x720", "largest": "1280x720", "rates": [30.0, 15.0]}],
        }
    ]


class Capture:
    """A camera of number 1 only; notes that it was given back."""

    released = 0

    def __init__(self, number: int | str) -> None:
        self._number = number

    def isOpened(self) -> bool:
        return self._number == 1

    def get(self, prop: int) -> float:
        return {3: 640.0, 4: 480.0, 5: 30.0}[prop]

    def release(self) -> None:
        Capture.released += 1


def test_elsewhere_cameras_are_the_numbers_that_open() -> None:
    factory: Any = Capture
    found = list_devices(platform="darwin", capture_factory=factory)
    size = Size(640, 480)
    assert found == [
        DeviceInfo(
            "camera", "camera 1", "1", "", (PixelFormatInfo("", "", (FrameSizeInfo(size, size, (30.0,)),)),)
        )
    ]
    assert Capture.released == 4


def test_the_command_lists_for_people_and_for_scripts(
    listed: list[DeviceInfo], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("livecam.devices.device_info.list_devices", lambda: listed)
    assert main(["devices"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == listed[0].format_lines()[0]
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["path"] == CAMERA
    monkeypatch.setattr("livecam.devices.device_info.list_devices", list)
    assert main(["devices"]) == 0
    assert "livecam doctor" in capsys.readouterr().err
