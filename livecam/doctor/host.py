"""Host system as the doctor examines it: files under a root, programs, drivers, two measurements."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from livecam.core.geometry import Size
from livecam.devices import discovery, v4l2
from livecam.devices.discovery import VideoDevice
from livecam.devices.v4l2 import Capability, PixelFormatInfo

_PROGRAM_TIMEOUT_SECONDS = 5.0
_PROBE_SECONDS, _PROBE_FRAMES = 2.0, 45
_TIMING_SECONDS, _WARM_UP_FRAMES, _TIMED_FRAMES = 2.0, 3, 30


@dataclass(frozen=True)
class CaptureProbe:
    """Result of probing a camera: granted size, promised and delivered rate in frames per second."""

    size: Size
    promised: float
    delivered: float


class Host:
    """Everything that the doctor reads from the system; tests replace it by `FakeHost`."""

    platform: str = sys.platform

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def path(self, path: str) -> Path:
        """Return an absolute path moved under the root."""
        return self._root / path.lstrip("/")

    def read_text(self, path: str) -> str:
        """Return the stripped text of a file; empty if it can't be read."""
        try:
            return self.path(path).read_text(errors="replace").strip()
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Return whether a file or folder exists, as far as permissions show it."""
        try:
            return self.path(path).exists()
        except OSError:
            return False

    def run(self, *command: str) -> str:
        """Return the output of a program, stderr included; empty if it is missing or takes over 5 s."""
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_PROGRAM_TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout

    def has_module(self, name: str) -> bool:
        """Return whether a Python module is installed, without importing it."""
        return find_spec(name) is not None

    def load_error(self, name: str) -> str:
        """Import a Python module; return the error in one line, empty if there is none."""
        try:
            __import__(name)
        except ImportError as error:
            return " ".join(str(error).split())
        return ""

    def checkout(self) -> str:
        """Return the folder of the git checkout that livecam runs from; empty if it was installed."""
        folder = Path(__file__).resolve().parents[2]
        return str(folder) if (folder / ".git").exists() else ""

    def query_capability(self, path: str) -> Capability | None:
        """Return what the driver of a device reports; None if it can't be queried."""
        return v4l2.query_capability(str(self.path(path)))

    def formats(self, path: str) -> Sequence[PixelFormatInfo]:
        """List the pixel formats of a device."""
        return v4l2.list_formats(str(self.path(path)))

    def open_errno(self, path: str) -> int:
        """Return the errno of opening a device; 0 if it opens."""
        return v4l2.open_errno(str(self.path(path)))

    def reports_viewers(self, path: str) -> bool:
        """Return whether the driver of a virtual camera sends events about its viewers."""
        try:
            handle = v4l2.subscribe_client_usage(str(self.path(path)))
        except OSError:
            return False
        if handle is not None:
            os.close(handle)
        return handle is not None

    def processes_using(self, path: str) -> list[str]:
        """List programs that have a device open, as ``name (pid 12)``; of other users only as root."""
        return discovery.processes_using(path, self.path("/proc"))

    def own_process_using(self, path: str) -> str:
        """Return another livecam that has a device open, as ``livecam (pid 12)``; empty if none has."""
        return next((each for each in self.processes_using(path) if each.startswith("livecam (")), "")

    def cameras(self) -> list[VideoDevice]:
        """List the real cameras."""
        return discovery.list_cameras(self.path(str(discovery.SYSFS)), self.query_capability)

    def virtual_cameras(self) -> list[VideoDevice]:
        """List the virtual cameras."""
        return discovery.list_virtual_cameras(self.path(str(discovery.SYSFS)), self.query_capability)

    def group_of(self, path: str) -> str:
        """Return the name of the group that owns a file; ``video`` if it can't be determined."""
        try:
            group_id = str(self.path(path).stat().st_gid)
        except OSError:
            return "video"
        rows = [line.split(":") for line in self.read_text("/etc/group").splitlines()]
        return next((row[0] for row in rows if len(row) > 3 and row[2] == group_id), "video")

    def is_listed(self, group: str) -> bool:
        """Return whether /etc/group lists the user in a group, even if this session began before."""
        user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
        rows = [line.split(":") for line in self.read_text("/etc/group").splitlines()]
        return any(len(row) > 3 and row[0] == group and user in row[3].split(",") for row in rows if user)

    def probe_camera(self, device: str, size: Size, fps: float) -> CaptureProbe:
        """Open a camera as livecam does and measure its rate for up to two seconds.

        Raises:
            CameraError: it gives no frames.
        """
        from livecam.sources.webcam import WebcamSource

        with WebcamSource(int(device) if device.isdigit() else device, size, fps) as camera:
            frames = iter(camera)
            next(frames)
            start, count = time.monotonic(), 0
            while count < _PROBE_FRAMES and time.monotonic() - start < _PROBE_SECONDS:
                next(frames)
                count += 1
            return CaptureProbe(camera.size, camera.fps, count / (time.monotonic() - start))

    def load_model(self, model: str, threads: int) -> Any:
        """Load the segmenter of a model.

        Raises:
            LivecamError: it can't be used.
        """
        from livecam.models.segmenter import LiteRTSegmenter

        return LiteRTSegmenter.load(model, threads)

    def measure_frame_time(self, model: str, threads: int, size: Size) -> float:
        """Return the median milliseconds that the pipeline takes for a frame of `size`.

        Raises:
            LivecamError: the model can't be used.
        """
        from livecam.pipeline import Pipeline
        from livecam.sources.demo import DemoSource

        pipeline, frame = Pipeline.load(model, "blur", threads=threads), DemoSource(size).frame_at(0.0)
        durations: list[float] = []
        try:
            end = time.monotonic() + _TIMING_SECONDS
            while len(durations) < _WARM_UP_FRAMES + 1 or (
                len(durations) < _TIMED_FRAMES and time.monotonic() < end
            ):
                start = time.perf_counter()
                pipeline.replace(frame)
                durations.append(time.perf_counter() - start)
        finally:
            pipeline.close()
        return 1e3 * statistics.median(durations[_WARM_UP_FRAMES:])
