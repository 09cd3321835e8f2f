"""The system as the doctor sees it: files under a root, programs, drivers, and two measurements."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from livecam.core.geometry import Size
from livecam.devices import discovery as devices
from livecam.devices.discovery import Capability, VideoDevice
from livecam.devices.v4l2 import PixelFormatInfo, list_formats
from livecam.devices.viewer_monitor import subscribe_client_usage

_PATIENCE_SECONDS = 5.0
_SHOT_SECONDS, _SHOT_FRAMES = 2.0, 45
_PACE_SECONDS, _PACE_WARM_UP, _PACE_FRAMES = 2.0, 3, 30


@dataclass(frozen=True)
class CaptureProbe:
    """What a camera gave when it was tried: its size, the frames a second it promised and delivered."""

    size: Size
    promised: float
    delivered: float


class Host:
    """Everything that the doctor reads; a test hands in one with another root and other answers."""

    platform: str = sys.platform

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def path(self, path: str) -> Path:
        """Where an absolute path lies."""
        return self._root / path.lstrip("/")

    def read_text(self, path: str) -> str:
        """A file's text without blanks around; empty where it can't be read."""
        try:
            return self.path(path).read_text(errors="replace").strip()
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder, as far as one may see."""
        try:
            return self.path(path).exists()
        except OSError:
            return False

    def run(self, *command: str) -> str:
        """What a program prints, errors too; empty where there is no such program, or it takes too long."""
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout

    def has_module(self, name: str) -> bool:
        """Whether Python can import it."""
        return find_spec(name) is not None

    def load_error(self, name: str) -> str:
        """Why Python can't load a module; empty if it can."""
        try:
            __import__(name)
        except ImportError as error:
            return " ".join(str(error).split())
        return ""

    def checkout(self) -> str:
        """The folder of the git checkout that livecam runs from; empty if it was installed."""
        folder = Path(__file__).resolve().parents[2]
        return str(folder) if (folder / ".git").exists() else ""

    def ask(self, path: str) -> Capability | None:
        """What the driver of a device says of it; None if it can't be asked."""
        return devices.query_capability(str(self.path(path)))

    def formats(self, path: str) -> list[PixelFormatInfo]:
        """What a device gives."""
        return list_formats(str(self.path(path)))

    def open_errno(self, path: str) -> int:
        """The errno of opening a device; 0 if it opens."""
        return devices.open_errno(str(self.path(path)))

    def reports_viewers(self, path: str) -> bool:
        """Whether the driver of a virtual camera says when somebody watches."""
        try:
            handle = subscribe_client_usage(str(self.path(path)))
        except (ImportError, OSError):
            return False
        if handle is not None:
            os.close(handle)
        return handle is not None

    def holders(self, path: str) -> list[str]:
        """Programs that have a device open, as ``name (pid 12)``; those of other users only for root."""
        return devices.processes_using(path, self.path("/proc"))

    def own_process_using(self, path: str) -> str:
        """Another livecam that has a device open, as `holders` names it; empty if there is none."""
        return next((holder for holder in self.holders(path) if holder.startswith("livecam (")), "")

    def cameras(self) -> list[VideoDevice]:
        """The real cameras."""
        return devices.list_cameras(self.path(str(devices.SYSFS)), self.ask)

    def loopbacks(self) -> list[VideoDevice]:
        """The virtual cameras."""
        return devices.list_virtual_cameras(self.path(str(devices.SYSFS)), self.ask)

    def group_of(self, path: str) -> str:
        """The name of the group that a file belongs to; ``video`` if that can't be told."""
        try:
            wanted = str(self.path(path).stat().st_gid)
        except OSError:
            return "video"
        rows = [line.split(":") for line in self.read_text("/etc/group").splitlines()]
        return next((row[0] for row in rows if len(row) > 3 and row[2] == wanted), "video")

    def is_listed(self, group: str) -> bool:
        """Whether the user is a member of a group by now, even if this session began before."""
        user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
        rows = [line.split(":") for line in self.read_text("/etc/group").splitlines()]
        return any(len(row) > 3 and row[0] == group and user in row[3].split(",") for row in rows if user)

    def probe_camera(self, words: str, size: Size, fps: float) -> CaptureProbe:
        """Open a camera as livecam does, and count what it gives for two seconds.

        Raises:
            CameraError: it gives nothing.
        """
        from livecam.sources.webcam import WebcamSource

        device = int(words) if words.isdigit() else words
        with WebcamSource(device, size, fps) as camera:
            frames = iter(camera)
            next(frames)
            start, count = time.monotonic(), 0
            while count < _SHOT_FRAMES and time.monotonic() - start < _SHOT_SECONDS:
                next(frames)
                count += 1
            return CaptureProbe(camera.size, camera.fps, count / (time.monotonic() - start))

    def load(self, model: str, threads: int) -> Any:
        """The segmenter of a model.

        Raises:
            LivecamError: it can't be used.
        """
        from livecam.models.segmenter import LiteRTSegmenter

        return LiteRTSegmenter.load(model, threads)

    def measure_frame_time(self, model: str, threads: int, size: Size) -> float:
        """Milliseconds that a frame of `size` takes from segmenting to the finished picture, the median.

        Raises:
            LivecamError: the model can't be used.
        """
        from livecam.pipeline import Pipeline
        from livecam.sources.demo import DemoSource

        pipeline, frame = Pipeline.load(model, "blur", threads=threads), DemoSource(size).frame_at(0.0)
        taken: list[float] = []
        try:
            end = time.monotonic() + _PACE_SECONDS
            while len(taken) < _PACE_WARM_UP + 1 or (len(taken) < _PACE_FRAMES and time.monotonic() < end):
                start = time.perf_counter()
                pipeline.replace(frame)
                taken.append(time.perf_counter() - start)
        finally:
            pipeline.close()
        return 1e3 * statistics.median(taken[_PACE_WARM_UP:])
