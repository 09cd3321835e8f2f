"""The camera: is it there, may it be opened, does it give what was asked."""

import errno
import os
from pathlib import Path

from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.devices.discovery import VideoDevice
from livecam.devices.v4l2 import PixelFormatInfo
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import CaptureProbe, Host

# A camera of 29.97 frames a second is one of 30; one that gives less than this share of its promise is slow.
_NEAR, _SHORT = 0.9, 0.7
_VIDEO_CLASS = "0e"
_PLACES = {
    "darwin": "System Settings > Privacy & Security > Camera",
    "win32": "Settings > Privacy & security > Camera",
}
_SYSTEMS = {"darwin": "macOS", "win32": "Windows"}


def check_camera(system: Host, wanted: LiveSettings) -> list[Finding]:
    """What stands between livecam and the camera; one fine finding if nothing does."""
    words = wanted.camera.strip()
    if _is_no_camera(words):
        return [make_finding("camera-none-needed", camera=words)]
    if not system.platform.startswith("linux"):
        return _try_elsewhere(system, wanted)
    cameras = system.cameras()
    path = _path(words, cameras)
    if path is None or system.open_errno(path) in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return [_missing(system, path or words, cameras)]
    if system.open_errno(path) in (errno.EACCES, errno.EPERM):
        group = system.group_of(path)
        known = "camera-forbidden-yet" if system.is_listed(group) else "camera-forbidden"
        return [make_finding(known, path=path, group=group)]
    return _try(system, path, wanted)


def _is_no_camera(words: str) -> bool:
    return words.lower() == "demo" or (not words.startswith("/dev/") and Path(words).expanduser().is_file())


def _path(words: str, cameras: list[VideoDevice]) -> str | None:
    """The device file that the words mean, as `livecam --camera` understands them."""
    if words.isascii() and words.isdigit():
        return f"/dev/video{words}"
    if words.startswith("/"):
        return os.path.normpath(words)
    hits = [camera for camera in cameras if words and words.casefold() in camera.name.casefold()]
    return hits[0].path if hits else None


def _missing(system: Host, words: str, cameras: list[VideoDevice]) -> Finding:
    if any(camera.path == words for camera in cameras):
        return make_finding("camera-absent", path=words)
    if cameras:
        there = ", ".join(map(str, cameras))
        return make_finding("camera-unknown", camera=words, cameras=there, other=cameras[0].path)
    plugged = any(
        entry.read_text(errors="replace").strip() == _VIDEO_CLASS
        for entry in system.path("/sys/bus/usb/devices").glob("*/bInterfaceClass")
    )
    if plugged and not system.exists("/sys/module/uvcvideo"):
        return make_finding("camera-driver-missing")
    return make_finding("camera-none")


def _try(system: Host, path: str, wanted: LiveSettings) -> list[Finding]:
    holders = system.holders(path)
    try:
        shot = system.probe_camera(path, wanted.size, wanted.fps)
    except CameraError as error:
        if ours := system.own_process_using(path):
            return [make_finding("camera-in-use", path=path, holders=ours)]
        # Sound servers keep cameras open without using them: only now is it known that it is in use.
        if holders:
            return [make_finding("camera-busy", path=path, holders=", ".join(holders[:3]))]
        if system.open_errno(path) == errno.EBUSY or "busy" in str(error):
            return [
                make_finding("camera-busy", path=path, holders=f"a program that sudo fuser -v {path} names")
            ]
        return [make_finding("camera-silent", path=path)]
    return _rate_findings(path, shot, system.formats(path), wanted)


def _rate_findings(
    path: str, shot: CaptureProbe, formats: list[PixelFormatInfo], wanted: LiveSettings
) -> list[Finding]:
    found = []
    best, pixels = _best_rate(formats, shot)
    if shot.size != wanted.size:
        found.append(make_finding("camera-other-size", path=path, size=wanted.size, granted=shot.size))
    if best < _NEAR * wanted.fps:
        other = _largest_size_at_rate(formats, wanted) or f"{shot.size} --fps {best:g}"
        said: dict[str, object] = {"path": path, "size": shot.size, "best": best, "fps": wanted.fps}
        found.append(make_finding("camera-slow", pixels=pixels, other=other, **said))
    if shot.delivered < _SHORT * min(best, wanted.fps):
        promised = min(best, wanted.fps)
        found.append(make_finding("camera-dark", path=path, promised=promised, fps=shot.delivered))
    return found or [make_finding("camera", camera=path, size=shot.size, fps=shot.delivered)]


def _best_rate(formats: list[PixelFormatInfo], shot: CaptureProbe) -> tuple[float, str]:
    """The highest rate at the size that was granted, and the pixel format that has it, in words."""
    rates = [
        (mode.rates[0], f", as {kind.pixels}")
        for kind in formats
        for mode in kind.modes
        if mode.rates and mode.supports(shot.size)
    ]
    # A driver that doesn't tell promised a rate all the same.
    return max(rates) if rates else (shot.promised, "")


def _largest_size_at_rate(formats: list[PixelFormatInfo], wanted: LiveSettings) -> Size | None:
    """The largest size that has the rate asked for."""
    quick = [
        mode.largest
        for kind in formats
        for mode in kind.modes
        if mode.rates and mode.rates[0] >= _NEAR * wanted.fps and mode.largest.width <= wanted.size.width
    ]
    return max(quick, key=lambda size: size.width * size.height) if quick else None


def _try_elsewhere(system: Host, wanted: LiveSettings) -> list[Finding]:
    try:
        shot = system.probe_camera(wanted.camera, wanted.size, wanted.fps)
    except CameraError:
        name = _SYSTEMS.get(system.platform, "the system")
        place = _PLACES.get(system.platform, "its settings")
        return [make_finding("camera-refused", camera=wanted.camera, system=name, place=place)]
    return _rate_findings(f"camera {wanted.camera}", shot, [], wanted)
