"""The format that a virtual camera (v4l2loopback) insists on: its keep_format, or a reader that stayed.

A producer that asks for another is answered with this one and may not notice, and its pictures come out torn.
"""

import os
import struct
from typing import NamedTuple

from livecam.frames import Size

_G_FMT = 0xC0D05604  # VIDIOC_G_FMT
_FORMAT = struct.Struct(
    "=I4x3I188x"
)  # struct v4l2_format: type, and of its picture width, height, pixel format
_OUTPUT, _CAPTURE = 2, 1


class Kept(NamedTuple):
    """A size in pixels, and the four letters of a pixel format, such as YU12."""

    size: Size
    letters: str


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
