"""Where a camera is: it may come back under another number, and is known by its name then.

Only Linux tells names; elsewhere a camera is its number.
"""

from collections.abc import Callable
from pathlib import Path

from livecam.devices.discovery import SYSFS, CapabilityQuery, list_cameras, query_capability


class DeviceTracker:
    """One camera, from the moment it was first opened.

    Another camera of the same name that was there already is never taken for it: nobody is shown through a
    camera that they didn't choose.
    """

    def __init__(
        self, device: int | str, *, sysfs: Path = SYSFS, ask: CapabilityQuery = query_capability
    ) -> None:
        """Note what was chosen: a number or device file."""
        self.device = device
        self.name = ""
        self._sysfs, self._ask = sysfs, ask
        self._others: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name or str(self.device)

    @property
    def is_present(self) -> bool:
        """Whether the camera is where it was seen last; True where that can't be known."""
        return not self.name or self._name_at(self.device) == self.name

    def remember(self) -> None:
        """It was opened just now: keep its name and its namesakes."""
        if self.name:
            return
        self.name = self._name_at(self.device)
        self._others = frozenset(self._same_name_devices()) - {_path(self.device)}

    def locate(self) -> int | str | None:
        """What to open: the device, or where the camera of its name is now; None if it is nowhere."""
        if not self.is_present:
            new = [path for path in self._same_name_devices() if path not in self._others]
            if not new:
                return None
            self.device = new[0]
        return self.device

    def _same_name_devices(self) -> list[str]:
        cameras = list_cameras(self._sysfs, self._ask)
        return [camera.path for camera in cameras if camera.name == self.name]

    def _name_at(self, device: int | str) -> str:
        try:
            return (self._sysfs / Path(_path(device)).name / "name").read_text(errors="replace").strip()
        except OSError:
            return ""


TrackerFactory = Callable[[int | str], DeviceTracker]


def _path(device: int | str) -> str:
    # A name of udev's (/dev/v4l/by-id/...) is a link; where it leads is what the kernel calls the device.
    return f"/dev/video{device}" if isinstance(device, int) else str(Path(device).resolve())
