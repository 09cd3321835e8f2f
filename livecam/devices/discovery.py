"""Video devices as Linux shows them: which cameras there are, which are virtual, why one won't open.

Elsewhere OpenCV gives neither names nor reasons; the lists are empty there and the advice is a general one.
"""

import errno
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from livecam.core.errors import CameraBusyError, CameraError

SYSFS = Path("/sys/class/video4linux")
PROC = Path("/proc")
DEMO_HINT = "--camera demo works without one"

_VIDIOC_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=16s32s32s6I")
_CAPTURES = 0x00000001 | 0x00001000  # V4L2_CAP_VIDEO_CAPTURE and its multi-planar twin
_OUTPUTS = 0x00000002 | 0x00002000  # likewise V4L2_CAP_VIDEO_OUTPUT
_HAS_DEVICE_CAPS = 0x80000000


class Capability(NamedTuple):
    """What a device's driver says of it."""

    driver: str
    captures: bool
    outputs: bool = False
    card: str = ""


@dataclass(frozen=True)
class VideoDevice:
    """A camera: its device file, such as /dev/video0, and its name, such as HD Pro Webcam C920."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


CapabilityQuery = Callable[[str], Capability | None]


def query_capability(path: str) -> Capability | None:
    """Ask the driver of the device file at `path`; None if it can't be asked."""
    try:
        import fcntl

        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except (ImportError, OSError):
        return None
    try:
        answer = fcntl.ioctl(handle, _VIDIOC_QUERYCAP, bytes(_CAPABILITY.size))
    except OSError:
        return None
    finally:
        os.close(handle)
    driver, card, _, _, of_all, of_this, *_ = _CAPABILITY.unpack(answer)
    abilities = of_this if of_all & _HAS_DEVICE_CAPS else of_all
    return Capability(
        decode_c_string(driver),
        bool(abilities & _CAPTURES),
        bool(abilities & _OUTPUTS),
        decode_c_string(card),
    )


def decode_c_string(text: bytes) -> str:
    """What a driver wrote into a field of fixed length."""
    return text.split(b"\0")[0].decode(errors="replace")


def list_cameras(sysfs: Path = SYSFS, ask: CapabilityQuery = query_capability) -> list[VideoDevice]:
    """The real cameras, in the order of their numbers; empty where there is no sysfs.

    A webcam has a second device file for metadata, which isn't listed, nor are virtual cameras.
    """
    found = []
    for entry in _entries(sysfs):
        capability = ask(f"/dev/{entry.name}")
        # A file that may not be opened is judged by its place among the camera's files: pictures come first.
        captures = capability.captures if capability else _text(entry / "index") in ("", "0")
        if captures and not _is_virtual_camera(entry, capability):
            found.append(_found(entry))
    return found


def list_virtual_cameras(sysfs: Path = SYSFS, ask: CapabilityQuery = query_capability) -> list[VideoDevice]:
    """The virtual cameras (v4l2loopback), in the order of their numbers; empty where there is no sysfs."""
    return [
        _found(entry) for entry in _entries(sysfs) if _is_virtual_camera(entry, ask(f"/dev/{entry.name}"))
    ]


def open_failure_message(
    device: int | str, sysfs: Path = SYSFS, proc: Path = PROC, ask: CapabilityQuery = query_capability
) -> str:
    """One line on why a camera gives no pictures, and what helps.

    Args:
        device: a camera's number or device file.
        sysfs: where the kernel lists video devices.
        proc: where the kernel lists processes.
        ask: asks a driver as `query_capability` does.
    """
    return str(open_failure(device, sysfs, proc, ask))


def open_failure(
    device: int | str, sysfs: Path = SYSFS, proc: Path = PROC, ask: CapabilityQuery = query_capability
) -> CameraError:
    """Return the error for a camera that gives no frames: a `CameraBusyError` if another program uses it.

    The arguments are those of `open_failure_message`, which is the text of the error.
    """
    if not sys.platform.startswith("linux"):
        return CameraError(_advice_elsewhere(device))
    path = f"/dev/video{device}" if isinstance(device, int) else device
    trouble = open_errno(path)
    if trouble in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
        cameras = ", ".join(map(str, list_cameras(sysfs, ask)))
        there = f"there are {cameras}" if cameras else "this machine has none"
        return CameraError(f"no camera at {path}: {there}; {DEMO_HINT}")
    if trouble in (errno.EACCES, errno.EPERM):
        return CameraError(
            f"no permission to open {path}: run sudo usermod -aG video $USER, then log out and in again"
        )
    capability = ask(path)
    if trouble != errno.EBUSY and not (capability and capability.captures):
        return CameraError(f"{path} is not a camera that gives pictures: pick another one, or --camera demo")
    holders = ", ".join(processes_using(path, proc)[:3])
    if holders:
        return CameraBusyError(f"{path} is busy: close {holders} and try again")
    if trouble == errno.EBUSY:
        return CameraBusyError(
            f"{path} is busy: close the program that uses it (sudo fuser -v {path} names it)"
        )
    return CameraError(
        f"{path} gives no pictures: close other programs that use it, or plug it in again; {DEMO_HINT}"
    )


def processes_using(path: str, proc: Path = PROC) -> list[str]:
    """Programs of this user, other than this one, that have the file at `path` open, as ``name (pid 12)``."""
    target = os.path.realpath(path)
    holders = []
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                holders.append(f"{_text(process / 'comm') or 'a program'} (pid {process.name})")
        except OSError:  # another user's, or just ended
            continue
    return holders


def open_errno(path: str) -> int:
    """The errno of opening the device at `path`; 0 if it opens."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        return error.errno or 0
    return 0


def _advice_elsewhere(device: int | str) -> str:
    place = (
        "System Settings > Privacy & Security > Camera" if sys.platform == "darwin" else "Settings > Privacy"
    )
    return (
        f"camera {device} gives no pictures: try another number, close programs that use it, "
        f"allow cameras in {place}; {DEMO_HINT}"
    )


def _entries(sysfs: Path) -> list[Path]:
    numbered = [entry for entry in sysfs.glob("video*") if entry.name[len("video") :].isdigit()]
    return sorted(numbered, key=lambda entry: int(entry.name[len("video") :]))


def _is_virtual_camera(entry: Path, capability: Capability | None) -> bool:
    if capability and capability.driver == "v4l2 loopback":
        return True
    return "/devices/virtual/" in entry.resolve().as_posix()


def _found(entry: Path) -> VideoDevice:
    return VideoDevice(f"/dev/{entry.name}", _text(entry / "name") or entry.name)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
