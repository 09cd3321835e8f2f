"""Which pixel formats, sizes and rates a video device offers, asked of its driver (V4L2, Linux only).

The numbers and layouts are those of the kernel's linux/videodev2.h; they are the same on 32 and 64 bits.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from livecam.core.geometry import Size
from livecam.devices.discovery import decode_c_string

_ENUM_FMT, _ENUM_FRAMESIZES, _ENUM_FRAMEINTERVALS = 0xC0405602, 0xC02C564A, 0xC034564B
_FORMAT_DESCRIPTION = struct.Struct("=III32s4s4I")  # index, type, flags, description, pixel format, ...
_FRAME_SIZE = struct.Struct("=I4sI6I2I")  # index, pixel format, kind, sides, ...
_INTERVAL = struct.Struct("=I4sIII6I2I")  # index, pixel format, width, height, kind, fractions, ...
_DISCRETE = 1
_CAPTURE, _OUTPUT = 1, 2
_MAX_ENUM = 64  # of each; a driver that never ends its list is not waited for

Ioctl = Callable[[int, bytes], bytes | None]
FormatsOf = Callable[[str], Sequence["PixelFormatInfo"]]


@dataclass(frozen=True)
class FrameSizeInfo:
    """A size with its rates in frames a second, fastest first; a range of sizes if `largest` is another.

    No rates: the driver doesn't tell.
    """

    size: Size
    largest: Size
    rates: tuple[float, ...] = ()

    def __str__(self) -> str:
        sizes = f"{self.size}" if self.size == self.largest else f"{self.size} to {self.largest}"
        return f"{sizes} at {', '.join(f'{rate:g}' for rate in self.rates)} fps" if self.rates else sizes

    def supports(self, size: Size) -> bool:
        """Whether `size` is offered."""
        return (
            self.size.width <= size.width <= self.largest.width
            and self.size.height <= size.height <= self.largest.height
        )


@dataclass(frozen=True)
class PixelFormatInfo:
    """A pixel format by its four letters, such as MJPG, and in the driver's words, with its modes."""

    pixels: str
    description: str
    modes: tuple[FrameSizeInfo, ...]


def list_formats(path: str) -> list[PixelFormatInfo]:
    """What the device file at `path` gives (or, of a virtual camera that nobody feeds, takes).

    Empty where it can't be asked: no permission, no Linux, no video device.
    """
    try:
        import fcntl

        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):
        return []

    def ask(request: int, question: bytes) -> bytes | None:
        try:
            return fcntl.ioctl(handle, request, question)
        except OSError:
            return None

    try:
        return read_formats(ask)
    finally:
        os.close(handle)


def read_formats(ask: Ioctl) -> list[PixelFormatInfo]:
    """What a driver answers through `ask(request, question)`, which gives None at the end of a list."""
    return list(_formats(ask, _CAPTURE)) or list(_formats(ask, _OUTPUT))


def _formats(ask: Ioctl, kind: int) -> Iterator[PixelFormatInfo]:
    for index in range(_MAX_ENUM):
        answer = ask(_ENUM_FMT, _FORMAT_DESCRIPTION.pack(index, kind, 0, b"", b"", 0, 0, 0, 0))
        if answer is None:
            return
        _, _, _, description, code, *_ = _FORMAT_DESCRIPTION.unpack(answer)
        yield PixelFormatInfo(
            decode_c_string(code).strip(), decode_c_string(description), tuple(_modes(ask, code))
        )


def _modes(ask: Ioctl, code: bytes) -> Iterator[FrameSizeInfo]:
    for index in range(_MAX_ENUM):
        answer = ask(_ENUM_FRAMESIZES, _FRAME_SIZE.pack(index, code, *[0] * 9))
        if answer is None:
            return
        _, _, kind, *sides = _FRAME_SIZE.unpack(answer)
        if kind == _DISCRETE:
            size = largest = Size(sides[0], sides[1])
        else:  # smallest, largest and step, first of the widths
            size, largest = Size(sides[0], sides[3]), Size(sides[1], sides[4])
        yield FrameSizeInfo(size, largest, tuple(_rates(ask, code, largest)))
        if kind != _DISCRETE:
            return


def _rates(ask: Ioctl, code: bytes, size: Size) -> list[float]:
    rates: set[float] = set()
    for index in range(_MAX_ENUM):
        answer = ask(_ENUM_FRAMEINTERVALS, _INTERVAL.pack(index, code, *size, *[0] * 9))
        if answer is None:
            break
        _, _, _, _, kind, *fractions = _INTERVAL.unpack(answer)
        # Seconds as numerator and denominator; of a range the shortest and the longest.
        pairs = [fractions[0:2]] if kind == _DISCRETE else [fractions[0:2], fractions[2:4]]
        rates |= {round(below / above, 3) for above, below in pairs if above and below}
        if kind != _DISCRETE:
            break
    return sorted(rates, reverse=True)


_G_FMT = 0xC0D05604  # VIDIOC_G_FMT


_FORMAT = struct.Struct(
    "=I4x3I188x"
)  # struct v4l2_format: type, and of its picture width, height, pixel format


_G_CTRL = 0xC008561B  # VIDIOC_G_CTRL


_KEEP_FORMAT = 0x0098F900  # the first of v4l2loopback's own controls (v4l2loopback.c, CID_KEEP_FORMAT)


_CONTROL = struct.Struct("=Ii")  # struct v4l2_control


class NegotiatedFormat(NamedTuple):
    """A size in pixels, and the four letters of a pixel format, such as YU12."""

    size: Size
    letters: str


def reset_format_command(path: str) -> str:
    """The words that say how to have a virtual camera forget its format."""
    return f"v4l2-ctl -d {path} -c keep_format=0 (sudo apt install v4l-utils)"


def has_keep_format(path: str) -> bool:
    """Whether the virtual camera at `path` is told to keep its format; False if it can't be asked."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):
        return False
    try:
        return bool(_CONTROL.unpack(fcntl.ioctl(handle, _G_CTRL, _CONTROL.pack(_KEEP_FORMAT, 0)))[1])
    except OSError:
        return False
    finally:
        os.close(handle)


def get_format(path: str) -> NegotiatedFormat | None:
    """The format that the device file at `path` has now; None if it can't be asked."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):
        return None
    try:
        # With exclusive_caps=1 a device that is fed answers as a camera only.
        for kind in (_OUTPUT, _CAPTURE):
            try:
                answer = fcntl.ioctl(handle, _G_FMT, _FORMAT.pack(kind, 0, 0, 0))
            except OSError:
                continue
            _, width, height, code = _FORMAT.unpack(answer)
            return NegotiatedFormat(Size(width, height), code.to_bytes(4, "little").decode("latin-1"))
    finally:
        os.close(handle)
    return None
