import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from livecam.core.types import Size
from livecam.devices.kept_format import Kept, ask_format, keeps_format

fcntl = pytest.importorskip("fcntl")


def answer(monkeypatch: pytest.MonkeyPatch, *kinds: int) -> None:
    """A driver that answers for these kinds of buffers: struct v4l2_format as a 64-bit kernel lays it out."""

    def ioctl(handle: int, request: int, data: bytes) -> bytes:
        assert (request, len(data)) == (0xC0D05604, 208)
        kind = struct.unpack_from("=I", data)[0]
        if kind not in kinds:
            raise OSError(errno.EINVAL, "Invalid argument")
        return struct.pack("=I4xII4s", kind, 640, 480, b"YU12").ljust(208, b"\0")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)


@pytest.mark.parametrize("kinds", [(1,), (2,), (1, 2)])
def test_a_device_tells_its_format_as_output_or_as_camera(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kinds: Any
) -> None:
    answer(monkeypatch, *kinds)
    (tmp_path / "video10").touch()
    assert ask_format(str(tmp_path / "video10")) == Kept(Size(640, 480), "YU12")


@pytest.mark.parametrize("value", [0, 1])
def test_a_virtual_camera_tells_whether_it_keeps_its_format(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: int
) -> None:
    def ioctl(handle: int, request: int, data: bytes) -> bytes:
        assert (request, struct.unpack("=Ii", data)) == (0xC008561B, (0x0098F900, 0))
        return struct.pack("=Ii", 0x0098F900, value)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    (tmp_path / "video10").touch()
    assert keeps_format(str(tmp_path / "video10")) == bool(value)


def test_what_is_no_device_keeps_no_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch)
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOTTY, "none")))
    (tmp_path / "file").touch()
    assert not keeps_format(str(tmp_path / "file"))
    assert not keeps_format(str(tmp_path / "missing"))


def test_what_is_no_device_has_no_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch)
    (tmp_path / "file").touch()
    assert ask_format(str(tmp_path / "file")) is None
    assert ask_format(str(tmp_path / "missing")) is None
