"""The format that a virtual camera (v4l2loopback) insists on: its keep_format, or a reader that stayed.

A producer that asks for another is answered with this one and may not notice, and its pictures come out torn.
"""

import os
import struct
from typing import NamedTuple

from livecam.core.types import Size

_G_FMT = 0xC0D05604  # VIDIOC_G_FMT
_FORMAT = struct.Struct(
    "=I4x3I188x"
)  # struct v4l2_format: type, and of its picture width, height, pixel format
_OUTPUT, _CAPTURE = 2, 1
_G_CTRL = 0xC008561B  # VIDIOC_G_CTRL
_KEEP_FORMAT = 0x0098F900  # the first of v4l2loopback's own controls (v4l2loopback.c, CID_KEEP_FORMAT)
_CONTROL = struct.Struct("=Ii")  # struct v4l2_control


class Kept(NamedTuple):
    """A size in pixels, and the four letters of a pixel format, such as YU12."""

    size: Size
    letters: str


def release(path: str) -> str:
    """The words that say how to have a virtual camera forget its format."""
    return f"v4l2-ctl -d {path} -c keep_format=0 (sudo apt install v4l-utils)"


def keeps_format(path: str) -> bool:
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


def ask_format(path: str) -> Kept | None:
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
            return Kept(Size(width, height), code.to_bytes(4, "little").decode("latin-1"))
    finally:
        os.close(handle)
    return None
