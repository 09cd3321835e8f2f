"""The device list as objects, text and JSON."""

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
def device_list(tmp_path: Path) -> list[DeviceInfo]:
    host = FakeHost(tmp_path)
    host.add_camera("/dev/video2", "Integrated Camera")
    host.pixel_formats["/dev/video2"] = [PixelFormatInfo("GREY", "8-bit grey", ())]
    sysfs = host.path("/sys/class/video4linux")
    return list_devices(sysfs, host.query_capability, host.formats, platform="linux")


def test_list_devices_lists_cameras_first_with_formats(device_list: list[DeviceInfo]) -> None:
    assert [(device.kind, device.path) for device in device_list] == [
        ("camera", CAMERA), ("camera", "/dev/video2"), ("virtual", LOOPBACK)
    ]  # fmt: skip
    assert (device_list[0].name, device_list[0].driver) == ("HD Pro Webcam C920", "uvcvideo")
    assert device_list[0].formats[0].frame_sizes[0].rates == (30.0, 15.0)
    assert (device_list[2].name, device_list[2].driver, device_list[2].formats) == (
        "livecam",
        "v4l2 loopback",
        (),
    )


def test_format_lines_has_a_line_per_device_and_size(device_list: list[DeviceInfo]) -> None:
    assert device_list[0].format_lines() == [
        f"camera {CAMERA}: HD Pro Webcam C920, uvcvideo",
        "  MJPG 1280x720 at 30, 15 fps",
    ]
    assert device_list[1].format_lines()[1:] == ["  GREY"]
    assert device_list[2].format_lines()[0] == f"virtual camera {LOOPBACK}: livecam, v4l2 loopback"
    assert "does not tell" in device_list[2].format_lines()[1]


def test_to_dict_is_json(device_list: list[DeviceInfo]) -> None:
    decoded = json.loads(json.dumps([device.to_dict() for device in device_list]))
    assert decoded[0]["formats"] == [
        {
            "pixels": "MJPG",
            "description": "Motion-JPEG",
            "modes": [{"size": "1280x720", "largest": "1280x720", "rates": [30.0, 15.0]}],
        }
    ]


class Capture:
    """Camera at number 1 only; counts its releases."""

    released = 0

    def __init__(self, number: int | str) -> None:
        self._number = number

    def isOpened(self) -> bool:
        return self._number == 1

    def get(self, prop: int) -> float:
        return {3: 640.0, 4: 480.0, 5: 30.0}[prop]

    def release(self) -> None:
        Capture.released += 1


def test_list_devices_without_v4l2_lists_numbers_that_open() -> None:
    factory: Any = Capture
    found = list_devices(platform="darwin", capture_factory=factory)
    size = Size(640, 480)
    assert found == [
        DeviceInfo(
            "camera", "camera 1", "1", "", (PixelFormatInfo("", "", (FrameSizeInfo(size, size, (30.0,)),)),)
        )
    ]
    assert Capture.released == 4


def test_devices_command_prints_text_or_json(
    device_list: list[DeviceInfo], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("livecam.devices.device_info.list_devices", lambda: device_list)
    assert main(["devices"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == device_list[0].format_lines()[0]
    assert main(["devices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["path"] == CAMERA
    monkeypatch.setattr("livecam.devices.device_info.list_devices", list)
    assert main(["devices"]) == 0
    assert "livecam doctor" in capsys.readouterr().err
