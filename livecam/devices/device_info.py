"""Lists cameras and virtual cameras with their formats, for `livecam devices`."""

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
)
from livecam.devices.opencv_capture import CaptureFactory, open_capture, probe_camera
from livecam.devices.v4l2 import FormatQuery, FrameSizeInfo, PixelFormatInfo, list_formats, query_capability

# Systems other than Linux identify cameras by number only, and each must be opened to be found.
_PROBED_NUMBERS = 4


@dataclass(frozen=True)
class DeviceInfo:
    """Video device: kind (``camera`` or ``virtual``), name, device file or number, driver, formats."""

    kind: str
    name: str
    path: str
    driver: str
    formats: tuple[PixelFormatInfo, ...]

    def to_dict(self) -> dict[str, Any]:
        """Convert to values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "path": self.path,
            "driver": self.driver,
            "formats": [_format_to_dict(pixel_format) for pixel_format in self.formats],
        }

    def format_lines(self) -> list[str]:
        """Return lines for the user: the device, then its formats."""
        kind = "camera" if self.kind == "camera" else "virtual camera"
        driver = f", {self.driver}" if self.driver else ""
        head = f"{kind} {self.path}: {self.name}{driver}"
        if not self.formats:
            return [head, "  (it does not tell its formats: no permission, or it takes any)"]
        sizes = [f"  {each.fourcc:4} {size}" for each in self.formats for size in each.frame_sizes]
        return [head, *(sizes or [f"  {each.fourcc}" for each in self.formats])]


def _format_to_dict(pixel_format: PixelFormatInfo) -> dict[str, Any]:
    return {
        "pixels": pixel_format.fourcc,
        "description": pixel_format.description,
        "modes": [
            {"size": str(each.size), "largest": str(each.largest), "rates": list(each.rates)}
            for each in pixel_format.frame_sizes
        ],
    }


def list_devices(
    sysfs: Path = SYSFS,
    query: CapabilityQuery = query_capability,
    query_formats: FormatQuery = list_formats,
    *,
    platform: str = sys.platform,
    capture_factory: CaptureFactory = open_capture,
) -> list[DeviceInfo]:
    """List cameras, then virtual cameras, each in the order of their numbers.

    On macOS and Windows: those of the first four camera numbers that open, with their default size and
    rate. Names and virtual cameras are not available there.

    Args:
        sysfs: where the Linux kernel lists video devices.
        query: queries a driver as `query_capability` does.
        query_formats: queries a driver as `list_formats` does.
        platform: a value of `sys.platform`.
        capture_factory: opens a camera as `open_capture` does.
    """
    if not platform.startswith("linux"):
        probed = (_probe_number(number, capture_factory) for number in range(_PROBED_NUMBERS))
        return [device for device in probed if device]

    def describe(kind: str, device: VideoDevice) -> DeviceInfo:
        capability = query(device.path)
        driver = capability.driver if capability else ""
        return DeviceInfo(kind, device.name, device.path, driver, tuple(query_formats(device.path)))

    cameras = [describe("camera", device) for device in list_cameras(sysfs, query)]
    return cameras + [describe("virtual", device) for device in list_virtual_cameras(sysfs, query)]


def _probe_number(number: int, capture_factory: CaptureFactory) -> DeviceInfo | None:
    probed = probe_camera(number, capture_factory)
    if probed is None:
        return None
    size, rate = probed
    size_info = FrameSizeInfo(size, size, (rate,) if rate > 0 else ())
    return DeviceInfo("camera", f"camera {number}", str(number), "", (PixelFormatInfo("", "", (size_info,)),))
