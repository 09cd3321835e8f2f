"""What the page shows of a run: everything that rarely changes, and the figures of each second."""

import os
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livecam import __version__
from livecam.core.config import LiveSettings, data_dir
from livecam.core.errors import LivecamError, UsageError
from livecam.core.fileio import translate_os_errors
from livecam.core.media_types import PROCEDURAL_NAMES
from livecam.devices.discovery import list_cameras, list_virtual_cameras
from livecam.models.registry import list_builtin, list_user
from livecam.panel.gallery import MAX_VIDEO_BYTES, Gallery, limits_text
from livecam.panel.learning import LearnRun, LearnStatus, own_models
from livecam.panel.settings_view import all_values, picture_settings
from livecam.runtime.controls import RunControls, RunFigures
from livecam.runtime.live_changes import LiveChanges, RecordingStatus

HISTORY_SECONDS = 120
SIZES = ("640x360", "640x480", "1280x720", "1920x1080")
RATES = (10, 15, 24, 25, 30, 60)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_VIEWERS_SECONDS = 2.0


def recordings_dir() -> Path:
    """Return the folder of the recordings made by the page."""
    return data_dir() / "recordings"


@dataclass
class _Sample:
    """Figures at a moment, to compute rates from."""

    time: float
    cpu_seconds: float
    figures: RunFigures


class StatusMeter:
    """Computes the figures of each second: rates, delay, share of the processor. Used by one thread."""

    def __init__(self, controls: RunControls) -> None:
        self._controls = controls
        self._before = self._sample()
        self._seconds = 0
        self._history: deque[dict[str, float]] = deque(maxlen=HISTORY_SECONDS)

    @property
    def history(self) -> list[dict[str, float]]:
        """The figures of the last two minutes, the newest last."""
        return list(self._history)

    def measure(self) -> dict[str, float]:
        """Return the figures since the last call; `second` counts calls, `cpu` is in % of the machine."""
        now, before = self._sample(), self._before
        seconds = max(now.time - before.time, 1e-3)
        self._before = now
        self._seconds += 1
        figures: dict[str, float] = {
            "second": self._seconds,
            "fps": round((now.figures.frames_shown - before.figures.frames_shown) / seconds, 1),
            "delay_ms": round(now.figures.delay_seconds * 1000, 1),
            "cpu": round(100 * (now.cpu_seconds - before.cpu_seconds) / seconds / (os.cpu_count() or 1), 1),
            "dropped": max(0, now.figures.frames_dropped - before.figures.frames_dropped),
            "failed": now.figures.frames_failed - before.figures.frames_failed,
        }
        self._history.append(figures)
        return figures

    def _sample(self) -> _Sample:
        return _Sample(time.monotonic(), time.process_time(), self._controls.figures)


class LiveState:
    """Describes a run as JSON values. `status` is used by one thread, the others by any."""

    def __init__(
        self, controls: RunControls, changes: LiveChanges, gallery: Gallery, learn_run: LearnRun
    ) -> None:
        self.meter = StatusMeter(controls)
        self._controls, self._changes, self._gallery = controls, changes, gallery
        self._learn_run = learn_run
        self._start_backgrounds = changes.settings.background
        self._start_camera = changes.settings.camera
        self._viewers: list[str] = []
        self._viewers_time = -_VIEWERS_SECONDS
        self._figures: dict[str, float] = {}

    def status(self, *, measure: bool = False) -> dict[str, Any]:
        """Return what changes every second; with `measure`, new figures."""
        if measure:
            self._figures = self.meter.measure()
        return {
            "type": "status",
            "state": self._controls.state.value,
            "paused": self._controls.paused,
            "figures": self._figures,
            "learn": _describe_learning(self._learn_run.status),
            "recording": _describe_recording(self._changes.recording),
            "virtualCamera": {"device": self._changes.virtual_camera_device, "viewers": self._find_viewers()},
        }

    def describe(self) -> dict[str, Any]:
        """Return everything that the page shows beside the status."""
        settings, source = self._changes.settings, self._changes.source
        return {
            "version": __version__,
            "settings": all_values(settings),
            "picture": picture_settings(),
            "background": self._describe_background(settings.background[0]),
            "backgrounds": {
                "builtin": list(PROCEDURAL_NAMES),
                "start": [Path(spec).name for spec in self._start_backgrounds],
                "items": [
                    {"id": item.id, "kind": item.kind.value, "title": item.title}
                    for item in self._gallery.items
                ],
                "limits": limits_text(),
                "maxBytes": MAX_VIDEO_BYTES,
            },
            "input": {
                "format": source.format_description,
                "cameras": self._cameras(settings),
                "sizes": _with_present(SIZES, str(settings.size)),
                "rates": sorted({*RATES, settings.fps}),
                "models": _with_present((*list_builtin(), *list_user()), settings.model),
                "threads": max(8, os.cpu_count() or 1, settings.threads),
            },
            "output": {
                "virtualCameras": [{"path": each.path, "name": each.name} for each in list_virtual_cameras()],
                "recordings": list_recordings(),
            },
            "learn": {"models": own_models()},
            "history": self.meter.history,
        }

    def background_spec(self, choice: Any) -> str:
        """Return what `create_background` takes for what was chosen on the page.

        Raises:
            UsageError: there is no such choice. A path never comes from the page.
        """
        if isinstance(choice, dict):
            kind, value = choice.get("kind"), choice.get("value")
            if kind == "blur" and isinstance(value, int | float) and 1 <= value <= 100:
                return f"blur:{value:g}"
            if kind == "color" and isinstance(value, str) and _COLOR.fullmatch(value):
                return value.lower()
            if kind == "builtin" and value in PROCEDURAL_NAMES:
                return str(value)
            if kind == "item" and isinstance(value, str):
                return str(self._gallery.path(value))
            if kind == "start" and isinstance(value, int) and 0 <= value < len(self._start_backgrounds):
                return self._start_backgrounds[value]
        raise UsageError("there is no such background", "load the page again")

    def _describe_background(self, spec: str) -> dict[str, Any]:
        """Return the choice that `background_spec` makes `spec` of."""
        name = spec.strip().casefold()
        if name == "blur" or name.startswith("blur:"):
            return {"kind": "blur", "value": float(name.partition(":")[2] or 25)}
        if _COLOR.fullmatch(name):
            return {"kind": "color", "value": name}
        if name in PROCEDURAL_NAMES:
            return {"kind": "builtin", "value": name}
        if item_id := self._gallery.id_of(spec):
            return {"kind": "item", "value": item_id}
        return {
            "kind": "start",
            "value": self._start_backgrounds.index(spec) if spec in self._start_backgrounds else 0,
        }

    def _cameras(self, settings: LiveSettings) -> list[dict[str, str]]:
        found = [{"value": each.path, "title": f"{each.name} ({each.path})"} for each in list_cameras()]
        known = {each["value"] for each in found} | {"demo"}
        more = [spec for spec in dict.fromkeys((settings.camera, self._start_camera)) if spec not in known]
        return [
            *({"value": spec, "title": spec} for spec in more),
            *found,
            {"value": "demo", "title": "demo"},
        ]

    def check_camera(self, spec: str) -> None:
        """Check that the page offers a camera.

        Raises:
            UsageError: it does not: a path never comes from the page.
        """
        if spec not in {each["value"] for each in self._cameras(self._changes.settings)}:
            raise UsageError(f"{spec[:40]!r} is none of the cameras", "plug it in, then load the page again")

    def check_model(self, name: str) -> None:
        """Check that the page offers a model.

        Raises:
            UsageError: it does not.
        """
        if name not in (*list_builtin(), *list_user(), self._changes.settings.model):
            raise UsageError(f"{name[:40]!r} is none of the models", "load the page again")

    def _find_viewers(self) -> list[str]:
        now = time.monotonic()
        if now - self._viewers_time >= _VIEWERS_SECONDS:
            self._viewers_time = now
            self._viewers = [re.sub(r" \(pid \d+\)$", "", each) for each in self._changes.viewers]
        return sorted(set(self._viewers))


def _with_present(values: Sequence[str], present: str) -> list[str]:
    return list(dict.fromkeys((*values, present)))


def _describe_learning(status: LearnStatus | None) -> dict[str, Any] | None:
    return None if status is None else asdict(status)


def _describe_recording(status: RecordingStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {
        "name": status.path.name,
        "seconds": round(status.seconds, 1),
        "bytes": status.size_bytes,
        "running": status.running,
        "error": status.error,
    }


def list_recordings() -> list[dict[str, Any]]:
    """Return the recordings made by the page, the newest first: `name`, `bytes`."""
    try:
        paths = [path for path in recordings_dir().iterdir() if path.suffix == ".mp4" and path.name[0] != "."]
        found = sorted(((path.stat().st_mtime, path) for path in paths), reverse=True)
        return [{"name": path.name, "bytes": path.stat().st_size} for _, path in found[:50]]
    except OSError:
        return []


def recording_path(name: str) -> Path:
    """Return the file of a recording.

    Raises:
        UsageError: there is no such recording; the name is compared with the list, never joined to a path.
    """
    if name not in {each["name"] for each in list_recordings()}:
        raise UsageError("there is no such recording", "load the page again")
    return recordings_dir() / name


def delete_recording(name: str) -> dict[str, Any]:
    """Delete a recording. Return an empty answer for the page.

    Raises:
        UsageError: there is no such recording.
        FileWriteError: it cannot be deleted.
    """
    path = recording_path(name)
    with translate_os_errors(path.parent):
        path.unlink(missing_ok=True)
    return {}


def new_recording_path() -> Path:
    """Return a path for a new recording; makes the folder.

    Raises:
        FileWriteError: the folder cannot be made.
    """
    folder = recordings_dir()
    with translate_os_errors(folder.parent):
        folder.mkdir(parents=True, exist_ok=True)
    stem = time.strftime("livecam-%Y-%m-%d-%H%M%S")
    names = [f"{stem}.mp4", *(f"{stem}-{number}.mp4" for number in range(2, 100))]
    for name in names:
        if not (folder / name).exists():
            return folder / name
    raise LivecamError("too many recordings in one second", "wait a moment")
