"""V4L2 requests: capabilities, pixel formats, controls and events of Linux video devices.

Names, numbers and layouts are those of the kernel's linux/videodev2.h. They are the same on 32 and 64 bits.
"""

import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from livecam.core.geometry import Size

VIDIOC_QUERYCAP = 0x80685600
VIDIOC_ENUM_FMT = 0xC0405602
VIDIOC_G_FMT = 0xC0D05604
VIDIOC_G_CTRL = 0xC008561B
VIDIOC_ENUM_FRAMESIZES = 0xC02C564A
VIDIOC_ENUM_FRAMEINTERVALS = 0xC034564B
VIDIOC_DQEVENT = 0x80885659
VIDIOC_SUBSCRIBE_EVENT = 0x4020565A

V4L2_CAP_VIDEO_CAPTURE = 0x00000001
V4L2_CAP_VIDEO_OUTPUT = 0x00000002
V4L2_CAP_VIDEO_CAPTURE_MPLANE = 0x00001000
V4L2_CAP_VIDEO_OUTPUT_MPLANE = 0x00002000
V4L2_CAP_DEVICE_CAPS = 0x80000000
V4L2_BUF_TYPE_VIDEO_CAPTURE = 1
V4L2_BUF_TYPE_VIDEO_OUTPUT = 2
V4L2_FRMSIZE_TYPE_DISCRETE = 1
V4L2_FRMIVAL_TYPE_DISCRETE = 1
V4L2_EVENT_PRIVATE_START = 0x08000000
V4L2_EVENT_SUB_FL_SEND_INITIAL = 1

# v4l2loopback's own event (since 0.13) and its own first control, both from v4l2loopback.c.
V4L2_EVENT_PRI_CLIENT_USAGE = V4L2_EVENT_PRIVATE_START + 0x08E00000 + 1
CID_KEEP_FORMAT = 0x0098F900

v4l2_capability = struct.Struct("=16s32s32s6I")
"""Driver, card, bus, version, capabilities, device_caps, 3 x reserved."""
v4l2_fmtdesc = struct.Struct("=III32s4s4I")
"""Index, type, flags, description, pixelformat, mbus_code, 3 x reserved."""
v4l2_frmsizeenum = struct.Struct("=I4sI6I2I")
"""Index, pixel_format, type, sides (discrete: width, height; stepwise: min, max, step of both), reserved."""
v4l2_frmivalenum = struct.Struct("=I4sIII6I2I")
"""Index, pixel_format, width, height, type, fractions (discrete: one; stepwise: min, max, step), reserved."""
v4l2_format = struct.Struct("=I4x3I188x")
"""Type, then width, height and pixelformat of its v4l2_pix_format."""
v4l2_control = struct.Struct("=Ii")
"""Identifier, value."""
v4l2_event_subscription = struct.Struct("=3I20x")
"""Type, identifier, flags."""
v4l2_event = struct.Struct("=I4xI124x")
"""Type, then the first word of its data (for V4L2_EVENT_PRI_CLIENT_USAGE: the number of clients)."""

_MAX_ENUM = 64  # entries of each list; protects against a driver that never ends its list

Ioctl = Callable[[int, bytes], bytes | None]
"""Sends a request with its argument; returns the answer, or None if the driver refuses."""
FormatQuery = Callable[[str], Sequence["PixelFormatInfo"]]


class Capability(NamedTuple):
    """Capabilities of a video device, as its driver reports them."""

    driver: str
    captures: bool
    outputs: bool = False
    card: str = ""


@dataclass(frozen=True)
class FrameSizeInfo:
    """Frame size, or a range of sizes up to `largest`, with its rates in frames per second, fastest first.

    `rates` is empty if the driver does not report them.
    """

    size: Size
    largest: Size
    rates: tuple[float, ...] = ()

    def __str__(self) -> str:
        sizes = f"{self.size}" if self.size == self.largest else f"{self.size} to {self.largest}"
        return f"{sizes} at {', '.join(f'{rate:g}' for rate in self.rates)} fps" if self.rates else sizes

    def supports(self, size: Size) -> bool:
        """Return whether the device offers `size`."""
        return (
            self.size.width <= size.width <= self.largest.width
            and self.size.height <= size.height <= self.largest.height
        )


@dataclass(frozen=True)
class PixelFormatInfo:
    """Pixel format: four-character code such as MJPG, the driver's description, and the frame sizes."""

    fourcc: str
    description: str
    frame_sizes: tuple[FrameSizeInfo, ...]


class NegotiatedFormat(NamedTuple):
    """Current format of a device: size in pixels and four-character code, such as YU12."""

    size: Size
    fourcc: str


@contextmanager
def open_device(path: str) -> Iterator[int]:
    """Open a video device without blocking and close it at the end of the `with` block.

    Returns:
        The file descriptor.

    Raises:
        OSError: the device can't be opened, or this is not a system with ioctl (Windows).
    """
    handle = _open(path)
    try:
        yield handle
    finally:
        os.close(handle)


def _open(path: str) -> int:
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "video devices are files on Linux only")
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _ioctl(handle: int, request: int, argument: bytes) -> bytes:
    # Imported here because Windows has no fcntl; open_device() refuses there.
    import fcntl

    return fcntl.ioctl(handle, request, argument)


def open_errno(path: str) -> int:
    """Return the errno of opening the device at `path`; 0 if it opens."""
    try:
        with open_device(path):
            return 0
    except OSError as error:
        return error.errno or 0


def query_capability(path: str) -> Capability | None:
    """Query the driver of the device file at `path` (VIDIOC_QUERYCAP); None if that fails."""
    try:
        with open_device(path) as handle:
            answer = _ioctl(handle, VIDIOC_QUERYCAP, bytes(v4l2_capability.size))
    except OSError:
        return None
    driver, card, _, _, capabilities, device_caps, *_ = v4l2_capability.unpack(answer)
    # `capabilities` is of all files of the device, `device_caps` of this one; old drivers lack the latter.
    flags = device_caps if capabilities & V4L2_CAP_DEVICE_CAPS else capabilities
    return Capability(
        decode_c_string(driver),
        bool(flags & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)),
        bool(flags & (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE)),
        decode_c_string(card),
    )


def decode_c_string(field: bytes) -> str:
    """Decode a zero-terminated string in a field of fixed length."""
    return field.split(b"\0")[0].decode(errors="replace")


def list_formats(path: str) -> list[PixelFormatInfo]:
    """List the formats that the device file at `path` captures, or else accepts as output.

    A virtual camera lists what it accepts while no program feeds it.

    Returns:
        A new list; empty if the device can't be queried: no permission, no Linux, no video device.
    """
    try:
        with open_device(path) as handle:

            def query(request: int, argument: bytes) -> bytes | None:
                try:
                    return _ioctl(handle, request, argument)
                except OSError:
                    return None

            return read_formats(query)
    except OSError:
        return []


def read_formats(ioctl: Ioctl) -> list[PixelFormatInfo]:
    """Read the format lists of a driver; `ioctl` returns None at the end of each list."""
    captured = list(_enumerate_formats(ioctl, V4L2_BUF_TYPE_VIDEO_CAPTURE))
    return captured or list(_enumerate_formats(ioctl, V4L2_BUF_TYPE_VIDEO_OUTPUT))


def _enumerate_formats(ioctl: Ioctl, buffer_type: int) -> Iterator[PixelFormatInfo]:
    for index in range(_MAX_ENUM):
        argument = v4l2_fmtdesc.pack(index, buffer_type, 0, b"", b"", 0, 0, 0, 0)
        answer = ioctl(VIDIOC_ENUM_FMT, argument)
        if answer is None:
            return
        _, _, _, description, code, *_ = v4l2_fmtdesc.unpack(answer)
        sizes = tuple(_enumerate_frame_sizes(ioctl, code))
        yield PixelFormatInfo(decode_c_string(code).strip(), decode_c_string(description), sizes)


def _enumerate_frame_sizes(ioctl: Ioctl, code: bytes) -> Iterator[FrameSizeInfo]:
    for index in range(_MAX_ENUM):
        answer = ioctl(VIDIOC_ENUM_FRAMESIZES, v4l2_frmsizeenum.pack(index, code, *[0] * 9))
        if answer is None:
            return
        _, _, size_type, *sides = v4l2_frmsizeenum.unpack(answer)
        if size_type == V4L2_FRMSIZE_TYPE_DISCRETE:
            size = largest = Size(sides[0], sides[1])
        else:  # min, max and step, first of the widths, then of the heights
            size, largest = Size(sides[0], sides[3]), Size(sides[1], sides[4])
        yield FrameSizeInfo(size, largest, tuple(_enumerate_rates(ioctl, code, largest)))
        if size_type != V4L2_FRMSIZE_TYPE_DISCRETE:
            return


def _enumerate_rates(ioctl: Ioctl, code: bytes, size: Size) -> list[float]:
    rates: set[float] = set()
    for index in range(_MAX_ENUM):
        answer = ioctl(VIDIOC_ENUM_FRAMEINTERVALS, v4l2_frmivalenum.pack(index, code, *size, *[0] * 9))
        if answer is None:
            break
        _, _, _, _, interval_type, *fractions = v4l2_frmivalenum.unpack(answer)
        is_discrete = interval_type == V4L2_FRMIVAL_TYPE_DISCRETE
        # Seconds as numerator and denominator; of a range the shortest and the longest interval.
        pairs = [fractions[0:2]] if is_discrete else [fractions[0:2], fractions[2:4]]
        rates |= {
            round(denominator / numerator, 3) for numerator, denominator in pairs if numerator and denominator
        }
        if not is_discrete:
            break
    return sorted(rates, reverse=True)


def get_format(path: str) -> NegotiatedFormat | None:
    """Return the current format of the device file at `path` (VIDIOC_G_FMT); None if that fails."""
    try:
        with open_device(path) as handle:
            # With exclusive_caps=1 a v4l2loopback device that is fed answers for capture only.
            for buffer_type in (V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_CAPTURE):
                try:
                    answer = _ioctl(handle, VIDIOC_G_FMT, v4l2_format.pack(buffer_type, 0, 0, 0))
                except OSError:
                    continue
                _, width, height, code = v4l2_format.unpack(answer)
                return NegotiatedFormat(Size(width, height), code.to_bytes(4, "little").decode("latin-1"))
    except OSError:
        return None
    return None


def has_keep_format(path: str) -> bool:
    """Return whether v4l2loopback's `keep_format` is set on the device at `path`; False if unknown."""
    try:
        with open_device(path) as handle:
            answer = _ioctl(handle, VIDIOC_G_CTRL, v4l2_control.pack(CID_KEEP_FORMAT, 0))
    except OSError:
        return False
    return bool(v4l2_control.unpack(answer)[1])


def reset_format_command(path: str) -> str:
    """Return the shell command that clears `keep_format` of a virtual camera."""
    return f"v4l2-ctl -d {path} -c keep_format=0 (sudo apt install v4l-utils)"


def subscribe_client_usage(path: str) -> int | None:
    """Subscribe to v4l2loopback's event about the number of clients.

    Returns:
        A file descriptor that receives the events and belongs to the caller; None if the module is older
        than 0.13 and has no such event.

    Raises:
        OSError: the device can't be opened.
    """
    handle = _open(path)
    argument = v4l2_event_subscription.pack(V4L2_EVENT_PRI_CLIENT_USAGE, 0, V4L2_EVENT_SUB_FL_SEND_INITIAL)
    try:
        _ioctl(handle, VIDIOC_SUBSCRIBE_EVENT, argument)
    except OSError:
        os.close(handle)
        return None
    return handle


def dequeue_client_count(handle: int) -> int | None:
    """Take one event from the queue of a subscribed descriptor.

    Returns:
        The number of clients; None if the event is of another type.

    Raises:
        OSError: the queue is empty (ENOENT or EAGAIN), or the device has gone.
    """
    event_type, count = v4l2_event.unpack(_ioctl(handle, VIDIOC_DQEVENT, bytes(v4l2_event.size)))
    return count if event_type == V4L2_EVENT_PRI_CLIENT_USAGE else None
