"""Camera checks: whether it is present, may be opened, and gives the requested size and rate."""

import errno
import os
from collections.abc import Sequence

from livecam.core.config import LiveSettings
from livecam.core.errors import CameraBusyError, CameraError, UsageError
from livecam.core.geometry import Size
from livecam.core.paths import expand_user
from livecam.devices.discovery import (
    AmbiguousCameraError,
    VideoDevice,
    is_device_spec,
    resolve_camera,
)
from livecam.devices.v4l2 import PixelFormatInfo
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import CaptureProbe, Host

_RATE_TOLERANCE = 0.9  # a camera of 29.97 frames per second counts as one of 30
_SLOW_FRACTION = 0.7  # of the promised rate; a camera that delivers less is slow
_USB_VIDEO_CLASS = "0e"
_PRIVACY_SETTINGS = {
    "darwin": "System Settings > Privacy & Security > Camera",
    "win32": "Settings > Privacy & security > Camera",
}
_SYSTEM_NAMES = {"darwin": "macOS", "win32": "Windows"}


def check_camera(host: Host, settings: LiveSettings) -> list[Finding]:
    """Return what keeps livecam from using the camera; a single OK finding if nothing does."""
    spec = settings.camera.strip()
    if _needs_no_camera(spec):
        return [make_finding("camera-none-needed", camera=spec)]
    if not host.platform.startswith("linux"):
        return _probe_without_v4l2(host, settings)
    cameras = host.cameras()
    try:
        device = resolve_camera(spec, lambda: cameras)
    except AmbiguousCameraError as error:
        candidates = ", ".join(map(str, error.candidates))
        other = error.candidates[0].path
        return [make_finding("camera-ambiguous", camera=spec, cameras=candidates, other=other)]
    except UsageError:
        return [_missing(host, spec, cameras)]
    path = f"/dev/video{device}" if isinstance(device, int) else os.path.normpath(device)
    code = host.open_errno(path)
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return [_missing(host, path, cameras)]
    if code in (errno.EACCES, errno.EPERM):
        group = host.group_of(path)
        name = "camera-forbidden-yet" if host.is_listed(group) else "camera-forbidden"
        return [make_finding(name, path=path, group=group)]
    return _probe(host, path, settings)


def _needs_no_camera(spec: str) -> bool:
    return spec.lower() == "demo" or (not is_device_spec(spec) and expand_user(spec).is_file())


def _missing(host: Host, spec: str, cameras: list[VideoDevice]) -> Finding:
    if any(camera.path == spec for camera in cameras):
        return make_finding("camera-absent", path=spec)
    if cameras:
        present = ", ".join(map(str, cameras))
        return make_finding("camera-unknown", camera=spec, cameras=present, other=cameras[0].path)
    has_usb_camera = any(
        entry.read_text(errors="replace").strip() == _USB_VIDEO_CLASS
        for entry in host.path("/sys/bus/usb/devices").glob("*/bInterfaceClass")
    )
    if has_usb_camera and not host.exists("/sys/module/uvcvideo"):
        return make_finding("camera-driver-missing")
    return make_finding("camera-none")


def _probe(host: Host, path: str, settings: LiveSettings) -> list[Finding]:
    processes = host.processes_using(path)
    try:
        probe = host.probe_camera(path, settings.size, settings.fps)
    except CameraError as error:
        if own_process := host.own_process_using(path):
            return [make_finding("camera-in-use", path=path, processes=own_process)]
        # Sound servers keep cameras open without using them, so an open file alone does not mean "busy".
        if processes:
            return [make_finding("camera-busy", path=path, processes=", ".join(processes[:3]))]
        if isinstance(error, CameraBusyError) or host.open_errno(path) == errno.EBUSY:
            process = f"a program that sudo fuser -v {path} names"
            return [make_finding("camera-busy", path=path, processes=process)]
        return [make_finding("camera-silent", path=path)]
    return _rate_findings(path, probe, host.formats(path), settings)


def _rate_findings(
    path: str, probe: CaptureProbe, formats: Sequence[PixelFormatInfo], settings: LiveSettings
) -> list[Finding]:
    findings = []
    best, fourcc = _best_rate(formats, probe)
    if probe.size != settings.size:
        findings.append(make_finding("camera-other-size", path=path, size=settings.size, granted=probe.size))
    if best < _RATE_TOLERANCE * settings.fps:
        other = _largest_size_at_rate(formats, settings) or f"{probe.size} --fps {best:g}"
        pixels = f", as {fourcc}" if fourcc else ""
        values: dict[str, object] = {"path": path, "size": probe.size, "best": best, "fps": settings.fps}
        findings.append(make_finding("camera-slow", pixels=pixels, other=other, **values))
    if probe.delivered < _SLOW_FRACTION * min(best, settings.fps):
        promised = min(best, settings.fps)
        findings.append(make_finding("camera-dark", path=path, promised=promised, fps=probe.delivered))
    return findings or [make_finding("camera", camera=path, size=probe.size, fps=probe.delivered)]


def _best_rate(formats: Sequence[PixelFormatInfo], probe: CaptureProbe) -> tuple[float, str]:
    """Return the highest rate at the granted size, and the code of the pixel format that offers it."""
    rates = [
        (each.rates[0], pixel_format.fourcc)
        for pixel_format in formats
        for each in pixel_format.frame_sizes
        if each.rates and each.supports(probe.size)
    ]
    # A driver that lists no rates still promised one when it was opened.
    return max(rates) if rates else (probe.promised, "")


def _largest_size_at_rate(formats: Sequence[PixelFormatInfo], settings: LiveSettings) -> Size | None:
    """Return the largest size, up to the requested width, that reaches the requested rate."""
    sizes = [
        each.largest
        for pixel_format in formats
        for each in pixel_format.frame_sizes
        if each.rates
        and each.rates[0] >= _RATE_TOLERANCE * settings.fps
        and each.largest.width <= settings.size.width
    ]
    return max(sizes, key=lambda size: size.width * size.height) if sizes else None


def _probe_without_v4l2(host: Host, settings: LiveSettings) -> list[Finding]:
    try:
        probe = host.probe_camera(settings.camera, settings.size, settings.fps)
    except CameraError:
        system = _SYSTEM_NAMES.get(host.platform, "the system")
        place = _PRIVACY_SETTINGS.get(host.platform, "its settings")
        return [make_finding("camera-refused", camera=settings.camera, system=system, place=place)]
    return _rate_findings(f"camera {settings.camera}", probe, [], settings)
