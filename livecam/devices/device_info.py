"""All cameras and virtual cameras with what they give, for `livecam devices`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecam.devices.discovery import (
    SYSFS,
    CapabilityQuery,
    VideoDevice,
    list_cameras,
    list_virtual_cameras,
    query_capability,
)
from livecam.devices.opencv_capture import CaptureFactory, open_capture, probe_camera
from livecam.devices.v4l2 import FormatsOf, FrameSizeInfo, PixelFormatInfo, list_formats

# Elsewhere than on Linux cameras have numbers only, and each must be opened to be found.
_TRIED = 4


@dataclass(frozen=True)
class DeviceInfo:
    """A device: ``camera`` or ``virtual``, its name or card label, device file or number, driver, formats."""

    kind: str
    name: str
    path: str
    driver: str
    formats: tuple[PixelFormatInfo, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "path": self.path,
            "driver": self.driver,
            "formats": [_plain(kind) for kind in self.formats],
        }

    def format_lines(self) -> list[str]:
        """For people."""
        kind = "camera" if self.kind == "camera" else "virtual camera"
        driver = f", {self.driver}" if self.driver else ""
        head = f"{kind} {self.path}: {self.name}{driver}"
        if not self.formats:
            return [head, "  (it does not tell its formats: no permission, or it takes any)"]
        modes = [f"  {kind.pixels:4} {mode}" for kind in self.formats for mode in kind.modes]
        return [head, *(modes or [f"  {kind.pixels}" for kind in self.formats])]


def _plain(kind: PixelFormatInfo) -> dict[str, Any]:
    return {
        "pixels": kind.pixels,
        "description": kind.description,
        "modes": [
            {"size": str(mode.size), "largest": str(mode.largest), "rates": list(mode.rates)}
            for mode in kind.modes
        ],
    }


def list_devices(
    sysfs: Path = SYSFS,
    ask: CapabilityQuery = query_capability,
    formats_of: FormatsOf = list_formats,
    *,
    platform: str = sys.platform,
    opener: CaptureFactory = open_capture,
) -> list[DeviceInfo]:
    """Cameras, then virtual cameras, in the order of their numbers.

    On macOS and Windows: the cameras among the first four numbers that open, with the size and rate that
    they come with. Names and virtual cameras aren't told there.

    Args:
        sysfs: where the Linux kernel lists video devices.
        ask: asks a driver as `query_capability` does.
        formats_of: asks a driver as `list_formats` does.
        platform: as `sys.platform` names it.
        opener: opens a camera as `open_capture` does.
    """
    if not platform.startswith("linux"):
        return [found for number in range(_TRIED) if (found := _try_number(number, opener))]

    def describe(kind: str, found: VideoDevice) -> DeviceInfo:
        capability = ask(found.path)
        driver = capability.driver if capability else ""
        return DeviceInfo(kind, found.name, found.path, driver, tuple(formats_of(found.path)))

    cameras = [describe("camera", found) for found in list_cameras(sysfs, ask)]
    return cameras + [describe("virtual", found) for found in list_virtual_cameras(sysfs, ask)]


def _try_number(number: int, opener: CaptureFactory) -> DeviceInfo | None:
    granted = probe_camera(number, opener)
    if granted is None:
        return None
    size, rate = granted
    mode = FrameSizeInfo(size, size, (rate,) if rate > 0 else ())
    return DeviceInfo("camera", f"camera {number}", str(number), "", (PixelFormatInfo("", "", (mode,)),))
