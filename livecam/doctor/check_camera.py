"""The camera: is it there, may it be opened, does it give what was asked."""

import errno
import os
from pathlib import Path

from livecam.core.config import Settings
from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.devices.discovery import FoundCamera
from livecam.devices.v4l2 import Format
from livecam.doctor.findings import Finding, find
from livecam.doctor.host import Shot, System

# A camera of 29.97 frames a second is one of 30; one that gives less than this share of its promise is slow.
_NEAR, _SHORT = 0.9, 0.7
_VIDEO_CLASS = "0e"
_PLACES = {
    "darwin": "System Settings > Privacy & Security > Camera",
    "win32": "Settings > Privacy & security > Camera",
}
_SYSTEMS = {"darwin": "macOS", "win32": "Windows"}


def check_camera(system: System, wanted: Settings) -> list[Finding]:
    """What stands between livecam and the camera; one fine finding if nothing does."""
    words = wanted.camera.strip()
    if _is_no_camera(words):
        return [find("camera-none-needed", camera=words)]
    if not system.platform.startswith("linux"):
        return _try_elsewhere(system, wanted)
    cameras = system.cameras()
    path = _path(words, cameras)
    if path is None or system.trouble(path) in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return [_missing(system, path or words, cameras)]
    if system.trouble(path) in (errno.EACCES, errno.EPERM):
        group = system.group_of(path)
        known = "camera-forbidden-yet" if system.is_listed(group) else "camera-forbidden"
        return [find(known, path=path, group=group)]
    return _try(system, path, wanted)


def _is_no_camera(words: str) -> bool:
    return words.lower() == "demo" or (not words.startswith("/dev/") and Path(words).expanduser().is_file())


def _path(words: str, cameras: list[FoundCamera]) -> str | None:
    """The device file that the words mean, as `livecam --camera` understands them."""
    if words.isascii() and words.isdigit():
        return f"/dev/video{words}"
    if words.startswith("/"):
        return os.path.normpath(words)
    hits = [camera for camera in cameras if words and words.casefold() in camera.name.casefold()]
    return hits[0].path if hits else None


def _missing(system: System, words: str, cameras: list[FoundCamera]) -> Finding:
    if any(camera.path == words for camera in cameras):
        return find("camera-absent", path=words)
    if cameras:
        there = ", ".join(map(str, cameras))
        return find("camera-unknown", camera=words, cameras=there, other=cameras[0].path)
    plugged = any(
        entry.read_text(errors="replace").strip() == _VIDEO_CLASS
        for entry in system.at("/sys/bus/usb/devices").glob("*/bInterfaceClass")
    )
    if plugged and not system.there("/sys/module/uvcvideo"):
        return find("camera-driver-missing")
    return find("camera-none")


def _try(system: System, path: str, wanted: Settings) -> list[Finding]:
    holders = system.holders(path)
    try:
        shot = system.shoot(path, wanted.size, wanted.fps)
    except CameraError as error:
        if ours := system.ours(path):
            return [find("camera-in-use", path=path, holders=ours)]
        # Sound servers keep cameras open without using them: only now is it known that it is in use.
        if holders:
            return [find("camera-busy", path=path, holders=", ".join(holders[:3]))]
        if system.trouble(path) == errno.EBUSY or "busy" in str(error):
            return [find("camera-busy", path=path, holders=f"a program that sudo fuser -v {path} names")]
        return [find("camera-silent", path=path)]
    return _judge(path, shot, system.formats(path), wanted)


def _judge(path: str, shot: Shot, formats: list[Format], wanted: Settings) -> list[Finding]:
    found = []
    best, pixels = _best_rate(formats, shot)
    if shot.size != wanted.size:
        found.append(find("camera-other-size", path=path, size=wanted.size, granted=shot.size))
    if best < _NEAR * wanted.fps:
        other = _quick_size(formats, wanted) or f"{shot.size} --fps {best:g}"
        said: dict[str, object] = {"path": path, "size": shot.size, "best": best, "fps": wanted.fps}
        found.append(find("camera-slow", pixels=pixels, other=other, **said))
    if shot.delivered < _SHORT * min(best, wanted.fps):
        promised = min(best, wanted.fps)
        found.append(find("camera-dark", path=path, promised=promised, fps=shot.delivered))
    return found or [find("camera", camera=path, size=shot.size, fps=shot.delivered)]


def _best_rate(formats: list[Format], shot: Shot) -> tuple[float, str]:
    """The highest rate at the size that was granted, and the pixel format that has it, in words."""
    rates = [
        (mode.rates[0], f", as {kind.pixels}")
        for kind in formats
        for mode in kind.modes
        if mode.rates and mode.holds(shot.size)
    ]
    # A driver that doesn't tell promised a rate all the same.
    return max(rates) if rates else (shot.promised, "")


def _quick_size(formats: list[Format], wanted: Settings) -> Size | None:
    """The largest size that has the rate asked for."""
    quick = [
        mode.largest
        for kind in formats
        for mode in kind.modes
        if mode.rates and mode.rates[0] >= _NEAR * wanted.fps and mode.largest.width <= wanted.size.width
    ]
    return max(quick, key=lambda size: size.width * size.height) if quick else None


def _try_elsewhere(system: System, wanted: Settings) -> list[Finding]:
    try:
        shot = system.shoot(wanted.camera, wanted.size, wanted.fps)
    except CameraError:
        name = _SYSTEMS.get(system.platform, "the system")
        place = _PLACES.get(system.platform, "its settings")
        return [find("camera-refused", camera=wanted.camera, system=name, place=place)]
    return _judge(f"camera {wanted.camera}", shot, [], wanted)
