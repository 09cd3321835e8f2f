"""Changes to a live run while it runs: settings, background, camera, recording, virtual camera."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from livecam.backgrounds.base import Background
from livecam.core.config import LiveSettings
from livecam.core.errors import CameraError, LivecamError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.core.paths import expand_user
from livecam.core.types import Frame
from livecam.devices.discovery import is_device_spec, list_cameras, processes_using, resolve_camera
from livecam.models.base import MatteModel
from livecam.pipeline import Pipeline, safe_standalone_frame
from livecam.runtime.controls import RunControls, close_source
from livecam.sinks.base import Sink, as_sink_error
from livecam.sources.base import Source

if TYPE_CHECKING:
    from livecam.sinks.recorder import Recorder

logger = logging.getLogger("livecam.runtime")

_SOURCE = frozenset({"camera", "size", "fps", "on_demand"})
_BACKGROUND = frozenset({"background", "fit", "slide_seconds"})
_MODEL = frozenset({"model", "threads"})
_VIRTUAL_CAMERA = frozenset({"virtual_camera", "device"})
_RELEASE_SECONDS = 5.0  # a driver may take so long to close a camera
_REMOVE_SECONDS = 5.0  # the loop executes a command within 0.1 s, unless a sink blocks it


class RunningSink(Sink, Protocol):
    """Virtual camera that is open."""

    device: str

    def close(self) -> None:
        """Close the device."""


@dataclass(frozen=True)
class Stages:
    """What builds the parts of a run from its settings; each call may raise LivecamError.

    Attributes:
        open_source: opens (enters) a source; receives the settings and the device of the virtual camera.
        load_model: loads the model.
        open_background: opens a background, by its name.
        build_pipeline: builds a pipeline of a loaded model and an open background, quickly.
        open_virtual_camera: opens a virtual camera of a size and rate.
    """

    open_source: Callable[[LiveSettings, str], Source]
    load_model: Callable[[LiveSettings], MatteModel]
    open_background: Callable[[LiveSettings, str], Background]
    build_pipeline: Callable[[LiveSettings, MatteModel, Background], Pipeline]
    open_virtual_camera: Callable[[LiveSettings, Size, float], RunningSink]


@dataclass(frozen=True)
class RecordingStatus:
    """State of the latest recording: its file, seconds and bytes so far, and why it failed."""

    path: Path
    seconds: float
    size_bytes: int
    running: bool
    error: str = ""


class GuardedSink:
    """Sink that was added to a run: if it fails, it is left out and the run goes on without an error."""

    def __init__(self, sink: Sink) -> None:
        self.error = ""
        self._sink = sink

    def send(self, frame: Frame) -> None:
        """Send a frame, unless an earlier one failed."""
        if self.error:
            return
        try:
            self._sink.send(frame)
        except Exception as error:
            self.error = str(as_sink_error(error))
            logger.warning("%s", self.error)


class LiveChanges:
    """Changes a run from other threads. Each method returns when the loop has, or will have, the change.

    If something cannot be opened, the present one stays and the error is raised. One change at a time.

    Attributes:
        settings: The present settings.
        source: The present source; closed by the run.
        is_changing: True while `change` is at work; other work that takes long should wait then.
    """

    def __init__(
        self,
        settings: LiveSettings,
        controls: RunControls,
        stages: Stages,
        source: Source,
        model: MatteModel,
        virtual_camera: RunningSink | None = None,
        recorder: "Recorder | None" = None,
    ) -> None:
        """Describe the run, which has begun or will begin.

        Args:
            settings: of the run.
            controls: command queue of the run.
            stages: what builds the parts.
            source: the source, open already.
            model: the loaded model.
            virtual_camera: the virtual camera, if it is open.
            recorder: the recording that the run begins with, if there is one; an error of it ends the run.
        """
        self.settings, self.source = settings, source
        self._controls, self._stages, self._model = controls, stages, model
        self._lock = threading.RLock()
        self._virtual_camera = virtual_camera
        self._virtual_camera_sink: Sink | None = virtual_camera
        self._recorder: Recorder | None = recorder
        self._recorder_sink: Sink | None = recorder
        self._recording = None if recorder is None else RecordingStatus(recorder.path, 0.0, 0, running=True)
        self._released = self._closed = False
        self.is_changing = False

    @property
    def virtual_camera_device(self) -> str:
        """Device of the virtual camera; empty while it is off."""
        camera, sink = self._virtual_camera, self._virtual_camera_sink
        return camera.device if camera is not None and not _error_of(sink) else ""

    @property
    def viewers(self) -> list[str]:
        """Programs that read the virtual camera, as ``name (pid 12)``; takes some milliseconds."""
        device = self.virtual_camera_device
        return processes_using(device) if device else []

    @property
    def recording(self) -> RecordingStatus | None:
        """The latest recording; None if there was none."""
        recorder, sink = self._recorder, self._recorder_sink
        if recorder is None or sink is None or self._recording is None:
            return self._recording
        size = _file_size(recorder.written_path)
        return replace(
            self._recording,
            seconds=recorder.seconds,
            size_bytes=size,
            running=not _error_of(sink),
            error=_error_of(sink),
        )

    def change(self, **values: Any) -> LiveSettings:
        """Change settings by name.

        Returns:
            The new settings.

        Raises:
            LivecamError: a value cannot be used, or something cannot be opened; nothing has changed then,
                except settings of other parts that were given in the same call.
        """
        with self._lock:
            self.is_changing = True
            try:
                return self._change(values)
            finally:
                self.is_changing = False

    def _change(self, values: dict[str, Any]) -> LiveSettings:
        unknown = values.keys() - {field.name for field in fields(LiveSettings)}
        if unknown:
            raise UsageError(f"there is no setting {sorted(unknown)[0]!r}")
        new = replace(self.settings, **values)
        changed = {name for name in values if getattr(new, name) != getattr(self.settings, name)}
        self._change_source(new, changed)
        self._change_model(new, changed)
        self._change_background(new, changed)
        self._change_virtual_camera(new, changed)
        if new.picture != self.settings.picture:
            self._controls.set_picture(new.picture)
        self.settings = new
        return new

    def _merge(self, new: LiveSettings, names: frozenset[str]) -> None:
        """Store the settings of one part that was changed, in case another part fails."""
        self.settings = replace(self.settings, **{name: getattr(new, name) for name in names})

    def _change_background(self, new: LiveSettings, changed: set[str]) -> None:
        if not changed & _BACKGROUND:
            return
        background = self._stages.open_background(new, new.background[0])
        if background.is_transparent:
            background.close()
            raise UsageError("a transparent background can only be recorded from the command line")
        # Drawn here once, because the loop must not wait for it.
        safe_standalone_frame(background, self.source.size)
        self._controls.set_background(background)
        self._merge(new, _BACKGROUND)

    def _change_model(self, new: LiveSettings, changed: set[str]) -> None:
        if changed & _MODEL:
            self._model = self._stages.load_model(new)
            self._rebuild_pipeline(new)
            self._merge(new, _MODEL)

    def reload_model(self) -> None:
        """Load the model of the settings again, because its files are new.

        Raises:
            LivecamError: it cannot be loaded; the present one stays.
        """
        with self._lock:
            self._model = self._stages.load_model(self.settings)
            self._rebuild_pipeline(self.settings)

    def _rebuild_pipeline(self, new: LiveSettings) -> None:
        build, model = self._stages.build_pipeline, self._model
        self._controls.replace_pipeline(lambda previous: build(new, model, previous.background))

    def _change_source(self, new: LiveSettings, changed: set[str]) -> None:
        if not changed & _SOURCE:
            return
        if new.on_demand and not self.virtual_camera_device:
            raise UsageError("on demand needs the virtual camera: switch it on first")
        if _same_camera(self.settings.camera, new.camera) or changed & {"on_demand"}:
            self._reopen_source(new)
        else:
            self.source = self._open(new)
            self._controls.replace_source(self.source)
        self._merge(new, _SOURCE)

    def _reopen_source(self, new: LiveSettings) -> None:
        """Close the camera first: a device cannot be opened twice."""
        self._controls.release_source().wait(_RELEASE_SECONDS)
        try:
            self.source = self._open(new)
        except LivecamError as error:
            try:
                self.source = self._open(self.settings)
            except LivecamError as second:
                raise CameraError(
                    f"{error.problem}; the camera of before: {second.problem}", second.hint
                ) from error
            self._controls.replace_source(self.source)
            raise
        self._controls.replace_source(self.source)

    def release_camera(self) -> None:
        """Close the camera, so that another program can use it; the background alone is shown meanwhile.

        Does nothing for a source that several programs can read, such as the demo or a file.
        """
        with self._lock:
            if _device(self.settings.camera) and not self._released:
                self._released = True
                self._controls.release_source().wait(_RELEASE_SECONDS)

    def take_camera_back(self) -> None:
        """Open the camera again, if `release_camera` closed it.

        Raises:
            LivecamError: it cannot be opened.
        """
        with self._lock:
            if not self._released:
                return
            self._released = False
            self.source = self._open(self.settings)
            self._controls.replace_source(self.source)

    def _open(self, settings: LiveSettings) -> Source:
        try:
            source = self._stages.open_source(settings, self.virtual_camera_device)
        except LivecamError:
            raise
        except Exception as error:
            raise CameraError(f"the camera {settings.camera} can't be opened ({error})") from error
        if self._closed:
            close_source(source)
        return source

    def _change_virtual_camera(self, new: LiveSettings, changed: set[str]) -> None:
        if not changed & _VIRTUAL_CAMERA:
            return
        if self.virtual_camera_device and not new.virtual_camera and new.on_demand:
            raise UsageError("on demand needs the virtual camera: switch on demand off first")
        # Opened before the present one is closed: if that fails, the present one stays.
        camera = (
            self._stages.open_virtual_camera(new, self.source.size, self.source.fps)
            if new.virtual_camera
            else None
        )
        self._close_virtual_camera()
        if camera is not None:
            self._virtual_camera = camera
            self._virtual_camera_sink = GuardedSink(camera)
            self._controls.add_sink(self._virtual_camera_sink)
        self._merge(new, _VIRTUAL_CAMERA)

    def switch_virtual_camera(self, on: bool) -> None:
        """Open or close the virtual camera, whatever the settings say.

        Raises:
            LivecamError: it cannot be opened, or `on_demand` needs it.
        """
        with self._lock:
            if on != bool(self.virtual_camera_device):
                self._change_virtual_camera(replace(self.settings, virtual_camera=on), {"virtual_camera"})

    def _close_virtual_camera(self) -> None:
        camera, sink = self._virtual_camera, self._virtual_camera_sink
        self._virtual_camera = self._virtual_camera_sink = None
        if sink is not None:
            self._controls.remove_sink(sink).wait(_REMOVE_SECONDS)
        if camera is not None:
            camera.close()

    def start_recording(self, path: Path) -> RecordingStatus:
        """Record to a new file from the next frame on.

        Raises:
            UsageError: a recording is running, or the file exists.
            SinkError: nothing can be written there.
        """
        # Imported here, because PyAV costs 80 ms that a run without a recording does not need.
        from livecam.sinks.recorder import Recorder

        with self._lock:
            status = self.recording
            if status is not None and status.running:
                raise UsageError(f"a recording is running: {status.path.name}", "stop it first")
            self.stop_recording()
            recorder = Recorder(path, self.source.size, self.source.fps)
            recorder.__enter__()
            guarded = GuardedSink(recorder)
            self._recorder, self._recorder_sink = recorder, guarded
            recording = self._recording = RecordingStatus(path, 0.0, 0, running=True)
            self._controls.add_sink(guarded)
            return recording

    def stop_recording(self) -> RecordingStatus | None:
        """Finish the recording; a file with what was recorded stays. Returns its status, if there was one."""
        with self._lock:
            recorder, sink, status = self._recorder, self._recorder_sink, self.recording
            if recorder is None or sink is None or status is None:
                return self._recording
            self._controls.remove_sink(sink).wait(_REMOVE_SECONDS)
            error = _error_of(sink)
            try:
                recorder.close()
            except SinkError as failure:
                error = error or str(failure)
            self._recorder = self._recorder_sink = None
            self._recording = replace(
                status,
                seconds=recorder.seconds,
                size_bytes=_file_size(status.path),
                running=False,
                error=error,
            )
            return self._recording

    def close(self) -> None:
        """Finish the recording and close the virtual camera, at the end of the run. May be called again."""
        self._closed = True
        with self._lock:
            # The run itself closes the recording that it began with, and reports its error.
            if isinstance(self._recorder_sink, GuardedSink):
                self.stop_recording()
            self._close_virtual_camera()


def _error_of(sink: Sink | None) -> str:
    return sink.error if isinstance(sink, GuardedSink) else ""


def _same_camera(first: str, second: str) -> bool:
    """Return whether both name the same device, which cannot be opened twice."""
    return first == second or _device(first) == _device(second) != ""


def _device(spec: str) -> str:
    if spec.strip().lower() == "demo" or (not is_device_spec(spec) and expand_user(spec).exists()):
        return ""
    with suppress(LivecamError):
        found = resolve_camera(spec, list_cameras)
        return f"/dev/video{found}" if isinstance(found, int) else os.path.realpath(found)
    return ""


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
