"""Fake host system for the doctor, made of files in a folder."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecam.core.errors import CameraError
from livecam.core.geometry import Size
from livecam.devices.v4l2 import Capability, FrameSizeInfo, PixelFormatInfo
from livecam.doctor.host import CaptureProbe, Host

KERNEL = "6.1.0-28-amd64"
CAMERA, LOOPBACK = "/dev/video0", "/dev/video10"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


class FakeHost(Host):
    """Linux laptop without problems: one webcam, one virtual camera. Tests add a problem each."""

    platform = "linux"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.missing: set[str] = set()
        self.load_errors: dict[str, str] = {}
        self.programs: dict[tuple[str, ...], str] = {}
        self.open_errors: dict[str, int] = {}
        self.capabilities: dict[str, Capability] = {}
        self.pixel_formats: dict[str, list[PixelFormatInfo]] = {}
        self.probe: CaptureProbe | CameraError = CaptureProbe(Size(1280, 720), 30.0, 29.9)
        self.model_error: Exception | None = None
        self.frame_ms = {Size(1280, 720): 20.0}
        self.checkout_folder = ""
        self.sends_events = True
        self.write("/proc/sys/kernel/osrelease", KERNEL)
        self.write("/etc/os-release", "PRETTY_NAME=x\nID=debian\n")
        self.write("/etc/group", "root:x:0:\nvideo:x:44:user\n")
        self.write(
            f"/lib/modules/{KERNEL}/modules.dep", "updates/dkms/v4l2loopback.ko.xz: kernel/videodev.ko\n"
        )
        self.add_camera(CAMERA, "HD Pro Webcam C920")
        self.load_module()
        self.add_loopback(LOOPBACK, "livecam")

    def write(self, path: str, text: str | bytes) -> None:
        """Write a file, and the folders above it."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def load_module(self, version: str = "0.12.7") -> None:
        """Load v4l2loopback, as modprobe does."""
        self.write("/sys/module/v4l2loopback/version", f"{version}\n")

    def unload_module(self) -> None:
        """Unload v4l2loopback, as modprobe -r does."""
        self.path("/sys/module/v4l2loopback/version").unlink(missing_ok=True)
        self.path("/sys/module/v4l2loopback").rmdir()
        for path, capability in tuple(self.capabilities.items()):
            if capability.driver == "v4l2 loopback":
                self.remove(path)

    def remove(self, path: str) -> None:
        """Unplug a device."""
        self.path(f"/sys/class/video4linux/{Path(path).name}").unlink()
        self.path(path).unlink()
        del self.capabilities[path]
        self.open_errors[path] = errno.ENOENT

    def add_camera(self, path: str, name: str) -> None:
        """Plug in a webcam."""
        self._add(path, name, "pci0/usb1", Capability("uvcvideo", captures=True))
        rates = FrameSizeInfo(Size(1280, 720), Size(1280, 720), (30.0, 15.0))
        self.pixel_formats[path] = [PixelFormatInfo("MJPG", "Motion-JPEG", (rates,))]

    def add_loopback(self, path: str, name: str, *, exclusive: bool = True) -> None:
        """Add a virtual camera that no program feeds."""
        self._add(path, name, "virtual", Capability("v4l2 loopback", captures=not exclusive, outputs=True))
        self.write(f"/sys/class/video4linux/{Path(path).name}/state", "output\n")

    def _add(self, path: str, name: str, bus: str, capability: Capability) -> None:
        node = Path(path).name
        self.write(f"/sys/devices/{bus}/video4linux/{node}/name", f"{name}\n")
        self.write(f"/sys/devices/{bus}/video4linux/{node}/index", "0\n")
        link = self.path(f"/sys/class/video4linux/{node}")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.path(f"/sys/devices/{bus}/video4linux/{node}"))
        self.write(path, "")
        self.capabilities[path] = capability
        self.open_errors.pop(path, None)

    def open_by(self, path: str, program: str, pid: int) -> None:
        """Let a program have the device open."""
        self.write(f"/proc/{pid}/comm", f"{program}\n")
        link = self.path(f"/proc/{pid}/fd/3")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)

    def run(self, *command: str) -> str:
        return self.programs.get(command, "")

    def has_module(self, name: str) -> bool:
        return name not in self.missing

    def load_error(self, name: str) -> str:
        return self.load_errors.get(name, "")

    def query_capability(self, path: str) -> Capability | None:
        return None if self.open_errors.get(path) else self.capabilities.get(path)

    def reports_viewers(self, path: str) -> bool:
        return self.sends_events

    def formats(self, path: str) -> Sequence[PixelFormatInfo]:
        return self.pixel_formats.get(path, [])

    def open_errno(self, path: str) -> int:
        return self.open_errors.get(path, 0 if path in self.capabilities else errno.ENOENT)

    def probe_camera(self, device: str, size: Size, fps: float) -> CaptureProbe:
        if isinstance(self.probe, CameraError):
            raise self.probe
        return self.probe

    def load_model(self, model: str, threads: int) -> Any:
        if self.model_error:
            raise self.model_error

    def measure_frame_time(self, model: str, threads: int, size: Size) -> float:
        return self.frame_ms[size]

    def checkout(self) -> str:
        return self.checkout_folder
