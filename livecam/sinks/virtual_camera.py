"""Virtual camera sink, which call programs list as a webcam. The only module that imports pyvirtualcam."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import cast

from livecam.core.errors import SinkError
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame
from livecam.devices.discovery import CapabilityQuery, list_virtual_cameras, processes_using
from livecam.devices.v4l2 import (
    NegotiatedFormat,
    get_format,
    has_keep_format,
    query_capability,
    reset_format_command,
)
from livecam.imaging.ops import letterbox
from livecam.sinks.base import CameraBackend

_SETUP = {
    "linux": "sudo apt install v4l2loopback-dkms, then "
    "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livecam",
    "darwin": "install OBS 30 or newer and click Start Virtual Camera once in it, then Stop, and close it",
    "win32": "install OBS (obsproject.com) or Unity Capture, and stop OBS's own virtual camera",
}


BackendFactory = Callable[[Size, float, str | None], CameraBackend]
_SENT_FOURCC = "YU12"  # pyvirtualcam converts RGB to this for v4l2loopback


def open_pyvirtualcam(size: Size, fps: float, device: str | None) -> CameraBackend:
    """Open a camera of pyvirtualcam for RGB frames; its exceptions are not translated."""
    import pyvirtualcam

    camera = pyvirtualcam.Camera(
        size.width, size.height, fps, fmt=pyvirtualcam.PixelFormat.RGB, device=device, print_fps=False
    )
    return cast(CameraBackend, camera)


class VirtualCameraSink:
    """Sink that call programs list as a camera; `device` is the name or device file to choose there."""

    def __init__(
        self,
        size: Size,
        fps: float,
        *,
        device: str | None = None,
        opener: BackendFactory | None = None,
        ask: Callable[[str], NegotiatedFormat | None] = get_format,
    ) -> None:
        """Prepare the camera; `with` opens it.

        Args:
            size: Size of the camera; odd sides shrink by one, as its chroma is halved. Other frames get bars.
            fps: Rate that the camera reports; the sink does not pace.
            device: Name (on Linux also the card label) or device file; None takes the first free one.
            opener: Opens a camera as `open_pyvirtualcam` does.
            ask: Returns the format that a device insists on.
        """
        self.size = Size(max(2, size.width // 2 * 2), max(2, size.height // 2 * 2))
        self.fps = fps
        self.device = device or ""
        self._requested = device
        self._opener = opener or open_pyvirtualcam
        self._ask = ask
        self._backend: CameraBackend | None = None

    def __enter__(self) -> "VirtualCameraSink":
        """Open the camera.

        Raises:
            SinkError: There is none, it is busy, or it is a real camera; the text says what to install or do.
        """
        device = resolve_virtual_camera(self._requested) if self._requested else None
        backend = self._backend = self._open(device)
        self.device = backend.device
        try:
            self._adopt_pinned_format()
        except BaseException:
            self.close()
            raise
        return self

    def _open(self, device: str | None) -> CameraBackend:
        try:
            return self._opener(self.size, self.fps, device)
        except ImportError as error:
            raise SinkError(
                f"no virtual camera without pyvirtualcam: pip install pyvirtualcam ({error})"
            ) from error
        except Exception as error:  # pyvirtualcam raises RuntimeError, its backends others
            raise SinkError(open_failure_message(str(error), device)) from error

    def _adopt_pinned_format(self) -> None:
        """Adopt the size that the device insists on; refuse another pixel format."""
        pinned = self._ask(self.device) if sys.platform.startswith("linux") else None
        if pinned is None or pinned == (self.size, _SENT_FOURCC):
            return
        if pinned.fourcc != _SENT_FOURCC:
            raise SinkError(
                f"{self.device} keeps to {pinned.size} {pinned.fourcc}: close the programs that read it, "
                f"and run {reset_format_command(self.device)}"
            )
        self.close()
        self.size = pinned.size
        self._backend = self._open(self.device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, frame: Frame) -> None:
        """Show a frame to the programs that read the camera.

        Raises:
            FrameError: `frame` is not an RGB frame; a camera has no transparency.
            SinkError: The camera failed or is not open.
        """
        check_frame(frame)
        if self._backend is None:
            raise SinkError("the virtual camera is not open: use it in a with block")
        fitted = frame if Size.of(frame) == self.size else letterbox(frame, self.size)
        try:
            self._backend.send(fitted)
        except Exception as error:
            raise SinkError(
                f"virtual camera {self.device} stopped ({_line(error)}): start livecam again"
            ) from error

    def close(self) -> None:
        """Close the device without sending a frame. May be called again."""
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


def resolve_virtual_camera(
    name: str, sysfs: Path | None = None, ask: CapabilityQuery = query_capability
) -> str:
    """Return the device file of the virtual camera with the card label `name`; `name` if there is none."""
    loopbacks = list_virtual_cameras(sysfs, ask) if sysfs else list_virtual_cameras()
    for camera in loopbacks:
        if name.casefold() == camera.name.casefold():
            return camera.path
    return name


def open_failure_message(reason: str, device: str | None, platform: str = sys.platform) -> str:
    """Return one line on why a virtual camera cannot be opened, and the remedy.

    Args:
        reason: Error text of pyvirtualcam.
        device: The requested device, None for any.
        platform: As `sys.platform` names it.
    """
    reason_lower = reason.casefold()
    name = device or "the virtual camera"
    setup = _SETUP.get(platform, _SETUP["linux"])
    if "permission" in reason_lower:
        return f"no permission to open {name}: run sudo usermod -aG video $USER, then log out and in again"
    if "in use" in reason_lower or "busy" in reason_lower or "could not be started" in reason_lower:
        holders = ", ".join(processes_using(device)) if device else ""
        return f"{name} is busy: close {holders or 'the program that uses it'}, or pick another --device"
    if device and "not a video output" in reason_lower and has_keep_format(device):
        # With exclusive_caps=1 it then looks like a camera even when no program feeds it.
        return f"{device} keeps its format and can't be fed: run {reset_format_command(device)}"
    if device and "not a video output" in reason_lower:
        # With exclusive_caps=1 a loopback that is fed looks like a camera and no longer like an output.
        return (
            f"{device} is a real camera, or a program feeds it already: close that, or pick another --device"
        )
    if device and _is_foreign(reason_lower):
        there = ", ".join(map(str, list_virtual_cameras())) or "there is none yet"
        return f"{device} is no virtual camera ({there}): {setup}"
    if platform.startswith("linux") and list_virtual_cameras():
        return "every virtual camera is fed by another program: close it, or pick one by --device"
    # On Linux, pyvirtualcam's own text contains only half of the remedy.
    detail = "" if platform.startswith("linux") else f" ({_line(reason) or 'no backend'})"
    return f"no virtual camera{detail}: {setup}"


def _is_foreign(reason: str) -> bool:
    return any(phrase in reason for phrase in ("not exist", "not a v4l2", "not be queried", "not be opened"))


def _line(text: object) -> str:
    return " ".join(str(text).split())
