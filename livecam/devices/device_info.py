"""All cameras and virtual cameras with what they give, for `livecam devices`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecam.devices.discovery import SYSFS, Ask, FoundCamera, list_cameras, list_loopbacks, query_capability
from livecam.devices.opencv_capture import Opener, ask_capture, open_capture
from livecam.devices.v4l2 import Format, FormatsOf, Mode, list_formats

# Elsewhere than on Linux cameras have numbers only, and each must be opened to be found.
_TRIED = 4


@dataclass(frozen=True)
class Device:
    """A device: ``camera`` or ``virtual``, its name or card label, device file or number, driver, formats."""

    kind: str
    name: str
    path: str
    driver: str
    formats: tuple[Format, ...]

    def as_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "path": self.path,
            "driver": self.driver,
            "formats": [_plain(kind) for kind in self.formats],
        }

    def lines(self) -> list[str]:
        """For people."""
        kind = "camera" if self.kind == "camera" else "virtual camera"
        driver = f", {self.driver}" if self.driver else ""
        head = f"{kind} {self.path}: {self.name}{driver}"
        if not self.formats:
            return [head, "  (it does not tell its formats: no permission, or it takes any)"]
        modes = [f"  {kind.pixels:4} {mode}" for kind in self.formats for mode in kind.modes]
        return [head, *(modes or [f"  {kind.pixels}" for kind in self.formats])]


def _plain(kind: Format) -> dict[str, Any]:
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
    ask: Ask = query_capability,
    formats_of: FormatsOf = list_formats,
    *,
    platform: str = sys.platform,
    opener: Opener = open_capture,
) -> list[Device]:
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

    def describe(kind: str, found: FoundCamera) -> Device:
        capability = ask(found.path)
        driver = capability.driver if capability else ""
        return Device(kind, found.name, found.path, driver, tuple(formats_of(found.path)))

    cameras = [describe("camera", found) for found in list_cameras(sysfs, ask)]
    return cameras + [describe("virtual", found) for found in list_loopbacks(sysfs, ask)]


def _try_number(number: int, opener: Opener) -> Device | None:
    granted = ask_capture(number, opener)
    if granted is None:
        return None
    size, rate = granted
    mode = Mode(size, size, (rate,) if rate > 0 else ())
    return Device("camera", f"camera {number}", str(number), "", (Format("", "", (mode,)),))
