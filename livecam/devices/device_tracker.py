"""Tracks a camera across reconnects by its name in sysfs (Linux; elsewhere a camera is its number)."""

from collections.abc import Callable
from pathlib import Path

from livecam.devices.discovery import SYSFS, CapabilityQuery, list_cameras
from livecam.devices.v4l2 import query_capability


class DeviceTracker:
    """Locates one camera again after it was unplugged, possibly under another number.

    Cameras of the same name that existed when it was first opened are excluded, so that a camera which the
    user did not choose is never selected.
    """

    def __init__(
        self, device: int | str, *, sysfs: Path = SYSFS, query: CapabilityQuery = query_capability
    ) -> None:
        """Store the chosen camera: a number or device file."""
        self.device = device
        self.name = ""
        self._sysfs, self._query = sysfs, query
        self._excluded_paths: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name or str(self.device)

    @property
    def is_present(self) -> bool:
        """Whether the camera is still at `device`; True where cameras have no names."""
        return not self.name or self._name_at(self.device) == self.name

    def remember(self) -> None:
        """Store the name of the camera and its namesakes; call this after the first successful open."""
        if self.name:
            return
        self.name = self._name_at(self.device)
        self._excluded_paths = frozenset(self._same_name_devices()) - {_device_path(self.device)}

    def locate(self) -> int | str | None:
        """Return the device to open: the old one, or a new one of the same name; None if there is none."""
        if not self.is_present:
            paths = [path for path in self._same_name_devices() if path not in self._excluded_paths]
            if not paths:
                return None
            self.device = paths[0]
        return self.device

    def _same_name_devices(self) -> list[str]:
        cameras = list_cameras(self._sysfs, self._query)
        return [camera.path for camera in cameras if camera.name == self.name]

    def _name_at(self, device: int | str) -> str:
        try:
            return (
                (self._sysfs / Path(_device_path(device)).name / "name").read_text(errors="replace").strip()
            )
        except OSError:
            return ""


TrackerFactory = Callable[[int | str], DeviceTracker]


def _device_path(device: int | str) -> str:
    # udev's names (/dev/v4l/by-id/...) are links to the kernel's device files.
    return f"/dev/video{device}" if isinstance(device, int) else str(Path(device).resolve())
