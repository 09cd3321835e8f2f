"""The virtual camera: a sink that other programs see as a webcam. The only module that knows pyvirtualcam."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, cast

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

_SETUP = {
    "linux": "sudo apt install v4l2loopback-dkms, then "
    "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=livecam",
    "darwin": "install OBS 30 or newer and click Start Virtual Camera once in it, then Stop, and close it",
    "win32": "install OBS (obsproject.com) or Unity Capture, and stop OBS's own virtual camera",
}


class CameraBackend(Protocol):
    """The part of pyvirtualcam.Camera that the sink uses."""

    @property
    def device(self) -> str:
        """Its name, as call programs list it, or its device file."""

    def send(self, frame: Frame) -> None:
        """Show a frame (RGB)."""

    def close(self) -> None:
        """Give the device back."""


CaptureFactory = Callable[[Size, float, str | None], CameraBackend]
_SENT = "YU12"  # what pyvirtualcam makes of RGB for v4l2loopback


def open_pyvirtualcam(size: Size, fps: float, device: str | None) -> CameraBackend:
    """Open pyvirtualcam's camera for RGB frames. Raises what pyvirtualcam raises."""
    import pyvirtualcam

    camera = pyvirtualcam.Camera(
        size.width, size.height, fps, fmt=pyvirtualcam.PixelFormat.RGB, device=device, print_fps=False
    )
    return cast(CameraBackend, camera)


class VirtualCameraSink:
    """A sink that call programs list as a camera; `device` is the name or device file to pick there."""

    def __init__(
        self,
        size: Size,
        fps: float,
        *,
        device: str | None = None,
        opener: CaptureFactory | None = None,
        ask: Callable[[str], NegotiatedFormat | None] = get_format,
    ) -> None:
        """Note what to open; `with` opens it.

        Args:
            size: of the camera; odd sides shrink by one, as its colours are halved. Other frames get bars.
            fps: told to the camera; it doesn't pace.
            device: a name (on Linux the card label too) or device file; None takes the first that is free.
            opener: opens a camera as `open_pyvirtualcam` does.
            ask: tells the format that a device insists on.
        """
        self.size = Size(max(2, size.width // 2 * 2), max(2, size.height // 2 * 2))
        self.fps = fps
        self.device = device or ""
        self._asked = device
        self._opener = opener or open_pyvirtualcam
        self._ask = ask
        self._door: CameraBackend | None = None

    def __enter__(self) -> "VirtualCameraSink":
        """Open it.

        Raises:
            SinkError: there is none, it is busy, or it is a real camera; the text says what to install or do.
        """
        device = resolve_virtual_camera(self._asked) if self._asked else None
        door = self._door = self._open(device)
        self.device = door.device
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
        except Exception as error:  # RuntimeError by its own words, others by its backends
            raise SinkError(open_failure_message(str(error), device)) from error

    def _adopt_pinned_format(self) -> None:
        """Take the size that the device insists on; a kind of pixels that isn't ours can't be helped."""
        kept = self._ask(self.device) if sys.platform.startswith("linux") else None
        if kept is None or kept == (self.size, _SENT):
            return
        if kept.fourcc != _SENT:
            raise SinkError(
                f"{self.device} keeps to {kept.size} {kept.fourcc}: close the programs that read it, "
                f"and run {reset_format_command(self.device)}"
            )
        self.close()
        self.size = kept.size
        self._door = self._open(self.device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, frame: Frame) -> None:
        """Show a frame to whoever watches.

        Raises:
            FrameError: it is none; a cutout isn't either, as a camera has no transparency.
            SinkError: the camera can't go on, or isn't open.
        """
        check_frame(frame)
        if self._door is None:
            raise SinkError("the virtual camera is not open: use it in a with block")
        fitting = frame if Size.of(frame) == self.size else letterbox(frame, self.size)
        try:
            self._door.send(fitting)
        except Exception as error:
            raise SinkError(
                f"virtual camera {self.device} stopped ({_line(error)}): start livecam again"
            ) from error

    def close(self) -> None:
        """Give the device back, sending nothing more; once is enough, more is harmless."""
        door, self._door = self._door, None
        if door is not None:
            door.close()


def resolve_virtual_camera(
    words: str, sysfs: Path | None = None, ask: CapabilityQuery = query_capability
) -> str:
    """The device file of the virtual camera with the card label `words`; `words` itself where none has it."""
    loopbacks = list_virtual_cameras(sysfs, ask) if sysfs else list_virtual_cameras()
    for camera in loopbacks:
        if words.casefold() == camera.name.casefold():
            return camera.path
    return words


def open_failure_message(words: str, device: str | None, platform: str = sys.platform) -> str:
    """One line on why a virtual camera can't be opened and what helps.

    Args:
        words: what pyvirtualcam said.
        device: the one that was asked for.
        platform: as `sys.platform` names it.
    """
    said = words.casefold()
    name = device or "the virtual camera"
    setup = _SETUP.get(platform, _SETUP["linux"])
    if "permission" in said:
        return f"no permission to open {name}: run sudo usermod -aG video $USER, then log out and in again"
    if "in use" in said or "busy" in said or "could not be started" in said:
        holders = ", ".join(processes_using(device)) if device else ""
        return f"{name} is busy: close {holders or 'the program that uses it'}, or pick another --device"
    if device and "not a video output" in said and has_keep_format(device):
        # With exclusive_caps=1 it looks like a camera then even when nobody feeds it.
        return f"{device} keeps its format and can't be fed: run {reset_format_command(device)}"
    if device and "not a video output" in said:
        # With exclusive_caps=1 a loopback that is fed looks like a camera and no longer like an output.
        return (
            f"{device} is a real camera, or a program feeds it already: close that, or pick another --device"
        )
    if device and _is_foreign(said):
        there = ", ".join(map(str, list_virtual_cameras())) or "there is none yet"
        return f"{device} is no virtual camera ({there}): {setup}"
    if platform.startswith("linux") and list_virtual_cameras():
        return "every virtual camera is fed by another program: close it, or pick one by --device"
    # Its own words for this on Linux tell half of the remedy.
    detail = "" if platform.startswith("linux") else f" ({_line(words) or 'no backend'})"
    return f"no virtual camera{detail}: {setup}"


def _is_foreign(said: str) -> bool:
    return any(phrase in said for phrase in ("not exist", "not a v4l2", "not be queried", "not be opened"))


def _line(words: object) -> str:
    return " ".join(str(words).split())
