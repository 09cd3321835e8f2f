"""Discovers cameras and virtual cameras through sysfs and explains why a camera can't be opened (Linux).

Other systems give neither names nor reasons: the lists are empty there and the advice is general.
"""

import difflib
import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from livecam.core.errors import CameraBusyError, CameraError, UsageError
from livecam.core.fileio import closest_existing_name
from livecam.core.paths import expand_user
from livecam.devices.v4l2 import Capability, open_errno, query_capability

SYSFS = Path("/sys/class/video4linux")
PROC = Path("/proc")
DEMO_HINT = "--camera demo works without one"

CapabilityQuery = Callable[[str], Capability | None]


@dataclass(frozen=True)
class VideoDevice:
    """Camera or virtual camera: device file such as /dev/video0, name such as HD Pro Webcam C920."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


class AmbiguousCameraError(UsageError):
    """A part of a name fits several cameras, which are in `candidates`."""

    def __init__(self, spec: str, candidates: Sequence[VideoDevice]) -> None:
        names = ", ".join(map(str, candidates))
        super().__init__(f"camera {spec!r} fits several: {names}", "give the device file instead")
        self.candidates = tuple(candidates)


def list_cameras(sysfs: Path = SYSFS, query: CapabilityQuery = query_capability) -> list[VideoDevice]:
    """List the real cameras in the order of their numbers; empty without sysfs.

    Left out are virtual cameras and the second device file of a webcam, which carries metadata.
    """
    found = []
    for entry in _sorted_entries(sysfs):
        capability = query(f"/dev/{entry.name}")
        # Without permission to open, the index among the camera's files decides: images have index 0.
        captures = capability.captures if capability else _read_text(entry / "index") in ("", "0")
        if captures and not _is_virtual_camera(entry, capability):
            found.append(_video_device(entry))
    return found


def list_virtual_cameras(sysfs: Path = SYSFS, query: CapabilityQuery = query_capability) -> list[VideoDevice]:
    """List the virtual cameras (v4l2loopback) in the order of their numbers; empty without sysfs."""
    return [
        _video_device(entry)
        for entry in _sorted_entries(sysfs)
        if _is_virtual_camera(entry, query(f"/dev/{entry.name}"))
    ]


def is_device_spec(spec: str) -> bool:
    """Return whether `spec` is a camera's number or device file, and so neither a name nor another file.

    A missing file below /dev is a device file too: opening it reports which cameras are present.
    """
    return _is_number(spec) or spec.startswith("/dev/") or _is_character_device(expand_user(spec))


def resolve_camera(spec: str, cameras: Callable[[], list[VideoDevice]]) -> int | str:
    """Return the camera that `spec` names: a number, a device file, or a part of a name.

    A name is compared in lower case. A camera of exactly that name wins over longer names. livecam and
    `livecam doctor` both use this function, so that they mean the same camera.

    Args:
        spec: what follows ``--camera``, unless it is a file or ``demo``.
        cameras: lists the cameras; called only if `spec` can be a name.

    Returns:
        The number, or the device file (which may be missing).

    Raises:
        AmbiguousCameraError: several cameras fit.
        UsageError: no camera fits.
    """
    spec = spec.strip()
    if _is_number(spec):
        return int(spec)
    if is_device_spec(spec):
        return spec
    present = cameras()
    name = spec.casefold()
    matches = [camera for camera in present if name and name in camera.name.casefold()]
    matches = [camera for camera in matches if camera.name.casefold() == name] or matches
    if len(matches) > 1:
        raise AmbiguousCameraError(spec, matches)
    if not matches:
        raise UsageError(f"{spec!r} is no camera and no file: {_suggestion(spec, present)}")
    return matches[0].path


def camera_open_error(
    device: int | str, sysfs: Path = SYSFS, proc: Path = PROC, query: CapabilityQuery = query_capability
) -> CameraError:
    """Create the error for a camera that gives no frames; its text says why and what helps.

    Args:
        device: number or device file of the camera. It must be closed in this process.
        sysfs: where the kernel lists video devices.
        proc: where the kernel lists processes.
        query: queries a driver as `query_capability` does.

    Returns:
        A CameraBusyError if another program uses the camera, otherwise a CameraError.
    """
    if not sys.platform.startswith("linux"):
        return CameraError(_advice_without_v4l2(device))
    path = f"/dev/video{device}" if isinstance(device, int) else device
    code = open_errno(path)
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
        cameras = ", ".join(map(str, list_cameras(sysfs, query)))
        present = f"there are {cameras}" if cameras else "this machine has none"
        return CameraError(f"no camera at {path}: {present}; {DEMO_HINT}")
    if code in (errno.EACCES, errno.EPERM):
        return CameraError(
            f"no permission to open {path}: run sudo usermod -aG video $USER, then log out and in again"
        )
    capability = query(path)
    if code != errno.EBUSY and not (capability and capability.captures):
        return CameraError(f"{path} is not a camera that gives frames: pick another one, or --camera demo")
    processes = ", ".join(processes_using(path, proc)[:3])
    if processes:
        return CameraBusyError(f"{path} is busy: close {processes} and try again")
    if code == errno.EBUSY:
        return CameraBusyError(
            f"{path} is busy: close the program that uses it (sudo fuser -v {path} names it)"
        )
    return CameraError(
        f"{path} gives no frames: close other programs that use it, or plug it in again; {DEMO_HINT}"
    )


def processes_using(path: str, proc: Path = PROC) -> list[str]:
    """List this user's processes that have the file at `path` open, as ``name (pid 12)``.

    The own process is left out. Processes of other users are visible to root only.
    """
    target = os.path.realpath(path)
    found = []
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(os.path.realpath(link) == target for link in (process / "fd").iterdir()):
                found.append(f"{_read_text(process / 'comm') or 'a program'} (pid {process.name})")
        except OSError:  # the process of another user, or one that has just ended
            continue
    return found


def _suggestion(spec: str, cameras: list[VideoDevice]) -> str:
    """Return what the user may have meant by `spec`."""
    names = {camera.name.casefold(): camera.name for camera in cameras} | {"demo": "demo"}
    close = difflib.get_close_matches(spec.casefold(), names, n=1)
    meant = names[close[0]] if close else closest_existing_name(expand_user(spec))
    if meant:
        return f"did you mean {meant!r}?"
    if cameras:
        return f"there are {', '.join(map(str, cameras))}; {DEMO_HINT}"
    if not sys.platform.startswith("linux"):
        return "cameras have no names here, give a number such as --camera 0, a file, or demo"
    return f"this machine has no camera; {DEMO_HINT}"


def _advice_without_v4l2(device: int | str) -> str:
    place = (
        "System Settings > Privacy & Security > Camera" if sys.platform == "darwin" else "Settings > Privacy"
    )
    return (
        f"camera {device} gives no frames: try another number, close programs that use it, "
        f"allow cameras in {place}; {DEMO_HINT}"
    )


def _is_number(spec: str) -> bool:
    return spec.isascii() and spec.isdigit()


def _is_character_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _sorted_entries(sysfs: Path) -> list[Path]:
    numbered = [entry for entry in sysfs.glob("video*") if entry.name[len("video") :].isdigit()]
    return sorted(numbered, key=lambda entry: int(entry.name[len("video") :]))


def _is_virtual_camera(entry: Path, capability: Capability | None) -> bool:
    if capability and capability.driver == "v4l2 loopback":
        return True
    return "/devices/virtual/" in entry.resolve().as_posix()


def _video_device(entry: Path) -> VideoDevice:
    return VideoDevice(f"/dev/{entry.name}", _read_text(entry / "name") or entry.name)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
