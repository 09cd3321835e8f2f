"""V4L2 requests, answered as the kernel lays out its structs."""

import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from livecam.core.geometry import Size
from livecam.devices import v4l2
from livecam.devices.v4l2 import (
    Capability,
    FrameSizeInfo,
    NegotiatedFormat,
    PixelFormatInfo,
    get_format,
    has_keep_format,
    list_formats,
    read_formats,
)

VGA, HD, FOUR_K = Size(640, 480), Size(1280, 720), Size(3840, 2160)
Ioctl = v4l2.Ioctl


def driver(buffer_types: dict[int, dict[str, dict[Size, list[tuple[int, int]]]]]) -> Ioctl:
    """Make a driver of ``{buffer type: {pixel format: {size: [(numerator, denominator)]}}}``."""

    def fake_ioctl(request: int, argument: bytes) -> bytes | None:
        try:
            return answer(request, argument)
        except IndexError:
            return None

    def answer(request: int, argument: bytes) -> bytes:
        if request == v4l2.VIDIOC_ENUM_FMT:
            index, kind, *_ = v4l2.v4l2_fmtdesc.unpack(argument)
            code = list(buffer_types.get(kind, {}))[index].encode()
            return v4l2.v4l2_fmtdesc.pack(index, kind, 0, b"in words\0rest", code, 0, 0, 0, 0)
        all_sizes = {
            code.encode(): sizes for pixels in buffer_types.values() for code, sizes in pixels.items()
        }
        if request == v4l2.VIDIOC_ENUM_FRAMESIZES:
            index, code, *_ = v4l2.v4l2_frmsizeenum.unpack(argument)
            size = list(all_sizes[code])[index]
            return v4l2.v4l2_frmsizeenum.pack(index, code, 1, *size, *[0] * 6)
        assert request == v4l2.VIDIOC_ENUM_FRAMEINTERVALS
        index, code, width, height, *_ = v4l2.v4l2_frmivalenum.unpack(argument)
        interval = all_sizes[code][Size(width, height)][index]
        return v4l2.v4l2_frmivalenum.pack(index, code, width, height, 1, *interval, *[0] * 6)

    return fake_ioctl


def test_read_formats_reads_every_format_size_and_rate() -> None:
    webcam = {"MJPG": {HD: [(1, 30), (1001, 30000)], VGA: [(1, 30)]}, "YUYV": {HD: [(1, 5)], VGA: []}}
    assert read_formats(driver({1: webcam})) == [
        PixelFormatInfo(
            "MJPG", "in words", (FrameSizeInfo(HD, HD, (30.0, 29.97)), FrameSizeInfo(VGA, VGA, (30.0,)))
        ),
        PixelFormatInfo("YUYV", "in words", (FrameSizeInfo(HD, HD, (5.0,)), FrameSizeInfo(VGA, VGA))),
    ]


def test_read_formats_without_capture_lists_output() -> None:
    assert [kind.fourcc for kind in read_formats(driver({2: {"RGB3": {VGA: []}}}))] == ["RGB3"]
    both = driver({1: {"YU12": {}}, 2: {"RGB3": {}}})
    assert [kind.fourcc for kind in read_formats(both)] == ["YU12"]


def test_read_formats_queries_a_size_range_once() -> None:
    sent_requests = []

    def fake_ioctl(request: int, argument: bytes) -> bytes | None:
        sent_requests.append(request)
        if request == v4l2.VIDIOC_ENUM_FMT:
            index, kind, *_ = v4l2.v4l2_fmtdesc.unpack(argument)
            return None if index else v4l2.v4l2_fmtdesc.pack(0, kind, 0, b"", b"YU12", 0, 0, 0, 0)
        if request == v4l2.VIDIOC_ENUM_FRAMESIZES:
            return v4l2.v4l2_frmsizeenum.pack(0, b"YU12", 3, 2, 3840, 2, 4, 2160, 2, 0, 0)
        return v4l2.v4l2_frmivalenum.pack(0, b"YU12", *FOUR_K, 2, 1, 60, 1, 1, 1, 60, 0, 0)

    (found,) = read_formats(fake_ioctl)
    assert [
        sent_requests.count(request)
        for request in (v4l2.VIDIOC_ENUM_FRAMESIZES, v4l2.VIDIOC_ENUM_FRAMEINTERVALS)
    ] == [
        1,
        1,
    ]
    assert found.frame_sizes == (FrameSizeInfo(Size(2, 4), FOUR_K, (60.0, 1.0)),)
    assert str(found.frame_sizes[0]) == "2x4 to 3840x2160 at 60, 1 fps"
    assert found.frame_sizes[0].supports(HD)
    assert not found.frame_sizes[0].supports(Size(3840, 2161))


def test_read_formats_stops_an_endless_list() -> None:
    endless = driver({1: {f"F{number:03}": {} for number in range(500)}})
    assert len(read_formats(endless)) == 64


def test_read_formats_ignores_zero_intervals() -> None:
    (found,) = read_formats(driver({1: {"MJPG": {VGA: [(0, 30), (1, 0), (1, 15)]}}}))
    assert found.frame_sizes == (FrameSizeInfo(VGA, VGA, (15.0,)),)


def test_structs_have_the_sizes_in_their_requests() -> None:
    requests = (v4l2.VIDIOC_ENUM_FMT, v4l2.VIDIOC_ENUM_FRAMESIZES, v4l2.VIDIOC_ENUM_FRAMEINTERVALS)
    layouts = (v4l2.v4l2_fmtdesc, v4l2.v4l2_frmsizeenum, v4l2.v4l2_frmivalenum)
    # Bits 16 to 29 of a request number contain the size of its struct.
    assert [layout.size for layout in layouts] == [request >> 16 & 0x3FFF for request in requests]


@pytest.mark.parametrize("exists", [True, False])
def test_list_formats_of_another_file_is_empty(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "file").touch()
    assert list_formats(str(tmp_path / "file")) == []


fcntl = pytest.importorskip("fcntl")


def answer(monkeypatch: pytest.MonkeyPatch, *buffer_types: int) -> None:
    """Answer VIDIOC_G_FMT for these buffer types: struct v4l2_format as a 64-bit kernel lays it out."""

    def ioctl(handle: int, request: int, data: bytes) -> bytes:
        assert (request, len(data)) == (0xC0D05604, 208)
        kind = struct.unpack_from("=I", data)[0]
        if kind not in buffer_types:
            raise OSError(errno.EINVAL, "Invalid argument")
        return struct.pack("=I4xII4s", kind, 640, 480, b"YU12").ljust(208, b"\0")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)


@pytest.mark.parametrize("buffer_types", [(1,), (2,), (1, 2)])
def test_get_format_asks_output_then_capture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, buffer_types: Any
) -> None:
    answer(monkeypatch, *buffer_types)
    (tmp_path / "video10").touch()
    assert get_format(str(tmp_path / "video10")) == NegotiatedFormat(Size(640, 480), "YU12")


@pytest.mark.parametrize("value", [0, 1])
def test_has_keep_format_reads_the_control(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: int
) -> None:
    def ioctl(handle: int, request: int, data: bytes) -> bytes:
        assert (request, struct.unpack("=Ii", data)) == (0xC008561B, (0x0098F900, 0))
        return struct.pack("=Ii", 0x0098F900, value)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    (tmp_path / "video10").touch()
    assert has_keep_format(str(tmp_path / "video10")) == bool(value)


def test_has_keep_format_of_another_file_is_false(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch)
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOTTY, "none")))
    (tmp_path / "file").touch()
    assert not has_keep_format(str(tmp_path / "file"))
    assert not has_keep_format(str(tmp_path / "missing"))


def test_get_format_of_another_file_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(monkeypatch)
    (tmp_path / "file").touch()
    assert get_format(str(tmp_path / "file")) is None
    assert get_format(str(tmp_path / "missing")) is None


def test_query_capability_of_another_file_is_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert v4l2.query_capability(str(file)) is None
    assert v4l2.query_capability(str(tmp_path / "missing")) is None


def test_query_capability_decodes_every_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "video0"
    file.touch()

    def query(capabilities: int, device_caps: int) -> Capability | None:
        packed = v4l2.v4l2_capability.pack(
            b"uvcvideo", b"C920", b"usb-1", 0x060000, capabilities, device_caps, 0, 0, 0
        )
        monkeypatch.setattr(fcntl, "ioctl", lambda handle, request, buffer: packed)
        return v4l2.query_capability(str(file))

    assert v4l2.v4l2_capability.size == 104
    assert query(0x84A00001, 0x04200001) == Capability("uvcvideo", captures=True, card="C920")
    assert query(0x84A00001, 0x04A00000) == Capability("uvcvideo", captures=False, card="C920")
    assert query(0x00000001, 0) == Capability("uvcvideo", captures=True, card="C920")
    assert query(0x80000003, 0x00000002) == Capability("uvcvideo", False, outputs=True, card="C920")
